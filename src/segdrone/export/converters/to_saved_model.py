"""Convert an exported program of torch to a SavedModel of TensorFlow, by way of StableHLO.

litert-torch and TensorFlow crash in one process, so that one lowers the program, and another saves it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

_SAVE = "--save"


def main(folder: str) -> None:
    """Converts the model of a folder; see the package."""
    os.chdir(folder)
    from litert_converter.mlir import passmanager
    from litert_torch.backend.export import exported_program_to_mlir
    from torch import export

    lowered = exported_program_to_mlir(export.load("model.pt2"))
    with lowered.ctx:
        passmanager.PassManager.parse("builtin.module(inline, cse, canonicalize, cse)").run(lowered.module.operation)
    text = lowered.module.operation.get_asm().replace("arith.constant", "stablehlo.constant")  # TensorFlow has no arith
    Path("model.mlir").write_text(text, encoding="utf-8")
    saving = subprocess.run([sys.executable, "-I", os.path.abspath(__file__), folder, _SAVE], stderr=subprocess.PIPE)
    sys.stderr.buffer.write(saving.stderr)
    sys.exit(saving.returncode)


def save(folder: str) -> None:
    """Saves the lowered program, and compares what it computes."""
    os.chdir(folder)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import numpy as np
    import tensorflow as tf
    from tensorflow.compiler.tf2xla.python import xla

    trial, program = np.load("trial.npz"), Path("model.mlir").read_text(encoding="utf-8")
    shape = trial["probabilities"].shape

    def predict(image: tf.Tensor) -> dict[str, tf.Tensor]:
        (probabilities,) = xla.call_module(
            (image,), version=xla.call_module_maximum_supported_version(), module=program, Tout=[tf.float32],
            Sout=[shape], platforms=["CPU"],
        )  # fmt: skip
        return {"probabilities": probabilities}

    model = tf.Module()
    model.description = tf.saved_model.Asset("description.json")  # becomes assets/description.json
    model.predict = tf.function(predict, input_signature=[tf.TensorSpec(trial["image"].shape, tf.float32, "image")])
    tf.saved_model.save(model, "converted", {"serving_default": model.predict})
    served = tf.saved_model.load("converted").signatures["serving_default"]
    probabilities = served(image=tf.constant(trial["image"]))["probabilities"].numpy()
    difference = np.abs(probabilities - trial["probabilities"]).max()
    Path("result.json").write_text(json.dumps({"difference": float(difference)}))


if __name__ == "__main__":
    (save if _SAVE in sys.argv else main)(sys.argv[1])
