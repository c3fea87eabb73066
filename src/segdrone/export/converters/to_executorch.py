"""Convert an exported program of torch to ExecuTorch, for its XNNPACK backend: ARM and x86 CPUs."""

import json
import os
import sys
from pathlib import Path


def main(folder: str) -> None:
    """Converts the model of a folder; see the package."""
    os.chdir(folder)
    import numpy as np
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.runtime import Runtime

    trial = np.load("trial.npz")
    lowered = to_edge_transform_and_lower(torch.export.load("model.pt2"), partitioner=[XnnpackPartitioner()])
    Path("converted").write_bytes(lowered.to_executorch().buffer)
    method = Runtime.get().load_program("converted").load_method("forward")
    (probabilities,) = method.execute([torch.from_numpy(trial["image"])])
    difference = np.abs(probabilities.numpy() - trial["probabilities"]).max()
    Path("result.json").write_text(json.dumps({"difference": float(difference)}))


if __name__ == "__main__":
    main(sys.argv[1])
