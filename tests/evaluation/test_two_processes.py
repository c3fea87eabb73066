"""Two processes share the photographs of an evaluation in windows, and give the scores of one process."""

import json
import re
from pathlib import Path

import pytest

from segdrone.evaluation import evaluate
from tests.helpers.commands import REPO, Command
from tests.helpers.small_run import compose_config

CHECKPOINT = REPO / "tests" / "fixtures" / "checkpoint-0.1.0.ckpt"


@pytest.mark.slow
def test_two_processes_predict_half_of_the_photographs_each(all_scenes: Path, tmp_path: Path, command: Command) -> None:
    windows = ["inference=tiled", "inference.window=[32,48]"]
    options = [f"ckpt_path={CHECKPOINT}", f"data.root={all_scenes}", "split=all", "pictures=1", *windows,
               "objects=[keep-clear]"]  # fmt: skip
    devices = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    result = command("evaluate.py", *options, *devices, f"output_dir={tmp_path / 'two'}")
    assert result.returncode == 0, result.stderr
    assert set(re.findall(r"\d+/(\d+)", result.stderr.split("photographs:", 1)[1])) == {"10"}  # of 20 photographs
    assert result.stdout.count("20 photographs of") == 1
    one = evaluate(compose_config("evaluate", *options, "trainer=cpu", f"output_dir={tmp_path / 'one'}"))
    assert json.loads((tmp_path / "two" / "metrics.json").read_text()) == one
    figures = [{path.name for path in (tmp_path / name / "figures").iterdir()} for name in ("one", "two")]
    assert figures[0] == figures[1]
    sections = [things_section(tmp_path / name / "report.html") for name in ("one", "two")]
    assert sections[0] == sections[1] and sections[0].count("<article>") == 2  # split worst, merged worst


def things_section(page: Path) -> str:
    return page.read_text(encoding="utf-8").split('<section id="things"')[1].split("</section>")[0]
