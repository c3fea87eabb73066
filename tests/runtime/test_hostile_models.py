"""Model files that are broken, hostile or not ours: one line each, no code of theirs, nothing printed by a runtime."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper

from segdrone.errors import CheckpointError, ConfigError
from segdrone.runtime.backend import Backend, OutOfMemory, check_probabilities
from segdrone.runtime.open_backend import open_backend
from tests.helpers.exported import SPEC, random_pixels
from tests.helpers.small_graphs import NORMALIZED, PIXELS, SOFTMAX, UNIT, Node, graph, weights, write

BOTH = pytest.mark.parametrize("suffix", [".onnx", ".xml"])
WINDOWS = random_pixels(2, 5, 7)


@pytest.fixture(autouse=True)
def nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> Any:
    yield
    assert capfd.readouterr() == ("", "")


def refusal(path: Path, **options: Any) -> str:
    """Returns the text with which a model file is refused when it is opened."""
    with pytest.raises((CheckpointError, ConfigError)) as caught:
        open_backend(path, device=options.pop("device", "cpu"), **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def failure(path: Path) -> str:
    """Returns the text with which a model fails on windows."""
    backend: Backend = open_backend(path, device="cpu")
    with pytest.raises(CheckpointError) as caught:
        check_probabilities(backend, WINDOWS, backend(WINDOWS))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@BOTH
def test_the_small_graph_is_a_good_model(tmp_path: Path, suffix: str) -> None:
    backend = open_backend(write(graph(), tmp_path / f"a{suffix}"), device="cpu")
    check_probabilities(backend, WINDOWS, backend(WINDOWS))


@BOTH
def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write(graph(), tmp_path / f"a{suffix}")
    content = path.read_bytes()
    for length in [0, 1, 2, 7, *range(10, len(content) - 8, len(content) // 40)]:
        path.write_bytes(content[:length])
        assert str(path) in refusal(path)


@BOTH
@pytest.mark.parametrize("content", [b"\0" * 4096, b"PK\3\4" * 50, b"hello", bytes(range(256)) * 9])
def test_other_content_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    path.with_suffix(".bin").write_bytes(content)
    assert "is truncated or not an" in refusal(path)


def test_flipped_bytes_never_end_in_another_error(tmp_path: Path) -> None:
    path = write(graph(), tmp_path / "a.onnx")
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(content)
        damaged[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            backend = open_backend(path, device="cpu")
            check_probabilities(backend, WINDOWS, backend(WINDOWS))
        except (CheckpointError, OutOfMemory):
            pass


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
        (tmp_path / "spec.json").write_text(text)
        assert expected in refusal(path, spec=tmp_path / "spec.json")

    def test_a_description_of_a_checkpoint_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "spec.json").write_text(UNIT.to_json())
        assert "a checkpoint describes itself" in refusal(tmp_path / "a.ckpt", spec=tmp_path / "spec.json")


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def change(description: Any, **changes: Any) -> str:
    """Returns the JSON of a description with other values; those of the signature are named `signature_NAME`."""
    content = json.loads(description.to_json())
    for name, value in changes.items():
        part, _, key = name.rpartition("_")
        (content[part] if part else content)[key] = value
    return json.dumps(content)


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
        ({"signature_window": [64, 100], "signature_stride": [32, 32]}, "window=(64, 100) is no multiple of stride"),
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


FLOAT, UINT8 = TensorProto.FLOAT, TensorProto.UINT8
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


class TestCodeAndLoops:
    @pytest.mark.parametrize(
        ("kind", "domain"), [("Steal", "evil"), ("PyOp", "pyop"), ("EPContext", "com.microsoft"), ("X", "ai.onnx.ml")]
    )
    def test_a_custom_operator_is_refused_by_name(self, tmp_path: Path, kind: str, domain: str) -> None:
        model = graph([SOFTMAX[0], (kind, ["logits"], ["y"], {"domain": domain})])
        assert f"custom operator {domain}:{kind}" in refusal(write(model, tmp_path / "a.onnx"))

    def test_one_within_a_branch_too(self, tmp_path: Path) -> None:
        result = helper.make_tensor_value_info("y", FLOAT, ["n", 4, "h", "w"])
        branch = helper.make_graph([helper.make_node("Steal", ["x"], ["z"], domain="evil")], "b", [], [result])
        model = graph([("If", ["c"], ["y"], {"then_branch": branch, "else_branch": branch})])
        assert "custom operator evil:Steal" in refusal(write(model, tmp_path / "a.onnx"))

    def test_a_loop_is_refused(self, tmp_path: Path) -> None:
        flag = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
        step = helper.make_tensor_value_info("i", TensorProto.INT64, [])
        body = helper.make_graph([helper.make_node("Identity", ["c"], ["d"])], "b", [step, flag], [
            helper.make_tensor_value_info("d", TensorProto.BOOL, [])])  # fmt: skip
        model = graph([*SOFTMAX, ("Loop", ["", "c"], [], {"body": body})])
        assert "the operator Loop, which may never end" in refusal(write(model, tmp_path / "a.onnx"))

    def test_a_loop_in_openvino_too(self, tmp_path: Path) -> None:
        path = write(graph(), tmp_path / "a.xml")
        path.write_text(path.read_text().replace('type="SoftMax"', 'type="TensorIterator"'))
        assert "the layer TensorIterator, which may never end" in refusal(path)

    def test_functions_that_call_each_other_are_refused(self, tmp_path: Path) -> None:
        model = graph([SOFTMAX[0], ("A", ["logits"], ["y"], {"domain": "own"})])
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
        model.opset_import.append(opsets[1])
        for name, other in (("A", "B"), ("B", "A")):
            node = helper.make_node(other, ["a"], ["b"], domain="own")
            model.functions.append(helper.make_function("own", name, ["a"], ["b"], [node], opsets))
        assert "cannot open" in refusal(write(model, tmp_path / "a.onnx"))

    def test_an_opset_that_the_runtime_does_not_know_is_refused(self, tmp_path: Path) -> None:
        assert "cannot open" in refusal(write(graph(opset=999), tmp_path / "a.onnx"))


class TestWeights:
    @pytest.fixture
    def external(self, tmp_path: Path) -> Path:
        model = graph()
        external_data_helper.convert_model_to_external_data(model, location="w.data", size_threshold=0)
        entry = model.metadata_props.add()
        entry.key, entry.value = "segdrone", UNIT.to_json()
        onnx.save(model, tmp_path / "a.onnx")
        return tmp_path / "a.onnx"

    def test_files_beside_the_model_are_read_and_part_of_its_digest(self, external: Path) -> None:
        backend = open_backend(external, device="cpu")
        check_probabilities(backend, WINDOWS, backend(WINDOWS))
        external.with_name("w.data").write_bytes(bytes(external.with_name("w.data").stat().st_size))
        assert open_backend(external, device="cpu").settings != backend.settings

    @pytest.mark.parametrize("location", ["../w.data", "/etc/passwd", "sub/../../w.data", "", ".", "missing", "link"])
    def test_one_that_is_missing_or_elsewhere_is_refused(self, external: Path, location: str) -> None:
        shutil.copy(external.with_name("w.data"), external.parent.parent / "w.data")
        external.with_name("link").symlink_to(external.parent.parent / "w.data")
        model = onnx.load(external, load_external_data=False)
        for entry in model.graph.initializer[0].external_data:
            if entry.key == "location":
                entry.value = location
        external.write_bytes(model.SerializeToString())
        assert "which is no file in its folder" in refusal(external)

    @pytest.mark.parametrize("form", ["dims", "file", "sparse", "attribute"])
    def test_ten_gigabytes_are_refused_before_they_are_loaded(self, external: Path, form: str) -> None:
        model = onnx.load(external, load_external_data=False)
        values = helper.make_tensor("v", FLOAT, [1], [1.0])
        if form == "dims":
            model.graph.initializer[0].dims[:] = [50_000, 50_000]
        elif form == "file":
            os.truncate(external.with_name("w.data"), 10 << 30)
        elif form == "sparse":
            indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
            model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [50_000, 50_000]))
        else:
            values.dims[:] = [50_000, 50_000]
            model.graph.node.append(helper.make_node("Constant", [], ["k"], value=values))
        external.write_bytes(model.SerializeToString())
        assert "GiB, more than 2 GiB" in refusal(external)

    def test_an_onnx_file_of_three_gigabytes_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.onnx").touch()
        os.truncate(tmp_path / "a.onnx", 3 << 30)
        assert "it is larger than 2 GiB" in refusal(tmp_path / "a.onnx")

    @pytest.mark.parametrize(
        ("damage", "expected"),
        [
            (Path.unlink, "cannot be read (No such file"),
            (lambda path: os.truncate(path, 8), "its .bin file has 8"),
            (lambda path: os.truncate(path, 10 << 30), "a.bin is larger than 2048 MiB"),
            (lambda path: path.write_bytes(bytes(path.stat().st_size)), "was changed or is of another model"),
            (replace_by_pipe, "cannot be read (a named pipe"),
        ],
    )
    def test_a_bin_file_that_is_not_that_of_the_xml_is_refused(
        self, tmp_path: Path, damage: Callable[[Path], Any], expected: str
    ) -> None:
        path = write(graph(), tmp_path / "a.xml")
        damage(path.with_suffix(".bin"))
        assert expected in refusal(path)

    def test_the_bin_file_of_another_training_is_noticed(self, tmp_path: Path) -> None:
        path, other = write(graph(), tmp_path / "a.xml"), graph()
        other.graph.initializer[0].CopyFrom(weights(value=1.0))
        shutil.copy(write(other, tmp_path / "b.xml").with_suffix(".bin"), path.with_suffix(".bin"))
        assert "copy both files of one export" in refusal(path)


class TestMemory:
    """Graphs of 300 bytes that ask for 4 TiB."""

    COUNT = helper.make_tensor("s", TensorProto.INT64, [1], [1 << 40])

    @BOTH
    @pytest.mark.parametrize("kind", ["constant", "expand"])
    def test_a_tensor_larger_than_the_memory_is_refused(self, tmp_path: Path, suffix: str, kind: str) -> None:
        made: list[Node] = [("ConstantOfShape", ["s"], ["c"], {})]
        if kind == "expand":
            made = [("ReduceMax", ["x"], ["r"], {"keepdims": 0}), ("Expand", ["r", "s"], ["c"], {})]
        nodes = [*made, ("ReduceMax", ["c"], ["m"], {"keepdims": 0}), ("Add", ["logits", "m"], ["l"], {})]
        model = graph([SOFTMAX[0], *nodes, ("Softmax", ["l"], ["y"], {"axis": 1})], tensors=[self.COUNT])
        backend = open_backend(write(model, tmp_path / f"a{suffix}"), device="cpu")
        with pytest.raises(OutOfMemory):
            backend(WINDOWS)


class TestXml:
    def test_entities_are_not_expanded(self, tmp_path: Path) -> None:
        path = write(graph(), tmp_path / "a.xml")
        bomb = '<!DOCTYPE net [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        path.write_text(path.read_text().replace("<net ", f"{bomb}<net ", 1))
        assert "is truncated or not an OpenVINO model" in refusal(path)

    def test_a_file_is_not_read_by_an_entity(self, tmp_path: Path) -> None:
        path = write(graph(), tmp_path / "a.xml")
        (tmp_path / "secret").write_text("secret")
        doctype = f'<!DOCTYPE net [<!ENTITY a SYSTEM "file://{tmp_path}/secret">]>'
        path.write_text(path.read_text().replace("<net ", f"{doctype}<net ", 1).replace('value="', 'value="&a;', 1))
        assert "is truncated or not an OpenVINO model" in refusal(path)

    def test_an_unknown_layer_is_refused(self, tmp_path: Path) -> None:
        path = write(graph(), tmp_path / "a.xml")
        path.write_text(path.read_text().replace('type="SoftMax" version="opset8"', 'type="Steal" version="extension"'))
        assert "Steal" in refusal(path)

    def test_another_xml_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.xml").write_text("<annotation><object>car</object></annotation>")
        (tmp_path / "a.bin").touch()
        assert "it has no graph" in refusal(tmp_path / "a.xml")

    def test_deep_nesting_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.xml").write_text("<net>" + "<a>" * 200_000 + "</a>" * 200_000 + "</net>")
        (tmp_path / "a.bin").touch()
        assert "is truncated or not an OpenVINO model" in refusal(tmp_path / "a.xml")


class TestFiles:
    @BOTH
    def test_one_that_is_missing(self, tmp_path: Path, suffix: str) -> None:
        assert "does not exist" in refusal(tmp_path / f"a{suffix}")

    @BOTH
    @pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
    def test_what_is_not_a_file(self, tmp_path: Path, suffix: str, make: Callable[[Path], None]) -> None:
        make(tmp_path / f"a{suffix}")
        assert "is not a file" in refusal(tmp_path / f"a{suffix}")

    @BOTH
    @pytest.mark.parametrize("device", ["warp", "cuda:9", "tensorrt", "azure", "GPU.7", "", "cpu:x"])
    def test_a_device_that_is_not_there(self, tmp_path: Path, suffix: str, device: str) -> None:
        path = write(graph(), tmp_path / f"a{suffix}")
        assert f"device={device} is not there" in refusal(path, device=device)
