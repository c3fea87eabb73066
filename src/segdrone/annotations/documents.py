"""Read untrusted annotation files as documents: JSON, JSON lines, XML and YAML, limited in size."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NoReturn
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as SafeTree

from segdrone.annotations.checked import without_line_breaks
from segdrone.errors import DataError
from segdrone.utils.bounded import read_yaml
from segdrone.utils.regular_file import open_regular

MAX_BYTES = 1 << 29
"""Largest annotation file, as large as that of COCO; parsed it takes about ten times as much memory."""

YAML_SUFFIXES = (".yaml", ".yml")
_LINES = (".ndjson", ".jsonl")


class JsonLines(list[Any]):
    """The documents of a file that has one JSON document per line (NDJSON)."""


def read_document(path: Path) -> Any:
    """Returns the content of a file: a JSON value, `JsonLines`, the root `Element` of XML, or a YAML value.

    The suffix decides; JSON lines are also recognized in a `.json` file. Nothing in a file can run code: YAML has no
    tags, XML no document type.

    Raises:
        DataError: The file is missing, larger than `MAX_BYTES`, broken, nested too deeply, or an XML file with a
            document type (which is needed to define entities).
    """
    try:
        if path.suffix.lower() in YAML_SUFFIXES:  # a list of class names
            return read_yaml(path)
        with open_regular(path) as file:
            if (size := os.fstat(file.fileno()).st_size) > MAX_BYTES:
                raise DataError(f"{path} has {size >> 20} MiB, more than {MAX_BYTES >> 20}: export it in parts")
            if path.suffix.lower() == ".xml":
                return SafeTree.parse(file, forbid_dtd=True).getroot()
            return _parse_json(file.read(), lines=path.suffix.lower() in _LINES)
    except DefusedXmlException:
        raise DataError(f"{path} contains a document type (DTD), which no labeling tool writes: remove it") from None
    except RecursionError:
        raise DataError(f"{path} is nested too deeply for annotations: export it again") from None
    except (ValueError, LookupError, ParseError) as error:
        raise DataError(
            f"{path} is broken {path.suffix[1:].upper()} ({without_line_breaks(error)}): export or copy it again"
        ) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path and its permissions") from None


def _parse_json(content: bytes, lines: bool) -> Any:
    try:
        document = json.loads(content, parse_constant=_refuse_constant)
        return JsonLines([document]) if lines else document
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise
        rows = [line for line in content.splitlines() if line.strip()]
        return JsonLines(json.loads(line, parse_constant=_refuse_constant) for line in rows)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
