"""Sample scenes: pictures and masks as a low-flying drone would take them, made from a seed."""

from segdrone.scenes.scene import render_scene
from segdrone.scenes.write import write_scenes

__all__ = ["render_scene", "write_scenes"]
