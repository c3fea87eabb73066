"""segdrone: semantic segmentation of drone photographs with PyTorch Lightning and Hydra."""

import sys

__version__ = "0.1.0"

# OpenVINO (already when it is imported) and NNCF report their use to Google Analytics, leave files in the user's home
# folder, and can hold up the end of the process. Both do without the package that does this if it is not installed,
# which this entry makes them believe. It comes here, before any import of them.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
