from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.audit.models import assign_judges, open_judges
from segdrone.classes import ClassTable
from segdrone.errors import ConfigError, DataError
from tests.helpers.audited import NAMES, write_judge
from tests.helpers.classic import COLORS, fitted
from tests.helpers.classic import write as write_classic


def test_photographs_are_judged_by_models_that_did_not_see_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = [write_judge(tmp_path / "a.npz", NAMES[:6]), write_judge(tmp_path / "b.npz", NAMES[6:9])]
    assigned = assign_judges(open_judges(paths), NAMES)
    used = ["".join(judge.path.stem for judge in assigned[name]) for name in NAMES]
    assert used == 6 * ["b"] + 3 * ["a"] + 3 * ["ab"]
    assert not caplog.records


def test_a_name_that_has_got_folders_is_that_of_the_same_photograph(tmp_path: Path) -> None:
    paths = [write_judge(tmp_path / "a.npz", NAMES[:6]), write_judge(tmp_path / "b.npz", NAMES[6:9])]
    now = [f"north/{name}" for name in NAMES] + ["south/new"]
    assigned = assign_judges(open_judges(paths), now)
    assert ["".join(judge.path.stem for judge in assigned[name]) for name in now] == 6 * ["b"] + 3 * ["a"] + 4 * ["ab"]


def test_it_is_said_once_that_a_model_was_trained_on_what_it_judges(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    judges = open_judges([write_judge(tmp_path / "a.npz", NAMES[:6])])
    assert all(assign_judges(judges, NAMES).values())
    assert len(caplog.messages) == 1 and caplog.messages[0].startswith("6 of 12 photographs have the names")


def test_a_model_that_does_not_know_its_photographs_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assign_judges(open_judges([write_judge(tmp_path / "a.npz")]), NAMES)
    assert len(caplog.messages) == 1 and "a.npz does not say" in caplog.messages[0]


def test_other_classes_and_the_same_file_twice_are_refused(tmp_path: Path) -> None:
    path = write_judge(tmp_path / "a.npz")
    other = ClassTable(("grass", "roof", "water"), tuple((int(r), int(g), int(b)) for r, g, b in COLORS))
    with pytest.raises(DataError, match="they differ in road"):
        open_judges([path, write_classic(tmp_path / "b.npz", fitted(), other)])
    with pytest.raises(ConfigError, match="twice"):
        open_judges([path, path])
