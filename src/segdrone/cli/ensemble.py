"""`segdrone ensemble`: one model of several. Everything is imported at run time, so that --help is fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def ensemble(
    checkpoints: Annotated[
        list[str],
        typer.Argument(metavar="CKPT...", help="Two or more checkpoints of the same classes.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.ckpt", help="Checkpoint to write.")],
) -> None:
    """Combine checkpoints into one model, which predicts the mean of their class probabilities.

    For example:

        segdrone train -m data.root=FOLDER seed=1,2 output_dir=SEEDS
        segdrone ensemble SEEDS/?/checkpoints/best.ckpt --out both.ckpt
        segdrone evaluate ckpt_path=both.ckpt
        segdrone predict both.ckpt flights/ --out predicted
        segdrone train model=realtime data.root=FOLDER distil_from=both.ckpt

    The networks can be different ones. The first checkpoint decides the size at
    which photographs are predicted. Prediction takes as long as that of all
    members together; a smaller network can learn from it by distil_from.

    Photographs that a member was trained on count as trained on in evaluation.
    """
    from segdrone.errors import ConfigError
    from segdrone.model.combine import combine_checkpoints
    from segdrone.model.weights_file import save_plain

    if out.suffix != ".ckpt":
        raise ConfigError(f"--out {out} must end with .ckpt")
    if out.exists():
        raise ConfigError(f"{out} exists: give another --out, or remove it")
    save_plain(combine_checkpoints(checkpoints), out)
    print(out)
