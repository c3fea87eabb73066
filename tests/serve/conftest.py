from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from segdrone.serve import process
from segdrone.serve.app import start_service
from segdrone.serve.pool import WorkerPool
from segdrone.serve.service import Service
from segdrone.serve.settings import ModelFile, ServeSettings
from segdrone.serve.worker import WorkerOptions
from tests.helpers.commands import fork_context
from tests.helpers.serving import left_in_spool, make_client, write_model


@pytest.fixture(scope="package", autouse=True)
def forked_workers() -> Iterator[None]:
    """Forks workers from the server that commands are forked from: a spawned one imports for seconds.

    tests/cli/test_serve.py spawns them, as a service does.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "CONTEXT", fork_context())
        yield


@pytest.fixture(scope="package")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of two models by name, which no test changes."""
    folder = tmp_path_factory.mktemp("models")
    return {
        "net": str(write_model(folder / "net.onnx")),
        "other": str(write_model(folder / "other.onnx", other=True)),
    }


@pytest.fixture(scope="package")
def pool(models: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerPool]:
    """A pool of one process with both models."""
    options = WorkerOptions("cpu", 1, str(tmp_path_factory.mktemp("spool")))
    with WorkerPool(models, options, size=1, timeout=60, max_queue=4) as pool:
        yield pool


@pytest.fixture(scope="package")
def two(models: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerPool]:
    """A pool of two processes with both models."""
    options = WorkerOptions("cpu", 1, str(tmp_path_factory.mktemp("spool")))
    with WorkerPool(models, options, size=2, timeout=60, max_queue=4) as pool:
        yield pool


@pytest.fixture(scope="package")
def service(models: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of one worker with both models; tests change its settings by `serving.client`."""
    files = [ModelFile(name, Path(path)) for name, path in models.items()]
    settings = ServeSettings(files, spool=tmp_path_factory.mktemp("spool"), max_queue=4, timeout=60)
    with start_service(settings) as service:
        yield service


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    """A client of the service with its own settings."""
    yield make_client(service)
    assert left_in_spool(service) == []
