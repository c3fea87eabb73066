"""`segdrone serve` as a process: how it starts, stops and fails."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from segdrone.cli.main import commands
from segdrone.errors import ConfigError, SegdroneError
from tests.helpers.serving import photograph, slow_photograph, wait_until, write_model
from tests.serve.test_segment import post

Address = tuple[str, int]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "net.onnx")


@contextmanager
def serving(model: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[str], Address]]:
    """Runs the command in a process group of its own, and waits until it answers."""
    command = [sys.executable, "-m", "segdrone", "serve", str(model), "--port", "0", "--spool", str(folder / "spool")]
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, text=True, start_new_session=True)
    try:
        line = re.compile(r"serving net on http://127\.0\.0\.1:(\d+)/")
        wait_until(lambda: line.search((folder / "err").read_text()) or process.poll() is not None)
        found = line.search((folder / "err").read_text())
        assert found, (folder / "err").read_text()
        address = ("127.0.0.1", int(found[1]))
        wait_until(lambda: can_connect(address))
        yield process, address
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def can_connect(address: Address) -> bool:
    try:
        socket.create_connection(address).close()
    except OSError:
        return False
    return True


def is_busy(address: Address) -> bool:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while content := connection.recv(65536):
            answer += content
    return b"segdrone_workers_busy 1.0" in answer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_running_work_end(model: Path, tmp_path: Path, number: signal.Signals) -> None:
    with serving(model, tmp_path) as (process, address), ThreadPoolExecutor(1) as threads:
        assert post(address, photograph())[0] == 200
        running = threads.submit(post, address, slow_photograph())
        wait_until(lambda: is_busy(address))
        os.killpg(process.pid, number)  # to the workers too, as a terminal and systemd send it
        wait_until(lambda: not can_connect(address))
        assert not running.done()
        assert running.result(60)[0] == 200
        assert process.wait(60) == 0
    assert [*(tmp_path / "spool").iterdir()] == []
    assert (tmp_path / "err").read_text().count("\n") == 1
    lines = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [line["status"] for line in lines if line["route"] == "/v1/segment"] == [200, 200]


def test_a_second_ctrl_c_ends_at_once(model: Path, tmp_path: Path) -> None:
    with serving(model, tmp_path) as (process, address), ThreadPoolExecutor(1) as threads:
        running = threads.submit(post, address, photograph(2000, 3000))
        wait_until(lambda: is_busy(address))
        os.killpg(process.pid, signal.SIGINT)
        wait_until(lambda: not can_connect(address))
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(15) == 130
        assert running.exception(30) or running.result()[0] == 500
    assert [*(tmp_path / "spool").iterdir()] == []
    assert "Traceback" not in (tmp_path / "err").read_text()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_while_it_starts(model: Path, tmp_path: Path, number: signal.Signals, code: int) -> None:
    spool = tmp_path / "spool"
    process = subprocess.Popen(
        [sys.executable, "-m", "segdrone", "serve", str(model), "--port", "0", "--spool", str(spool)],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    wait_until(lambda: [*spool.glob("*/models/0/net.onnx")])
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert [*spool.iterdir()] == []


def test_workers_end_with_a_service_that_is_killed(model: Path, tmp_path: Path) -> None:
    with serving(model, tmp_path) as (process, _):
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.kill()
        wait_until(lambda: not any(child.is_running() and child.status() != "zombie" for child in children))


def run(*arguments: str | Path) -> SegdroneError:
    """Returns the error with which the command ends."""
    error = CliRunner().invoke(commands, ["serve", *map(str, arguments)]).exception
    assert isinstance(error, SegdroneError), error
    assert "\n" not in str(error)
    return error


def test_what_is_wrong_is_said_before_a_worker_starts(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"x")  # would be the next error
    (tmp_path / "tokens").touch()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"port {port} (Address already in use)" in str(run(broken, "--port", port))
    assert "does not exist" in str(run(model, tmp_path / "missing.onnx"))
    assert "two models have the name net" in str(run(model, model))
    assert "--token-file FILE, or --no-auth" in str(run(broken, "--host", "0.0.0.0"))
    assert "is empty" in str(run(broken, "--port", "0", "--token-file", tmp_path / "tokens"))
    assert "cannot listen on 192.0.2.1" in str(run(broken, "--host", "192.0.2.1", "--no-auth"))
    assert "give another --spool" in str(run(broken, "--port", "0", "--spool", broken))
    assert isinstance(run(broken, "--workers", "0"), ConfigError)
    assert str(broken) in str(run(broken, "--port", "0", "--spool", tmp_path / "spool"))


def test_a_missing_extra_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "segdrone.serve.server")
    assert str(run(model)) == "segdrone serve needs uvicorn: pip install 'segdrone[serve]'"
