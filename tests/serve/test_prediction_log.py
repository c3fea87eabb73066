"""Statistics of predictions: as `segdrone monitor` reads them, without a photograph's name, place or time."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segdrone.monitor.drift import compare
from segdrone.monitor.predictions import read_predictions
from segdrone.monitor.run import monitor
from segdrone.reference_statistics import ReferenceStatistics
from segdrone.runtime.description import Description, Signature
from segdrone.serve.app import start_service
from segdrone.serve.prediction_log import WINDOW, PredictionLog
from segdrone.serve.settings import ModelFile, ServeSettings
from segdrone.spec import ModelSpec
from tests.helpers.monitored import TABLE, draw_values
from tests.helpers.serving import TILED, make_client, photograph, wait_until
from tests.helpers.small_graphs import graph, write
from tests.serve.test_health import read_metrics

REFERENCE = ReferenceStatistics.from_values(draw_values(200))
SPEC = ModelSpec(TABLE, (0.5,) * 3, (0.5,) * 3, training_size=(64, 96), reference_statistics=REFERENCE)
MODEL: dict[str, Any] = {"digest": "0123456789abcdef", "runtime": "onnx", "spec": SPEC.to_dict()}


def add(log: PredictionLog, count: int, model: dict[str, Any] = MODEL, **changes: float) -> None:
    values = draw_values(count, seed=9)
    for number in range(count):
        cells = {name: column[number] + changes.get(name, 0) for name, column in values.items()}
        row = {name: "" if np.isnan(cell) else f"{cell:.6f}" for name, cell in cells.items()}
        row |= {"path": "secret.jpg", "digest": f"{number} {changes} {count}", "captured": "2026"}
        log.add("net", model, f"id{number}", row)


def file_of(folder: Path) -> Path:
    (file,) = folder.glob("net-0123456789ab/20*/summary.csv")
    return file


def test_drift_is_told_once_there_are_enough_photographs() -> None:
    log = PredictionLog(None)
    assert log.drift(MODEL) is None
    add(log, 29)
    assert log.drift(MODEL) is None
    add(log, 71)
    usual = log.drift(MODEL)
    assert usual is not None and not usual.alarm and usual.photographs == 100


def test_darker_photographs_raise_an_alarm_and_only_the_latest_count() -> None:
    log = PredictionLog(None)
    add(log, 300)
    add(log, WINDOW, brightness=-2.0)
    drift = log.drift(MODEL)
    assert drift is not None and drift.alarm and drift.photographs == WINDOW
    assert drift.columns[0].column == "brightness"


def test_photographs_without_any_data_are_none_without_confidence(tmp_path: Path) -> None:
    log, empty = PredictionLog(tmp_path), {f"share_{name}": 0.0 for name in TABLE.names} | {"confidence": 0.0}
    add(log, 40)
    values = draw_values(30, seed=3)
    for number in range(30):
        row = {name: "" if np.isnan(column[number]) else f"{column[number]:.6f}" for name, column in values.items()}
        row |= {name: str(value) for name, value in {**empty, "no_data": 1.0}.items()}
        log.add("net", MODEL, f"empty{number}", {**row, "digest": f"empty {number}"})
    drift, read = log.drift(MODEL), read_predictions(file_of(tmp_path).parent)
    assert drift is not None and drift == compare(REFERENCE, read.values)
    known = {column.column: column.photographs for column in drift.columns}
    assert (known["confidence"], known["share_grass"], known["sharpness"]) == (40, 40, 70)


def test_a_photograph_that_is_sent_again_counts_once(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    add(log, 40)
    add(log, 40)
    drift = log.drift(MODEL)
    assert drift is not None and drift.photographs == 40
    assert len(read_predictions(file_of(tmp_path).parent).paths) == 40


def test_a_model_without_reference_has_no_drift() -> None:
    log, model = PredictionLog(None), {**MODEL, "spec": dataclasses.replace(SPEC, reference_statistics=None).to_dict()}
    add(log, 50, model)
    assert log.drift(model) is None


def test_the_files_are_read_by_monitor(tmp_path: Path) -> None:
    add(PredictionLog(tmp_path), 40)
    found = read_predictions(file_of(tmp_path).parent)
    assert (found.table, found.paths[:2], len(found.paths)) == (TABLE, ("id0", "id1"), 40)
    text = file_of(tmp_path).read_text()
    assert "secret" not in text and "captured" not in text
    np.testing.assert_allclose(found.values["sharpness"], draw_values(40, seed=9)["sharpness"], atol=1e-6)


@pytest.mark.parametrize(("runtime", "key"), [("onnx", "model"), ("openvino", "model"), ("torch", "checkpoint")])
def test_they_name_the_model_as_segdrone_predict_does(tmp_path: Path, runtime: str, key: str) -> None:
    add(PredictionLog(tmp_path), 1, {**MODEL, "runtime": runtime})
    assert read_predictions(file_of(tmp_path).parent).digests == {key: MODEL["digest"]}


def test_a_line_that_a_killed_service_left_is_removed(tmp_path: Path) -> None:
    add(PredictionLog(tmp_path), 3)
    file = file_of(tmp_path)
    file.write_bytes(file.read_bytes()[:-20])
    add(PredictionLog(tmp_path), 2)
    assert read_predictions(file.parent).paths == ("id0", "id1", "id0", "id1")


def test_a_table_of_another_version_is_not_continued(tmp_path: Path) -> None:
    add(PredictionLog(tmp_path), 3)
    file = file_of(tmp_path)
    header, *lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([header.replace("path,", "path,other,"), *lines]))
    before = file.read_bytes()
    for count in (30, 31):  # two services of this version
        add(PredictionLog(tmp_path), count)
    assert file.read_bytes() == before
    second = file.parent.with_name(f"{file.parent.name}.2")
    assert len(read_predictions(second).paths) == 61


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        log = PredictionLog(tmp_path / "file")
        add(log, 40)
    assert len(caplog.messages) == 1 and "cannot be written" in caplog.messages[0]
    assert log.drift(MODEL) is not None


def test_a_service_keeps_the_statistics_of_photographs_and_jobs(tmp_path: Path) -> None:
    names = TILED.classes.names
    values = {**draw_values(60, table=TILED.classes), **{f"share_{name}": np.full(60, 0.2) for name in names}}
    spec = dataclasses.replace(TILED, reference_statistics=ReferenceStatistics.from_values(values))
    model = write(graph(), tmp_path / "net.onnx", Description(spec, Signature("unit", "probabilities")))
    folder = tmp_path / "statistics"
    settings = ServeSettings([ModelFile("net", model)], spool=tmp_path / "spool", statistics=folder)
    with start_service(settings) as service:
        client = make_client(service, per_client=99)
        headers = {"Content-Type": "image/jpeg"}
        for number in range(30):
            client.post("/v1/segment", content=photograph(60, 90 + number), headers=headers).raise_for_status()
        client.post("/v1/segment", params={"fill_holes": 9}, content=photograph(), headers=headers).raise_for_status()
        job = client.post("/v1/jobs", content=photograph(61, 97), headers=headers).json()
        wait_until(lambda: client.get(f"/v1/jobs/{job['id']}").json()["state"] == "done")
        counted = read_metrics(client)
    assert counted['segdrone_drift_alarm{model="net"}'] == 1
    assert counted['segdrone_drift_score{model="net"}'] > 2
    (day,) = folder.glob("net-*/*")
    found = monitor(day, model)
    assert found.drift.alarm and found.drift.photographs == 31
    assert found.photographs.paths[-1] == f"{job['id']}-0"
    assert found.photographs.digests == {"model": hashlib.sha256(model.read_bytes()).hexdigest()}
