"""Convert an exported program of torch to LiteRT, formerly TensorFlow Lite: a .tflite file with metadata."""

import json
import os
import sys
from pathlib import Path
from typing import Any


def main(folder: str) -> None:
    """Converts the model of a folder; see the package."""
    os.chdir(folder)
    import litert_torch
    import numpy as np
    import torch
    from ai_edge_litert.interpreter import Interpreter

    trial = np.load("trial.npz")
    module = torch.export.load("model.pt2").module()
    litert_torch.convert(module, (torch.from_numpy(trial["image"]),)).export("converted")
    _add_metadata("converted", Path("description.json").read_bytes())
    interpreter = Interpreter("converted")
    interpreter.allocate_tensors()
    (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(inputs["index"], trial["image"])
    interpreter.invoke()
    difference = np.abs(interpreter.get_tensor(outputs["index"]) - trial["probabilities"]).max()
    Path("result.json").write_text(json.dumps({"difference": float(difference)}))


def _add_metadata(path: str, content: bytes) -> None:
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model: Any = flatbuffer_utils.read_model(path)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(content)
    model.buffers.append(buffer)
    entry.name, entry.buffer = "segdrone", len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    flatbuffer_utils.write_model(model, path)


if __name__ == "__main__":
    main(sys.argv[1])
