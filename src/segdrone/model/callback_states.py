"""Check the states of loops and callbacks in a checkpoint that is resumed, and keep what is given now."""

from __future__ import annotations

import logging
from typing import Any

from segdrone.errors import CheckpointError

log = logging.getLogger(__name__)


def restore_callbacks(checkpoint: dict[str, Any], trainer: Any) -> None:
    """Changes the states of a checkpoint to those that its callbacks go on with: the patience is that given now.

    Warns of a callback that keeps the best epoch, and kept it by another metric before.

    Args:
        checkpoint: Of Lightning; it is changed.
        trainer: Lightning's, which resumes it.

    Raises:
        CheckpointError: A state of a loop or a callback has another type than now.
    """
    states = {callback.state_key: callback.state_dict() for callback in trainer.callbacks}
    expected = {"callbacks": states, "loops": {"fit_loop": trainer.fit_loop.state_dict()}}
    if place := _find_other_type({key: checkpoint.get(key, {}) for key in expected}, expected):
        raise CheckpointError(f"the checkpoint cannot be resumed ({place}): start from its weights by init_from")
    saved = checkpoint.get("callbacks", {})
    for key, state in states.items():
        if "patience" in state and key in saved:
            saved[key]["patience"] = state["patience"]
    for callback in trainer.checkpoint_callbacks:
        if getattr(callback, "monitor", None) is not None and callback.state_key not in saved:
            log.warning(
                "resumed without the best %s of earlier epochs, which were kept by another metric: %s.ckpt is chosen "
                "from the epochs that follow", callback.monitor, callback.filename,
            )  # fmt: skip


def _find_other_type(saved: Any, current: Any, place: str = "") -> str | None:
    """Returns the place and type of the first value that has another type in a checkpoint than in this run."""
    if isinstance(current, dict) and isinstance(saved, dict):
        common = current.keys() & saved.keys()
        places = (_find_other_type(saved[key], current[key], f"{place}.{key}".lstrip(".")) for key in common)
        return next(filter(None, places), None)
    same = current is None or isinstance(saved, type(current)) or (saved is None and isinstance(current, str))
    return None if same else f"{place} is a {type(saved).__name__}"
