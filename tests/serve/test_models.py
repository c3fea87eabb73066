"""Models: their description, and their replacement under load."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from segdrone.classes import ClassTable
from segdrone.errors import CheckpointError
from segdrone.runtime.description import Description, Signature
from segdrone.runtime.onnx_file import read_onnx
from segdrone.serve.app import start_service
from segdrone.serve.models import ModelCopies
from segdrone.serve.service import Service
from segdrone.serve.settings import ModelFile, ServeSettings
from segdrone.spec import ModelSpec
from tests.helpers.service_page import SCORED
from tests.helpers.serving import (
    TILED,
    left_in_spool,
    listening,
    make_client,
    photograph,
    slow_photograph,
    wait_until,
)
from tests.helpers.small_graphs import graph, write
from tests.serve.test_segment import post


def digest(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def own(models: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of two workers, whose model file tests replace."""
    folder = tmp_path_factory.mktemp("own")
    file = ModelFile("net", Path(shutil.copy(models["net"], folder / "net.onnx")))
    with start_service(ServeSettings([file], workers=2, spool=folder / "spool", timeout=60)) as service:
        yield service


def test_a_model_is_described(service: Service, models: dict[str, str]) -> None:
    client = make_client(service)
    model = client.get("/v1/models/net").json()
    assert {key: model[key] for key in model if key != "spec"} == {
        "name": "net", "digest": digest(models["net"]), "runtime": "onnx", "device": "cpu", "precision": "fp32",
        "scores": None,
    }  # fmt: skip
    assert ModelSpec.from_dict(model["spec"]) == TILED
    answer = client.get("/v1/models").json()
    listed = answer["models"]
    assert [item["name"] for item in listed] == ["net", "other"]
    assert {*listed[0]} == {"name", "digest", "runtime", "device", "precision", "classes", "things", "scores"}
    assert (listed[0]["classes"], listed[0]["things"]) == ([*TILED.classes.names], ["car"])
    assert answer["jobs"] == (service.jobs is not None)
    assert listed[1]["digest"] == digest(models["other"])


def test_a_model_says_what_it_reached(tmp_path: Path) -> None:
    spec = replace(TILED, reference_statistics=SCORED)
    model = write(graph(), tmp_path / "net.onnx", Description(spec, Signature("unit", "probabilities")))
    with start_service(ServeSettings([ModelFile("net", model)], spool=tmp_path / "spool")) as service:
        described = make_client(service).get("/v1/models/net").json()
    assert described["scores"] == {
        "photographs": 54, "miou": 0.5034, "miou_interval": [0.47, 0.526], "class_ious": {"road": 0.9, "car": 0.125},
    }  # fmt: skip


@pytest.mark.parametrize("name", ["none", "net.onnx", "..", "%2e%2e%2fnet", "x" * 64, "net%00"])
def test_an_unknown_model(service: Service, name: str) -> None:
    client = make_client(service)
    assert client.get(f"/v1/models/{name}").status_code in (404, 422)
    assert client.post(f"/v1/models/{name}/reload").status_code in (404, 405, 422)


def test_a_model_is_replaced_under_load_without_a_lost_request(own: Service, models: dict[str, str]) -> None:
    path = own.models.files["net"].path
    before, after = digest(models["net"]), digest(models["other"])
    with listening(own, per_client=50) as address, ThreadPoolExecutor(4) as threads:
        running = threads.submit(post, address, slow_photograph())
        wait_until(lambda: [task for task in own.pool.running if task.progress[0]])
        shutil.copy(models["other"], path)
        assert post(address, photograph())[2]["model_digest"] == before  # nothing changes until it is asked for
        load = [threads.submit(post, address, photograph()) for _ in range(10)]
        answer = make_client(own).post("/v1/models/net/reload")
        load += [threads.submit(post, address, photograph()) for _ in range(10)]
        assert (answer.status_code, answer.json()["digest"]) == (200, after)
        answers = [future.result() for future in load]
        assert {status for status, _, _ in answers} == {200}
        assert {body["model_digest"] for _, _, body in answers[10:]} == {after}
        assert {body["model_digest"] for _, _, body in answers[:10]} <= {before, after}
        assert running.result()[2]["model_digest"] == before
    assert make_client(own).get("/v1/models/net").json()["digest"] == after
    assert len([*(own.spool / "models").iterdir()]) == 1
    assert left_in_spool(own) == []


def test_a_model_is_replaced_for_jobs_too(tmp_path: Path, models: dict[str, str]) -> None:
    """Also while their workers start; and a job that runs is not waited for."""
    file = ModelFile("net", Path(shutil.copy(models["net"], tmp_path / "net.onnx")))
    before, after = digest(models["net"]), digest(models["other"])
    with start_service(ServeSettings([file], spool=tmp_path / "spool")) as service:
        client, jobs = make_client(service), service.jobs
        assert jobs is not None

        def begin(content: bytes) -> str:
            address: str = client.post("/v1/jobs", content=content).headers["location"]
            return address

        def end(address: str) -> str:
            wait_until(lambda: client.get(address).json()["state"] == "done", 60)
            used: str = client.get(f"{address}/files/predict.json").json()["predictor"]["model"]
            assert client.get(address).json()["model_digest"] == used
            return used

        first = begin(photograph())
        shutil.copy(models["other"], file.path)
        assert client.post("/v1/models/net/reload").json()["digest"] == after
        assert end(first) in (before, after)
        assert end(begin(photograph())) == after
        slow = begin(slow_photograph())
        wait_until(lambda: client.get(slow).json()["progress"]["done"])
        shutil.copy(models["net"], file.path)
        assert client.post("/v1/models/net/reload").json()["digest"] == before
        assert client.get(slow).json()["state"] == "running"
        assert end(slow) == after
        assert end(begin(photograph())) == before
        assert len([*(service.spool / "models").iterdir()]) == 1


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07", None])
def test_a_broken_file_leaves_the_former_model(own: Service, models: dict[str, str], content: bytes | None) -> None:
    path, client = own.models.files["net"].path, make_client(own)
    shutil.copy(models["net"], path)
    assert client.post("/v1/models/net/reload").status_code == 200
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    response = client.post("/v1/models/net/reload")
    assert response.status_code == 409
    assert response.json()["detail"].startswith("the former model stays: ")
    assert str(own.spool) not in response.text
    assert client.get("/v1/models/net").json()["digest"] == digest(models["net"])
    for _ in range(3):
        assert client.post("/v1/segment", content=photograph()).json()["model_digest"] == digest(models["net"])
    assert len([*(own.spool / "models").iterdir()]) == 1


def test_a_worker_that_is_replaced_opens_the_model_of_the_others(own: Service, models: dict[str, str]) -> None:
    path, client = own.models.files["net"].path, make_client(own)
    shutil.copy(models["net"], path)
    assert client.post("/v1/models/net/reload").status_code == 200
    path.write_bytes(b"broken")
    before = own.pool.pids
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: own.pool.alive == 2 and not {*before} & {*own.pool.pids})
    assert client.post("/v1/segment", content=photograph()).json()["model_digest"] == digest(models["net"])


@pytest.mark.parametrize("location", ["net.data", "sub/net.data"])
def test_weights_in_a_file_of_their_own_are_copied_too(tmp_path: Path, location: str) -> None:
    path = tmp_path / "net.onnx"
    (tmp_path / location).parent.mkdir(exist_ok=True)
    onnx.save(graph(), path, save_as_external_data=True, location=location, size_threshold=0)
    copied = Path(ModelCopies([ModelFile("net", path)], tmp_path / "spool").paths["net"])
    assert copied != path
    assert read_onnx(copied).digest == read_onnx(path).digest
    assert read_onnx(path).digest != digest(path)


def test_the_error_of_a_broken_model_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"broken")
    settings = ServeSettings([ModelFile("net", path)], spool=tmp_path / "spool")
    with pytest.raises(CheckpointError) as caught, start_service(settings):
        raise AssertionError
    assert str(path) in str(caught.value)
    assert "spool" not in str(caught.value).replace(str(tmp_path), "")
    assert [*(tmp_path / "spool").iterdir()] == []


def test_the_error_of_one_of_two_models_of_one_name_names_its_file(tmp_path: Path, models: dict[str, str]) -> None:
    for folder in ("good", "bad"):
        (tmp_path / folder).mkdir()
    good = Path(shutil.copy(models["net"], tmp_path / "good" / "best.onnx"))
    spec = replace(TILED, classes=ClassTable(("a", "b"), TILED.classes.colours[:2]))  # of four that it predicts
    bad = write(graph(), tmp_path / "bad" / "best.onnx", Description(spec, Signature("unit", "probabilities")))
    settings = ServeSettings([ModelFile("good", good), ModelFile("bad", bad)], spool=tmp_path / "spool")
    with pytest.raises(CheckpointError) as caught, start_service(settings):
        raise AssertionError
    assert str(bad) in str(caught.value)
