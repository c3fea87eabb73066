"""A prediction over HTTP: the bytes of `segdrone predict`, options, and what ends a request."""

from __future__ import annotations

import http.client
import json
import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from segdrone.cli.main import commands
from segdrone.serve.answers import ANSWERS
from segdrone.serve.service import Service
from tests.helpers.serving import detail, left_in_spool, listening, make_client, photograph, slow_photograph, wait_until

FILES = {
    "masks": ".png",
    "colours": ".png",
    "confidence": ".png",
    "overlays": ".jpg",
    "regions": ".geojson",
    "objects": ".json",
}


def predict(model: str, content: bytes, folder: Path, suffix: str, *options: str) -> dict[str, bytes]:
    """Returns the files that `segdrone predict` writes, by kind."""
    file = folder / f"photograph{suffix}"
    file.write_bytes(content)
    arguments = [
        "predict",
        model,
        str(file),
        "--out",
        str(folder / "out"),
        "--confidence",
        "--regions",
        "--objects",
        "--quiet",
    ]
    assert CliRunner().invoke(commands, [*arguments, *options]).exit_code == 0
    return {kind: (folder / "out" / kind / f"photograph{end}").read_bytes() for kind, end in FILES.items()}


@pytest.mark.parametrize(
    ("kind", "suffix", "query"),
    [
        ("JPEG", ".jpg", {}),
        ("PNG", ".png", {"model": "other"}),
        ("TIFF", ".tif", {"min_area": 40, "fill_holes": 20, "refine": 4}),
        ("WEBP", ".webp", {"augment": "flips", "min_area": "car=90,tree=5"}),
    ],
)
def test_the_files_are_those_of_predict(
    client: TestClient, models: dict[str, str], tmp_path: Path, kind: str, suffix: str, query: dict[str, Any]
) -> None:
    content = photograph(100, 170, kind)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in query.items() if name != "model"]
    expected = predict(models[query.get("model", "net")], content, tmp_path, suffix, *options)
    for answer in ANSWERS[1:]:
        response = client.post("/v1/segment", params=query, content=content, headers={"accept": answer.accept})
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == answer.media_type
        assert response.content == expected[answer.kind], answer
    assert len({*expected.values()}) == len(expected)


def test_the_json_is_the_row_of_the_summary(client: TestClient, models: dict[str, str], tmp_path: Path) -> None:
    content = photograph(100, 170)
    predict(models["net"], content, tmp_path, ".jpg")
    header, row = (line.split(",") for line in (tmp_path / "out" / "summary.csv").read_text().splitlines())
    expected = dict(zip(header, row, strict=True))
    answer = client.post("/v1/segment?objects=true", content=content).json()
    assert answer["size"] == {"width": 170, "height": 100}
    for item in answer["classes"]:
        assert item["share"] == float(expected[f"share_{item['name']}"])
        assert item["objects"] == (int(expected["objects_car"]) if item["name"] == "car" else None)
    assert sum(item["share"] for item in answer["classes"]) == pytest.approx(1, abs=1e-5)
    assert (answer["digest"], answer["no_data"]) == (expected["digest"], float(expected["no_data"]))
    assert answer["confidence"] == float(expected["confidence"])
    assert (answer["model"], answer["captured"]) == ("net", None)
    assert answer["seconds"]["predicted"] > 0


def test_an_accept_header_may_have_several_lines(client: TestClient) -> None:
    for lines in ("text/html", "image/png"), ("application/json;q=0.5", "image/png"):
        headers = [("accept", line) for line in lines]
        answer = client.post("/v1/segment", content=photograph(), headers=headers)
        assert answer.headers["content-type"] == "image/png"


def test_a_form_gives_the_same_as_a_body(client: TestClient) -> None:
    content, accept = photograph(), {"accept": "image/png"}
    body = client.post("/v1/segment", content=content, headers=accept)
    for name in ("../../../etc/passwd", "a\x00b.jpg", "x" * 255, ""):
        form = client.post("/v1/segment", files={"photograph": (name, content)}, headers=accept)
        assert form.content == body.content


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("model=none", 404, "there is no model 'none': choose one of net, other"),
        ("model=%0A%1b", 404, "there is no model"),
        ("modell=net", 422, "the parameter 'modell' is unknown: choose from model, objects"),
        ("min_area=-1", 422, "min_area -1 must be pixels"),
        ("min_area=lake=5", 422, "min_area names lake"),
        ("min_area=99999999999999999999", 422, "must be pixels"),
        ("fill_holes=-1", 422, "fill_holes: "),
        ("fill_holes=1e400", 422, "fill_holes: "),
        ("refine=65", 422, "refine: "),
        ("augment=all", 422, "augment: "),
        ("objects=perhaps", 422, "objects: "),
    ],
)
def test_an_option_that_cannot_be_taken(client: TestClient, query: str, status: int, text: str) -> None:
    assert text in detail(client.post(f"/v1/segment?{query}", content=photograph()), status)


def test_a_model_without_objects_has_none_to_count(service: Service, tmp_path: Path) -> None:
    described = service.pool.descriptions["net"]["spec"]["classes"]
    assert "car" in described["names"]
    names, described["names"] = described["names"], ["a", "b", "c", "d"]
    try:
        for url, accept in (("/v1/segment?objects=1", "*/*"), ("/v1/segment", "application/vnd.coco+json")):
            response = make_client(service).post(url, content=photograph(), headers={"accept": accept})
            assert "no class of the model is an object" in detail(response, 422)
    finally:
        described["names"] = names


def post(address: tuple[str, int], content: bytes) -> tuple[int, dict[str, str], Any]:
    connection = http.client.HTTPConnection(*address)
    connection.request("POST", "/v1/segment", content, {"Content-Type": "image/jpeg"})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), json.loads(answer.read())


def start(pool: ThreadPoolExecutor, service: Service, address: tuple[str, int]) -> Future[Any]:
    """Sends a photograph that takes seconds, and waits until a worker has it."""
    future = pool.submit(post, address, slow_photograph())
    wait_until(lambda: [task for task in service.pool.running if task.progress[0]])
    return future


def test_a_full_queue_refuses_requests(service: Service) -> None:
    with listening(service, per_client=20) as address, ThreadPoolExecutor(8) as threads:
        first = start(threads, service, address)
        waiting = [threads.submit(post, address, photograph()) for _ in range(service.settings.max_queue)]
        wait_until(lambda: service.pool.waiting == service.settings.max_queue)
        status, headers, problem = post(address, photograph())
        assert (status, problem["title"]) == (429, "Too Many Requests")
        assert 1 <= int(headers["retry-after"]) <= 60
        assert [future.result()[0] for future in (first, *waiting)] == [200] * 5
    assert left_in_spool(service) == []


def test_a_killed_worker_costs_one_request(service: Service) -> None:
    with listening(service, per_client=20) as address, ThreadPoolExecutor(2) as threads:
        first, second = start(threads, service, address), threads.submit(post, address, photograph())
        wait_until(lambda: service.pool.waiting)
        client = make_client(service)
        os.kill(service.pool.pids[0], signal.SIGKILL)
        status, _, problem = first.result()
        assert status == 500
        assert problem["detail"].startswith("the worker has ended (signal 9)")
        assert client.get("/health/ready").status_code == 503
        assert second.result()[0] == 200
        assert client.get("/health/ready").json() == {"status": "ready", "workers": 1}
    assert left_in_spool(service) == []


def test_a_request_that_takes_too_long(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.pool, "timeout", 0.3)
    before, client = service.pool.pids, make_client(service)
    problem = detail(client.post("/v1/segment", content=slow_photograph()), 504)
    assert problem == "the request was stopped: it took more than 0.3 seconds"
    monkeypatch.undo()
    assert client.post("/v1/segment", content=photograph()).status_code == 200
    assert service.pool.pids != before
    assert left_in_spool(service) == []


@pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="limits of other processes are Linux's")
def test_a_disk_that_is_full_for_the_answer(service: Service) -> None:
    """A file may have 100 bytes: the photograph has arrived, and the mask cannot be written."""
    worker, client = psutil.Process(service.pool.pids[0]), make_client(service)
    before = worker.rlimit(psutil.RLIMIT_FSIZE)
    worker.rlimit(psutil.RLIMIT_FSIZE, (100, before[1]))
    try:
        response = client.post("/v1/segment", content=photograph())
    finally:
        worker.rlimit(psutil.RLIMIT_FSIZE, before)
    assert detail(response, 507) == "the disk of the service is full: try again later"
    assert client.post("/v1/segment", content=photograph()).status_code == 200
    assert left_in_spool(service) == []


def test_a_client_that_leaves_stops_its_work(service: Service) -> None:
    before = service.pool.pids
    with listening(service, per_client=20) as address:
        connections = [http.client.HTTPConnection(*address) for _ in range(2)]
        for connection, content in zip(connections, (slow_photograph(), photograph()), strict=True):
            connection.request("POST", "/v1/segment", content, {"Content-Type": "image/jpeg"})
            wait_until(lambda: service.pool.running)
        wait_until(lambda: service.pool.waiting == 1)
        (task,) = service.pool.running
        wait_until(lambda: task.progress[0])
        connections[1].close()
        wait_until(lambda: not service.pool.waiting)
        assert not task.answer.done()
        connections[0].close()
        wait_until(task.answer.done)
        assert task.progress[0] < task.progress[1]
    assert service.pool.pids == before
    assert left_in_spool(service) == []
