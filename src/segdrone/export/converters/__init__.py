"""Scripts that convert a model in an environment of their own; they import nothing of segdrone.

Each is called with a folder, which holds the model, `trial.npz` (`image`, float32
`[1, 3, H, W]`, and the `probabilities` that the network computes of it) and `description.json`. The script writes
`converted`, a file or a folder, and `result.json`: the largest `difference` of its probabilities, null if it cannot run
here.
"""
