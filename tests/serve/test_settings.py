"""Settings: what is refused before anything starts, and that each is described."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from segdrone.errors import CheckpointError, ConfigError
from segdrone.serve.settings import OPTIONS, ModelFile, ServeSettings

MODEL = ModelFile("net", Path(__file__))
REPO = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("net.onnx", "net"),
        ("a.b.xml", "a.b"),
        ("old=net.onnx", "old"),
        ("v1.2-x_y=net.onnx", "v1.2-x_y"),
        ("a=b.onnx", "x"),
    ],
)
def test_names_of_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("net.onnx", "a.b.xml"):
        Path(file).touch()
    if text == "a=b.onnx":  # a file of this very name
        Path(text).touch()
        with pytest.raises(ConfigError, match="give NAME=a=b.onnx"):
            ModelFile.parse(text)
        text = f"x={text}"
    assert ModelFile.parse(text) == (name, Path(text.removeprefix(f"{name}=") if "=" in text else text))


@pytest.mark.parametrize("text", ["/x=net", "=net", "..=net", "a b=net", "x" * 65 + "=net", "ä=net", "-a=net"])
def test_a_name_that_no_address_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net").touch()
    with pytest.raises(ConfigError, match="cannot be the name of a model"):
        ModelFile.parse(text)


@pytest.mark.parametrize("text", ["missing.onnx", "net=missing.onnx", ".", "net=", ""])
def test_a_model_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="does not exist or is no file"):
        ModelFile.parse(text)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"models": []}, "no model"),
        ({"models": [MODEL, MODEL]}, "two models have the name net: name one"),
        ({"port": -1}, "--port -1 must be from 0 to 65535"),
        ({"port": 65536}, "--port"),
        ({"workers": 0}, "--workers 0"),
        ({"max_queue": -1}, "--max-queue"),
        ({"timeout": 0}, "--timeout"),
        ({"timeout": float("nan")}, "--timeout nan"),
        ({"upload_timeout": -5}, "--upload-timeout"),
        ({"per_client": 0}, "--per-client"),
        ({"max_megabytes": 0}, "--max-megabytes"),
        ({"max_megapixels": 200}, "--max-megapixels 200 must be from 0.001 to 178"),
        ({"cors": ["*"]}, "--cors"),
        ({"cors": ["https://a.example/"]}, "without a path"),
        ({"cors": ["a.example"]}, "must be an origin"),
        ({"host": "0.0.0.0"}, "--token-file FILE, or --no-auth"),
        ({"host": "192.168.1.7"}, "can be reached by others"),
        ({"host": "::"}, "can be reached by others"),
        ({"host": "segment.example"}, "can be reached by others"),
        ({"host": ""}, "can be reached by others"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text) as caught:
        ServeSettings(**{"models": [MODEL], **settings})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_addresses_of_this_machine_need_no_token(host: str) -> None:
    assert ServeSettings([MODEL], host=host).is_local


def test_other_addresses_need_a_token_or_a_decision() -> None:
    assert not ServeSettings([MODEL], host="0.0.0.0", no_auth=True).is_local
    assert not ServeSettings([MODEL], host="::", token_file=Path("tokens")).is_local


@pytest.mark.parametrize(("threads", "workers", "each"), [("8", 2, 4), ("8", 3, 2), ("2", 4, 1), ("1", 1, 1)])
def test_workers_share_the_threads(monkeypatch: pytest.MonkeyPatch, threads: str, workers: int, each: int) -> None:
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", threads)
    assert ServeSettings([MODEL], workers=workers).threads == each


def test_every_setting_is_described_in_help_and_docs() -> None:
    text = (REPO / "docs" / "serve.md").read_text(encoding="utf-8")
    assert {*OPTIONS} == {item.name for item in fields(ServeSettings)} - {"models"}
    for name, help_text in OPTIONS.items():
        assert f"`--{name.replace('_', '-')}" in text
        assert help_text[0].isupper() or name == "device"
