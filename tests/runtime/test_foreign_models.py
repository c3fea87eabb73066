"""Model files that are not ours, or contradict their description: one line each, nothing printed by a runtime."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from segdrone.errors import CheckpointError
from segdrone.runtime.backend import check_probabilities
from segdrone.runtime.description import Description
from segdrone.runtime.open_backend import open_backend
from tests.helpers.commands import REPO
from tests.helpers.exported import SPEC, random_pixels
from tests.helpers.refused_models import BOTH, WINDOWS, refusal
from tests.helpers.small_graphs import NORMALIZED, PIXELS, SOFTMAX, UNIT, Node, graph, weights, write

pytestmark = pytest.mark.usefixtures("nothing_is_printed")


FLOAT, UINT8 = TensorProto.FLOAT, TensorProto.UINT8


def change(description: Any, **changes: Any) -> str:
    """Returns the JSON of a description with other values; those of the signature are named `signature_NAME`."""
    content = json.loads(description.to_json())
    for name, value in changes.items():
        part, _, key = name.rpartition("_")
        (content[part] if part else content)[key] = value
    return json.dumps(content)


class TestNotOurs:
    @BOTH
    def test_what_is_missing_is_said(self, tmp_path: Path, suffix: str) -> None:
        text = refusal(write(graph(), tmp_path / f"a{suffix}", None))
        assert "lacks classes, normalization and training size" in text
        assert "--spec FILE.json" in text

    @BOTH
    def test_a_description_beside_it_is_enough(self, tmp_path: Path, suffix: str) -> None:
        logits = graph(SOFTMAX[:1], outputs=[("logits", TensorProto.FLOAT, ["n", 4, "h", "w"])])
        path = write(logits, tmp_path / f"a{suffix}", None)
        (tmp_path / "spec.json").write_text(NORMALIZED.to_json())
        probabilities = open_backend(path, device="cpu", spec=tmp_path / "spec.json")(WINDOWS)
        normalized = (WINDOWS / 255 - np.array(SPEC.mean)) / np.array(SPEC.std)
        expected = np.exp(normalized @ onnx.numpy_helper.to_array(weights())[:, :, 0, 0].T)
        expected /= expected.sum(-1, keepdims=True)
        np.testing.assert_allclose(probabilities.transpose(0, 2, 3, 1), expected, rtol=0, atol=1e-4)

    @BOTH
    def test_a_graph_that_takes_only_multiples_needs_a_window(self, tmp_path: Path, suffix: str) -> None:
        pooled = ("MaxPool", ["x"], ["half"], {"kernel_shape": [2, 2], "strides": [2, 2]})
        enlarged = ("Resize", ["half", "", "twice"], ["full"], {"mode": "nearest"})
        added: tuple[Node, ...] = (("Add", ["x", "full"], ["sum"], {}), ("Conv", ["sum", "w"], ["logits"], {}))
        nodes: tuple[Node, ...] = (pooled, enlarged, *added, SOFTMAX[1])
        twice = onnx.numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "twice")
        path, spec = write(graph(nodes, tensors=[twice]), tmp_path / f"a{suffix}", None), tmp_path / "spec.json"
        odd = random_pixels(1, 7, 9)
        spec.write_text(UNIT.to_json())
        with pytest.raises(CheckpointError, match="cannot predict 1 x 7 x 9 pixels .*: say a size that .* as window"):
            open_backend(path, device="cpu", spec=spec)(odd)
        spec.write_text(change(UNIT, signature_window=[8, 10]))
        check_probabilities(backend := open_backend(path, device="cpu", spec=spec), odd, backend(odd))

    def test_the_description_in_the_docs_can_be_read(self, tmp_path: Path) -> None:
        (text,) = re.findall(r"```json\n(.*?)```", (REPO / "docs" / "export.md").read_text(encoding="utf-8"), re.S)
        (tmp_path / "spec.json").write_text(text)
        assert Description.from_file(tmp_path / "spec.json").spec.classes.names == ("road", "grass")

    @BOTH
    @pytest.mark.parametrize("batch", [1, 2, 3])
    def test_a_graph_of_one_number_of_windows_takes_any(self, tmp_path: Path, suffix: str, batch: int) -> None:
        inputs, outputs = (("x", FLOAT, [batch, 3, "h", "w"]),), (("y", FLOAT, [batch, 4, "h", "w"]),)
        windows = random_pixels(5, 6, 7)
        model = graph(inputs=inputs, outputs=outputs)
        fixed = open_backend(write(model, tmp_path / f"a{suffix}"), device="cpu")(windows)
        expected = open_backend(write(graph(), tmp_path / f"b{suffix}"), device="cpu")(windows)
        np.testing.assert_allclose(fixed, expected, rtol=0, atol=1e-6)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", "does not describe a model"),
            ("[1]", "does not describe a model"),
            ('{"spec": 3}', "it has no spec"),
            ('{"signature": {}}', "it has no spec"),
            ('{"version": 2, "spec": {}}', "has version 2, this segdrone reads 1: update segdrone"),
        ],
    )
    def test_another_description_is_refused(self, tmp_path: Path, text: str, expected: str) -> None:
        path = write(graph(), tmp_path / "a.onnx", None)
        spec = tmp_path / "spec.json"
        spec.write_text(text)
        refused = refusal(path, spec=spec)
        assert refused.startswith(str(spec)) and expected in refused

    @BOTH
    def test_a_second_description_is_refused(self, tmp_path: Path, suffix: str) -> None:
        path = write(graph(), tmp_path / f"a{suffix}")
        (tmp_path / "spec.json").write_text(UNIT.to_json())
        assert f"{path} describes itself: leave out the spec" in refusal(path, spec=tmp_path / "spec.json")

    def test_a_description_of_a_checkpoint_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "spec.json").write_text(UNIT.to_json())
        assert "a checkpoint describes itself" in refusal(tmp_path / "a.ckpt", spec=tmp_path / "spec.json")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"version": 2}, "version 2, this segdrone reads 1: update segdrone"),
        ({"version": "x"}, "version no number"),
        ({"extra": 1}, "extra"),
        ({"precision": "int4"}, "precision"),
        ({"signature_stride": [0, 32]}, "stride=(0, 32) must be"),
        ({"signature_stride": [32]}, "stride"),
        ({"signature_window": [64, 1 << 20]}, "window=(64, 1048576) must be"),
        ({"signature_input": "bgr"}, "signature.input"),
        ({"spec_mean": [0.5]}, "mean"),
        ({"spec_version": 9}, "the model's spec has version 9"),
    ],
)
def test_a_description_that_contradicts_itself_is_refused(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    model = graph()
    entry = model.metadata_props.add()
    entry.key, entry.value = "segdrone", change(UNIT, **changes)
    text = refusal(write(model, tmp_path / "a.onnx", None))
    assert expected in text
    assert str(tmp_path / "a.onnx") in text


IMAGE, CLASSES = ("x", FLOAT, ["n", 3, "h", "w"]), ("y", FLOAT, ["n", 4, "h", "w"])


@BOTH
@pytest.mark.parametrize(
    ("model", "description", "expected"),
    [
        (graph(), PIXELS, "is float32 [any, 3, any, any], but its description says uint8 [any, any, any, 3]"),
        (graph(inputs=[("x", FLOAT, ["n", 3, 64, 64])], outputs=[("y", FLOAT, ["n", 4, 64, 64])]), UNIT, "[any, 3, 64"),
        (graph([*SOFTMAX, ("Relu", ["y"], ["z"], {})], outputs=[CLASSES, ("z", *CLASSES[1:])]), UNIT, "2 outputs"),
        (graph([SOFTMAX[0], ("Add", ["logits", "b"], ["y"], {})], inputs=[IMAGE, ("b", FLOAT, [1])]), UNIT, "2 inputs"),
        (graph([("Softmax", ["x"], ["y"], {"axis": 1})], outputs=[("y", FLOAT, ["n", 3, "h", "w"])]), UNIT, "[any, 3,"),
        (
            graph([*SOFTMAX[:1], ("ArgMax", ["logits"], ["y"], {})], outputs=[("y", TensorProto.INT64, [1, 1, 4, 4])]),
            UNIT,
            "the output of",
        ),
    ],
)
def test_a_graph_of_another_form_than_described_is_refused(
    tmp_path: Path, suffix: str, model: onnx.ModelProto, description: Any, expected: str
) -> None:
    assert expected in refusal(write(model, tmp_path / f"a{suffix}", description))


UNDECLARED = ("y", FLOAT, ["a", "b", "c", "d"])
HALVED = [
    *SOFTMAX[:1],
    ("Softmax", ["logits"], ["s"], {"axis": 1}),
    ("MaxPool", ["s"], ["y"], {"kernel_shape": [2, 2]}),
]


@BOTH
@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (graph([("Softmax", ["x"], ["y"], {"axis": 1})], outputs=[UNDECLARED]), "[3, 5, 7]|\\[any, 3, any, any\\]"),
        (graph(HALVED, outputs=[UNDECLARED]), "\\[4, 4, 6\\] for a window, but its description says \\[4, 5, 7\\]"),
        (graph([("Conv", ["x", "w"], ["y"], {})], outputs=[UNDECLARED]), "do not sum to 1"),
        (
            graph([*SOFTMAX[:1], ("Sqrt", ["logits"], ["r"], {}), ("Softmax", ["r"], ["y"], {"axis": 1})]),
            "not a number",
        ),
    ],
)
def test_an_output_of_another_form_is_refused(
    tmp_path: Path, suffix: str, model: onnx.ModelProto, expected: str
) -> None:
    path = write(model, tmp_path / f"a{suffix}")
    with pytest.raises(CheckpointError, match=expected):
        backend = open_backend(path, device="cpu")
        check_probabilities(backend, WINDOWS, backend(WINDOWS))
