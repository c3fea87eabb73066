"""Find the models that come with segdrone.

`scenes` is an FPN on MobileNetV2 for the 23 classes of the Semantic Drone Dataset. `make scenes-weights` trained it on
rendered scenes alone, from random weights: no photograph is in it, and it has the license of segdrone.
"""

from __future__ import annotations

from pathlib import Path

INCLUDED = {"scenes": Path(__file__).with_name("scenes.ckpt")}
"""Files of the included models, by name."""


def find_model(model: str | Path) -> Path:
    """Returns the file of a model that is given by its path, or by the name of an included one.

    Args:
        model: The path or the name. A file of that name wins.

    Example:
        >>> find_model("scenes").name
        'scenes.ckpt'
        >>> find_model("outputs/best.ckpt").as_posix()
        'outputs/best.ckpt'
    """
    path = Path(model)
    return path if path.is_file() else INCLUDED.get(str(model), path)
