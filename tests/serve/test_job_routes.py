"""Jobs over HTTP."""

from __future__ import annotations

import http.client
import io
import threading
import time
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from segdrone.inference.video_io import open_video, video_writer
from segdrone.serve import uploads
from segdrone.serve.service import Service
from tests.helpers.exported import random_pixels
from tests.helpers.serving import detail, listening, make_client, photograph, slow_photograph, wait_until


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    """A client, whose jobs are removed after the test."""
    client = make_client(service)
    yield client
    assert service.jobs is not None
    for job in [*service.jobs.store]:
        client.delete(f"/v1/jobs/{job.id}")
    jobs = service.jobs.store.folder("lock").parent
    wait_until(lambda: [path.name for path in jobs.iterdir()] == ["lock"])


def pack(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.jpg", content)
    return buffer.getvalue()


def add(client: TestClient, content: bytes, kind: str = "application/octet-stream", **options: Any) -> dict[str, Any]:
    response = client.post("/v1/jobs", params=options, content=content, headers={"Content-Type": kind})
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/jobs/{job['id']}"
    return job


def finished(client: TestClient, job: dict[str, Any]) -> dict[str, Any]:
    def now() -> dict[str, Any]:
        content: dict[str, Any] = client.get(f"/v1/jobs/{job['id']}").json()
        return content

    wait_until(lambda: now()["finished"])
    return now()


def test_a_photograph_gets_the_mask_of_v1_segment(client: TestClient) -> None:
    job = finished(client, add(client, photograph(), "image/jpeg", fill_holes=9, confidence=True))
    assert (job["state"], job["model"], job["photographs"], job["failed"]) == ("done", "net", 1, {})
    assert job["progress"] == {"done": 1, "total": 1}
    assert job["files"] == [
        "colours/photograph.png", "confidence/photograph.png", "manifest.jsonl", "masks/classes.csv",
        "masks/photograph.png", "overlays/photograph.jpg", "predict.json", "summary.csv", "totals.csv",
    ]  # fmt: skip
    headers = {"Content-Type": "image/jpeg", "Accept": "image/png"}
    mask = client.post("/v1/segment", params={"fill_holes": 9}, content=photograph(), headers=headers).content
    file = client.get(f"/v1/jobs/{job['id']}/files/masks/photograph.png")
    assert (file.headers["content-type"], file.content) == ("image/png", mask)
    result = client.get(f"/v1/jobs/{job['id']}/result")
    assert result.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(result.content)) as archive:
        assert archive.namelist() == job["files"]
        assert archive.read("masks/photograph.png") == mask


def test_an_archive_by_a_form_keeps_its_names_and_names_what_failed(client: TestClient) -> None:
    form = {"photograph": ("../../evil.zip", pack(one=photograph(), two=photograph(61, 97), bad=b"no"), "text/plain")}
    response = client.post("/v1/jobs", files=form, params={"model": "other", "objects": True})
    assert response.status_code == 202, response.text
    job = finished(client, response.json())
    assert (job["state"], job["model"], job["photographs"]) == ("done", "other", 3)
    assert {name for name in job["files"] if name.endswith(".png")} == {
        f"{kind}/{name}.png" for kind in ("masks", "colours") for name in ("one", "two")
    }
    assert {name for name in job["files"] if name.startswith("objects/")} == {"objects/one.json", "objects/two.json"}
    assert [*job["failed"]] == ["bad.jpg"]
    assert "/tmp" not in str(job)


def test_a_film_becomes_a_film(client: TestClient, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    with video_writer(film, (48, 64), Fraction(10)) as write:
        for number in range(4):
            write(np.roll(random_pixels(1, 48, 64)[0], number, axis=1), number / 10)
    job = finished(client, add(client, film.read_bytes(), "video/mp4", smooth=3))
    assert job["files"] == ["films/film.csv", "films/film.json", "films/film.mp4"]
    predicted = tmp_path / "predicted.mp4"
    predicted.write_bytes(client.get(f"/v1/jobs/{job['id']}/files/films/film.mp4").content)
    with open_video(predicted) as video:
        assert len([*video.frames()]) == 4


def test_a_job_of_a_killed_service_waits_until_it_is_begun_again(service: Service, client: TestClient) -> None:
    slow, jobs = add(client, slow_photograph()), service.jobs
    assert jobs is not None
    wait_until(lambda: client.get(f"/v1/jobs/{slow['id']}").json()["state"] == "running")
    waiting = add(client, photograph())
    found = jobs.store.get(waiting["id"])
    assert found is not None
    jobs.store.change(found, state="running", started=1.0)  # as it was left
    now = client.get(f"/v1/jobs/{waiting['id']}").json()
    assert (now["state"], now["place"]) == ("queued", 0)
    client.delete(f"/v1/jobs/{slow['id']}")
    assert finished(client, waiting)["state"] == "done"


def test_progress_and_place_are_told_and_a_job_can_be_cancelled(client: TestClient) -> None:
    slow, waiting = add(client, slow_photograph()), add(client, photograph())

    def progress() -> dict[str, int]:
        found: dict[str, int] = client.get(f"/v1/jobs/{slow['id']}").json()["progress"]
        return found

    wait_until(lambda: progress()["done"] > 2)
    assert progress()["total"] > 1000
    now = client.get(f"/v1/jobs/{waiting['id']}").json()
    assert (now["state"], now["place"], now["started"], now["files"]) == ("queued", 0, None, [])
    assert "is queued: wait" in detail(client.get(f"/v1/jobs/{waiting['id']}/result"), 409)
    assert client.delete(f"/v1/jobs/{slow['id']}").status_code == 204
    assert "no such job" in detail(client.get(f"/v1/jobs/{slow['id']}"), 404)
    assert finished(client, waiting)["state"] == "done"


def test_a_photograph_that_cannot_be_decoded_fails_in_one_line(client: TestClient) -> None:
    job = finished(client, add(client, photograph()[:-300]))
    assert job["state"] == "failed"
    assert "cannot be decoded" in job["error"] and "\n" not in job["error"] and "/tmp" not in job["error"]
    assert job["error"] in detail(client.get(f"/v1/jobs/{job['id']}/result"), 409)


@pytest.mark.parametrize(
    ("content", "kind", "status", "expected"),
    [
        (b"", "image/jpeg", 422, "the body is empty"),
        (b"some text", "application/octet-stream", 415, "the body is not an image"),
        (b"\x1f\x8b" + bytes(90), "application/octet-stream", 415, "a gzip archive"),
        (photograph(), "text/html", 415, "send image/..., video/..., application/zip"),
        (pack(), "application/zip", 422, "has no photograph or video"),
        (pack(a=photograph())[:-40], "application/zip", 422, "the archive is damaged"),
        (b"\x89PNG" + bytes(50), "image/png", 422, "the photograph"),
    ],
)
def test_what_cannot_become_a_job_is_refused(
    client: TestClient, content: bytes, kind: str, status: int, expected: str
) -> None:
    response = client.post("/v1/jobs", content=content, headers={"Content-Type": kind})
    text = detail(response, status)
    assert expected in text
    assert "upload" not in text


@pytest.mark.parametrize(
    ("options", "status", "expected"),
    [
        ({"model": "none"}, 404, "there is no model 'none': choose one of net, other"),
        ({"smooth": 0}, 422, "smooth: "),
        ({"what": 1}, 422, "the parameter 'what' is unknown: choose from model, objects"),
        ({"min_area": "x"}, 422, "min_area x must be pixels"),
    ],
)
def test_options_are_checked_before_the_upload(
    client: TestClient, options: dict[str, Any], status: int, expected: str
) -> None:
    assert expected in detail(client.post("/v1/jobs", params=options, content=photograph()), status)


def test_an_upload_whose_client_has_left_becomes_no_job(service: Service, client: TestClient) -> None:
    assert service.jobs is not None
    free = threading.Event()
    with listening(service) as address:
        held = [uploads._CHECKS.submit(free.wait, 60) for _ in range(2)]  # so that the upload is not looked at yet
        connection = http.client.HTTPConnection(*address)
        connection.request("POST", "/v1/jobs", pack(a=photograph()))
        folder = service.jobs.store.folder("lock").parent
        wait_until(lambda: [*folder.glob("*.new/upload")])
        connection.close()
        time.sleep(0.5)
        free.set()
        wait_until(lambda: all(future.done() for future in held) and not [*folder.glob("*.new")])
    assert [*service.jobs.store] == []


def test_limits(service: Service) -> None:
    small = make_client(service, max_job_megabytes=0.001)
    assert "more than 0.001 megabytes" in detail(small.post("/v1/jobs", content=photograph()), 413)
    assert "jobs wait already" in detail(make_client(service, max_jobs=0).post("/v1/jobs", content=photograph()), 429)


@pytest.mark.parametrize("name", ["x" * 22, "..", "%2e%2e", "lock"])
@pytest.mark.parametrize("end", ["", "/result", "/files/masks/photograph.png"])
def test_ids_that_are_none(client: TestClient, name: str, end: str) -> None:
    assert client.get(f"/v1/jobs/{name}{end}").status_code in (404, 405)


@pytest.mark.parametrize(
    "path", ["job.json", "../job.json", "..%2fjob.json", "%2fetc%2fpasswd", "masks", "masks/../../job.json"]
)
def test_only_files_of_the_result_are_sent(client: TestClient, path: str) -> None:
    job = finished(client, add(client, photograph()))
    assert client.get(f"/v1/jobs/{job['id']}/files/{path}").status_code == 404


def test_metrics_count_jobs(client: TestClient, service: Service) -> None:
    assert service.jobs is not None
    before = service.jobs.ended["done"]
    finished(client, add(client, photograph()))
    text = client.get("/metrics").text
    assert f'segdrone_jobs_total{{state="done"}} {before + 1}.0' in text
    assert "segdrone_jobs_waiting 0.0" in text
