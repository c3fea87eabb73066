"""Render sample scenes: images as a low-flying drone takes them, and their masks, from a seed."""

from segdrone.synthetic.scene import render_scene
from segdrone.synthetic.write import has_unfinished_scenes, write_scenes

__all__ = ["has_unfinished_scenes", "render_scene", "write_scenes"]
