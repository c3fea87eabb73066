"""Read class tables that are JSON: lists of names or of objects, and objects by name, id or color."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segdrone.class_files.columns import ColumnsError, Row, is_answer, is_known
from segdrone.utils.bounded import UnreadableError, parse_json, to_plain

_LISTS = ("classes", "labels", "categories", "names", "class_names", "label_names", "items")
_MOST_RECORDS, _MOST_COLUMNS = 2000, 100
_COLOR_LISTS = ("colors", "colours", "palette")


def read_json_rows(text: str) -> tuple[list[str], list[Row]]:
    """Returns the header and the rows of a class table in JSON.

    Raises:
        ColumnsError: The text is not JSON, or has another form.

    Example:
        >>> read_json_rows('{"classes": [{"title": "Building", "color": "#3C1098"}]}')
        (['title', 'color'], [Row(where='entry 1', cells=['Building', '#3C1098'])])
        >>> read_json_rows('{"road": [90, 90, 90]}')
        (['name', 'color'], [Row(where='entry 1', cells=['road', '90,90,90'])])
    """
    try:
        records = _records(to_plain(parse_json(text)))
    except UnreadableError as error:
        raise ColumnsError(f"it is not valid JSON ({error}): fix it") from None
    header = [*dict.fromkeys(key for record in records for key in record)]
    if len(records) > _MOST_RECORDS or len(header) > _MOST_COLUMNS:
        raise ColumnsError(f"it has {len(records)} entries of {len(header)} kinds, more than a class table can have")
    return header, [Row(f"entry {i}", [record.get(key, "") for key in header]) for i, record in enumerate(records, 1)]


def _records(content: Any) -> list[dict[str, str]]:
    if isinstance(content, Mapping):
        lists = [key for key in content if key.lower() in _LISTS and isinstance(content[key], list | dict)]
        if len(lists) > 1:
            raise ColumnsError(f"it has {' and '.join(lists)}: keep the one that names the classes")
        if lists:
            records = _records(content[lists[0]])
            return _add_colors(records, content)
        if tables := [key for key, value in content.items() if _is_table(value)]:
            raise ColumnsError(f"{tables[0]} holds a table of its own: save that as the file")
        return [_named_record(str(key), value) for key, value in content.items()]
    if isinstance(content, list):
        return [_record(value) for value in content]
    raise ColumnsError("it is neither a list nor an object: give a list of names")


def _is_table(value: Any) -> bool:
    """Whether a value maps ids to names or names to ids, as `id2label` and `label2id` do."""
    if not isinstance(value, Mapping) or any(map(is_known, value)):
        return False
    names = all(str(key).isdigit() and isinstance(name, str) for key, name in value.items())
    ids = all(type(number) is int for number in value.values()) and sorted(value.values()) == [*range(len(value))]
    return bool(value) and (names or ids)


def _add_colors(records: list[dict[str, str]], content: Mapping[str, Any]) -> list[dict[str, str]]:
    """Adds colors that are a list of their own beside the names."""
    lists = [value for key, value in content.items() if key.lower() in _COLOR_LISTS and isinstance(value, list | dict)]
    if not lists:
        return records
    if isinstance(lists[0], Mapping):
        lists = [[lists[0].get(record.get("name")) for record in records]]
    if not all(map(_is_cell, lists[0])):
        raise ColumnsError("a color is neither a text nor a list: write #RRGGBB or [red, green, blue]")
    if len(lists[0]) != len(records):
        raise ColumnsError(f"it has {len(records)} names and {len(lists[0])} colors: they must be as many")
    return [{**record, "color": _cell(color)} for record, color in zip(records, lists[0], strict=True)]


def _record(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {"name": value.strip()}
    if isinstance(value, Mapping):
        return {str(key): _cell(cell) for key, cell in value.items() if _is_read(str(key), cell)}
    raise ColumnsError(f"{str(value)[:40]} is neither a name nor an object: give a list of names")


def _named_record(key: str, value: Any) -> dict[str, str]:
    is_id = key.lstrip("-").isdigit()
    if isinstance(value, Mapping):
        record = _record(value)
        return record | ({"id": key} if is_id and "id" not in record else {} if is_id else {"name": key})
    if isinstance(value, str) and is_id:
        return {"id": key, "name": value.strip()}
    if isinstance(value, str) and key.startswith(("#", "(", "[", "rgb")):
        return {"color": key, "name": value.strip()}
    if isinstance(value, int):
        return {"name": key, "id": str(value)}
    if isinstance(value, list | str):
        return {"name": key, "color": _cell(value)}
    raise ColumnsError(f"{key}: {str(value)[:40]} is neither an id nor a color: fix it")


def _is_read(key: str, value: Any) -> bool:
    return is_answer(key) if isinstance(value, bool) else is_known(key) and _is_cell(value)


def _is_cell(value: Any) -> bool:
    return not isinstance(value, bool | None) and (not isinstance(value, Mapping) or {"r", "g", "b"} <= {*value})


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        value = [value["r"], value["g"], value["b"]]
    return ",".join(map(str, value)) if isinstance(value, list) else str(value).strip()
