"""Render sample scenes: images as a low-flying drone takes them, and their masks, from a seed."""

from segdrone.synthetic.scene import render_scene
from segdrone.synthetic.write import write_scenes

__all__ = ["render_scene", "write_scenes"]
