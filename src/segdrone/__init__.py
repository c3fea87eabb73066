"""segdrone: semantic segmentation of drone photographs with PyTorch Lightning and Hydra."""

import os
import sys

__version__ = "0.1.0"

# OpenVINO, NNCF (to Google) and ONNX Runtime (to Microsoft) report their use, already when they are imported, and leave
# files in the user's home folder. The first two do without the package for this if it is not installed, which the
# entry of None makes them believe. This comes here, before any import of them.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
