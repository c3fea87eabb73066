from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.annotations import documents
from segdrone.annotations.documents import JsonLines, read_document
from segdrone.errors import DataError

BILLION_LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
<!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">]>
<annotation><filename>&lol3;</filename></annotation>"""
EXTERNAL = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'


def refusal(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError) as caught:
        read_document(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("content", [BILLION_LAUGHS, EXTERNAL, '<!DOCTYPE a SYSTEM "http://x/a.dtd"><a/>'])
def test_document_type_is_refused(tmp_path: Path, content: str) -> None:
    assert "contains a document type (DTD), which no labeling tool writes" in refusal(tmp_path / "a.xml", content)


@pytest.mark.parametrize(
    "content", ["", "<a><b></a>", "<a>", b"<a>\xff\xfe</a>", '<?xml version="1.0" encoding="x"?><a/>']
)
def test_broken_xml_is_refused(tmp_path: Path, content: str | bytes) -> None:
    assert "is broken XML" in refusal(tmp_path / "a.xml", content)


@pytest.mark.parametrize("content", ["", "{", '{"a": }', b'{"a": "\xff"}', '{"a": NaN}', "[-Infinity]", "1" * 5000])
def test_broken_json_is_refused(tmp_path: Path, content: str | bytes) -> None:
    assert "is broken JSON" in refusal(tmp_path / "a.json", content)


@pytest.mark.parametrize("content", ["[" * 200_000 + "]" * 200_000, '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_deep_nesting_is_refused(tmp_path: Path, content: str) -> None:
    assert "is nested too deeply" in refusal(tmp_path / "a.json", content)


def test_deep_xml_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<a>" * 100_000 + "</a>" * 100_000)
    assert read_document(path).tag == "a"


def test_huge_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_BYTES", 1 << 20)
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(3 << 20)
    with pytest.raises(DataError, match="has 3 MiB, more than 1: export it in parts"):
        read_document(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_document(tmp_path / "a.json")


def test_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": "\xc3\xa4"}')
    assert read_document(tmp_path / "a.json") == {"a": "ä"}


@pytest.mark.parametrize("suffix", [".json", ".ndjson", ".jsonl"])
def test_json_lines_are_recognized(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text('{"a": 1}\n\n{"a": 2}\n')
    content = read_document(path)
    assert isinstance(content, JsonLines)
    assert content == [{"a": 1}, {"a": 2}]


def test_broken_line_is_refused(tmp_path: Path) -> None:
    assert "is broken NDJSON" in refusal(tmp_path / "a.ndjson", '{"a": 1}\n{"a":\n')


def test_yaml_is_read_as_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "data.yaml"
    path.write_text("names:\n  0: car\n  1: tree\n")
    assert read_document(path) == {"names": {0: "car", 1: "tree"}}


@pytest.mark.parametrize("content", ["a: [", "!!python/object/apply:os.system ['touch hacked']", "a: !x b", "\t"])
def test_yaml_never_runs_code(tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "is broken YAML" in refusal(tmp_path / "a.yaml", content)
    assert not (tmp_path / "hacked").exists()


def test_huge_yaml_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(3 << 20)
    with pytest.raises(DataError, match="larger than 256 KiB"):
        read_document(path)
