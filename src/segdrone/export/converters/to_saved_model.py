"""Convert an exported program of torch to a SavedModel of TensorFlow, by way of StableHLO."""

import json
import os
import sys
from pathlib import Path


def main(folder: str) -> None:
    """Converts the model of a folder; see the package."""
    os.chdir(folder)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import numpy as np
    import tensorflow as tf
    import torch
    from litert_torch.backend.export import exported_program_to_mlir

    trial = np.load("trial.npz")
    lowered = exported_program_to_mlir(torch.export.load("model.pt2"))

    class Model(tf.Module):
        """The network, with its description as `assets/description.json`."""

        def __init__(self) -> None:
            super().__init__()
            self.description = tf.saved_model.Asset("description.json")

        @tf.function(input_signature=[tf.TensorSpec(trial["image"].shape, tf.float32, "image")])
        def predict(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
            (probabilities,) = lowered.tf_function(image)
            return {"probabilities": probabilities}

    model = Model()
    tf.saved_model.save(model, "converted", {"serving_default": model.predict})
    served = tf.saved_model.load("converted").signatures["serving_default"]
    probabilities = served(image=tf.constant(trial["image"]))["probabilities"].numpy()
    difference = np.abs(probabilities - trial["probabilities"]).max()
    Path("result.json").write_text(json.dumps({"difference": float(difference)}))


if __name__ == "__main__":
    main(sys.argv[1])
