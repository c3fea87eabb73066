"""Sample scenes: pictures and masks as a low-flying drone would take them, made from a seed."""

from segdrone.synthetic.scene import render_scene
from segdrone.synthetic.write import write_scenes

__all__ = ["render_scene", "write_scenes"]
