from __future__ import annotations

import logging

import pytest

from segdrone.annotations.servers.address import parse_address, read_token
from segdrone.errors import ConfigError


@pytest.mark.parametrize(
    "text",
    [
        "http://me:secret@labels.example.org",
        "https://secret@labels.example.org",
        "http://labels.example.org/?token=secret",
        "http://labels.example.org/#secret",
        "http://labels.example.org?",
    ],
)
def test_a_secret_in_the_address_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--push holds a user, a password or a query") as error:
        parse_address(text, "--push")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    ["labels.example.org", "ftp://labels.example.org", "http://", "file:///etc/passwd", "http://[::1", "http://a:b",
     "http://a:0", "http://a b", "http://a\n", "http://ä.example.org", "http:\\\\a", ""],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--push must be an address such as"):
        parse_address(text, "--push")


def test_a_token_without_encryption_is_warned_of_on_other_machines_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    addresses = ("http://127.0.0.1:8080/", "http://[::1]:8080", "http://localhost", "https://labels.example.org")
    assert [parse_address(text, "--push")[-1] for text in addresses] == ["0", "0", "t", "g"]
    assert not caplog.messages
    assert parse_address("http://labels.example.org", "--push") == "http://labels.example.org"
    assert "without encryption" in caplog.text


def test_the_first_token_that_is_set_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGDRONE_A", " ")
    monkeypatch.setenv("SEGDRONE_B", " word\n")
    assert read_token(("SEGDRONE_A", "SEGDRONE_B"), "there") == "word"
    with pytest.raises(ConfigError, match="SEGDRONE_A or SEGDRONE_C is not set .* from there"):
        read_token(("SEGDRONE_A", "SEGDRONE_C"), "there")


@pytest.mark.parametrize("token", ["two words", "a\r\nX-Header: b", "é"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("SEGDRONE_A", token)
    with pytest.raises(ConfigError, match="SEGDRONE_A is not one word") as error:
        read_token(("SEGDRONE_A",), "there")
    assert token not in str(error.value)
