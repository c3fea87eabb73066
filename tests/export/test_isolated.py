"""Environments of converters are made once, with the packages that were asked for, and apart from segdrone's."""

import logging
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from segdrone.errors import CheckpointError, ConfigError
from segdrone.export.isolated import Environment, find_uv, run_script

pytestmark = pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="uv would download Python 3.11")


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A package of one module, as a wheel."""
    path, info = tmp_path / "greeting-1.0-py3-none-any.whl", "greeting-1.0.dist-info"
    with ZipFile(path, "w") as file:
        file.writestr("greeting.py", "TEXT = 'hello'\n")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGDRONE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def script(folder: Path, text: str) -> Path:
    path = folder / "script.py"
    path.write_text(text)
    return path


def test_an_environment_is_made_once_and_lacks_our_packages(
    wheel: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environment = Environment("greeting", (str(wheel),))
    program = script(
        tmp_path,
        "import sys, pathlib, importlib.util, greeting\n"
        "found = [name for name in ('segdrone', 'numpy', 'torch') if importlib.util.find_spec(name)]\n"
        "pathlib.Path(sys.argv[1]).write_text(f'{greeting.TEXT} {found}')\n",
    )
    with caplog.at_level(logging.WARNING):
        run_script(environment, program, [str(tmp_path / "said.txt")])
    assert (tmp_path / "said.txt").read_text() == "hello []"
    first, second = caplog.messages
    assert first.startswith(f"installing {wheel} into {environment.folder}") and "GB" in second
    caplog.clear()
    run_script(environment, program, [str(tmp_path / "again.txt")])
    assert caplog.messages == [] and (tmp_path / "again.txt").exists()


def test_a_script_that_fails_ends_in_its_last_line(wheel: Path, tmp_path: Path) -> None:
    environment = Environment("greeting", (str(wheel),))
    for text, reason in {"raise ValueError('no such operator')": "ValueError: no such operator",
                         "import sys; sys.exit('a file of two inputs')": "a file of two inputs",
                         "import os; os._exit(3)": "no reason is given"}.items():  # fmt: skip
        with pytest.raises(CheckpointError, match=f"^{reason}$"):
            run_script(environment, script(tmp_path, text), [])


def test_packages_that_cannot_be_installed_are_tried_again(wheel: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing" / wheel.name
    environment = Environment("greeting", (str(missing),))
    with pytest.raises(ConfigError, match=r"cannot be installed into .*greeting-\w+ \(.*\): check the network"):
        environment.python()
    missing.parent.mkdir()
    wheel.rename(missing)
    assert environment.python().exists()


def test_other_requirements_are_another_environment(wheel: Path) -> None:
    folders = {Environment("a", packages).folder for packages in [("b==1",), ("b==2",), ("b==1", "c")]}
    assert len(folders) == 3


def test_without_uv_the_refusal_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "uv", None)
    with pytest.raises(ConfigError, match="run pip install uv$"):
        find_uv()
