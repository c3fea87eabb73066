"""Model files with code, loops, foreign weights or too much of something: one line each, no code of theirs runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper

from segdrone.runtime.backend import OutOfMemory, check_probabilities
from segdrone.runtime.open_backend import open_backend
from tests.helpers.refused_models import BOTH, WINDOWS, refusal, replace_by_pipe
from tests.helpers.small_graphs import SOFTMAX, UNIT, Node, graph, weights, write

pytestmark = pytest.mark.usefixtures("nothing_is_printed")
FLOAT = TensorProto.FLOAT


class TestCodeAndLoops:
    @pytest.mark.parametrize(
        ("kind", "domain"), [("Steal", "evil"), ("PyOp", "pyop"), ("EPContext", "com.microsoft"), ("X", "ai.onnx.ml")]
    )
    def test_a_custom_operator_is_refused_by_name(self, tmp_path: Path, kind: str, domain: str) -> None:
        model = graph([SOFTMAX[0], (kind, ["logits"], ["y"], {"domain": domain})])
        path = write(model, tmp_path / "a.onnx")
        assert refusal(path) == (
            f"{path} has the custom operator {domain}:{kind}, which would need code of its maker: export the model "
            "with standard operators"
        )

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
        path = write(model, tmp_path / "a.onnx")
        assert refusal(path).startswith(f"{path} has the operator Loop, which may never end: export the network")

    def test_a_loop_in_openvino_too(self, tmp_path: Path) -> None:
        path = write(graph(), tmp_path / "a.xml")
        path.write_text(path.read_text().replace('type="SoftMax"', 'type="TensorIterator"'))
        assert refusal(path).startswith(f"{path} has the layer TensorIterator, which may never end: export the network")

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

    def test_of_a_link_to_a_model_they_lie_beside_the_model(self, external: Path, tmp_path: Path) -> None:
        (tmp_path / "links").mkdir()
        (tmp_path / "links" / "a.onnx").symlink_to(external)
        weights = external.with_name("w.data").read_bytes()
        (tmp_path / "links" / "w.data").write_bytes(bytes(len(weights)))
        linked, backend = (open_backend(path, device="cpu") for path in (tmp_path / "links" / "a.onnx", external))
        assert linked.settings == backend.settings
        assert np.array_equal(linked(WINDOWS), backend(WINDOWS))

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
