"""Convert TorchScript to Core ML, as an .mlpackage. It runs on Apple systems alone: only its form is checked."""

import json
import os
import sys
from pathlib import Path


def main(folder: str) -> None:
    """Converts the model of a folder; see the package."""
    os.chdir(folder)
    import coremltools as ct
    import numpy as np
    import torch

    trial = np.load("trial.npz")
    shapes = {"image": trial["image"].shape, "probabilities": trial["probabilities"].shape}
    model = ct.convert(
        torch.jit.load("model.pt").eval(),
        inputs=[ct.TensorType("image", shape=shapes["image"])],
        outputs=[ct.TensorType("probabilities")],
        minimum_deployment_target=ct.target.iOS16,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    )
    model.user_defined_metadata["segdrone"] = Path("description.json").read_text(encoding="utf-8")
    model.short_description = "Written by segdrone export."
    model.save("converted.mlpackage")
    description = ct.models.MLModel("converted.mlpackage", skip_model_load=True).get_spec().description
    written = {port.name: tuple(port.type.multiArrayType.shape) for port in [*description.input, *description.output]}
    if written != shapes:
        sys.exit(f"the file takes and returns {written}, not {shapes}")
    Path("converted.mlpackage").rename("converted")
    Path("result.json").write_text(json.dumps({"difference": None}))


if __name__ == "__main__":
    main(sys.argv[1])
