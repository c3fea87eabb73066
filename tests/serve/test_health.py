"""Health, and metrics that equal what a client counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from segdrone.serve.app import start_service
from segdrone.serve.service import Service
from segdrone.serve.settings import ModelFile, ServeSettings
from tests.helpers.serving import detail, listening, make_client, photograph
from tests.serve.test_segment import post


@pytest.fixture
def fresh(models: dict[str, str], tmp_path: Path) -> Iterator[Service]:
    """A service of two workers that has counted nothing."""
    files = [ModelFile(name, Path(path)) for name, path in models.items()]
    with start_service(ServeSettings(files, workers=2, spool=tmp_path, max_queue=100)) as service:
        yield service


def read_metrics(client: TestClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_a_service_is_live_and_ready(client: TestClient) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {"status": "ready", "workers": 1}


def test_counters_equal_what_the_client_counted(fresh: Service) -> None:
    content, seen = photograph(), Counter[tuple[str, int]]()
    with listening(fresh, per_client=50) as address, ThreadPoolExecutor(8) as threads:
        bodies = [content] * 30 + [b"no photograph"] * 5 + [content[:300]] * 5
        for status, _, _ in threads.map(lambda body: post(address, body), bodies):
            seen["/v1/segment", status] += 1
    client = make_client(fresh)
    for path, route in (
        ("/v1/models", "/v1/models"),
        ("/v1/models/none", "/v1/models/{name}"),
        ("/secret/a.jpg", "other"),
    ):
        seen[route, client.get(path).status_code] += 1
    counted = read_metrics(client)
    requests = Counter[tuple[str, int]]()
    for name, value in counted.items():
        if match := re.fullmatch(r'segdrone_requests_total{model="(.*)",route="(.*)",status="(.*)"}', name):
            requests[match[2], int(match[3])] += int(value)
    assert requests == seen
    assert seen["/v1/segment", 200] == 30
    for kind in ("queued", "predicted"):
        assert counted[f'segdrone_{kind}_seconds_count{{model="net"}}'] == 30
        assert counted[f'segdrone_{kind}_seconds_bucket{{le="+Inf",model="net"}}'] == 30
        assert 0 < counted[f'segdrone_{kind}_seconds_sum{{model="net"}}'] < 60
    assert counted['segdrone_megapixels_total{model="net"}'] == pytest.approx(30 * 60 * 90 / 1e6)
    state = {name: counted[f"segdrone_{name}"] for name in ("queue_length", "workers", "workers_alive", "workers_busy")}
    assert state == {"queue_length": 0, "workers": 2, "workers_alive": 2, "workers_busy": 0}
    assert counted["segdrone_worker_restarts_total"] == 0
    assert "secret" not in "".join(counted)


def test_a_service_that_ends_is_not_ready(fresh: Service) -> None:
    client = make_client(fresh)
    fresh.pool.drain()
    assert detail(client.get("/health/ready"), 503) == "the service ends"
    assert client.get("/health/live").status_code == 200
    for response in (client.post("/v1/segment", content=photograph()), client.post("/v1/models/net/reload")):
        assert "the service ends" in detail(response, 503)
