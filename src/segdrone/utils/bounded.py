"""Read small files of unknown origin as plain data, within bounds of size, depth and number of values.

Whatever a file holds, reading it ends in plain data or in an `UnreadableError`, after seconds and within two gigabytes.
"""

from __future__ import annotations

import json
import math
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from xml.etree.ElementTree import Element

import yaml
from defusedxml import ElementTree as SafeTree
from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

MAX_BYTES = 32 << 20
"""Largest file: the pixel counts of 50,000 photographs. Parsed, it takes up to thirty times as much memory."""

MAX_YAML_BYTES = 1 << 18
"""Largest YAML file, which takes longer to parse."""

MAX_VALUES, MAX_DEPTH, MAX_TEXT = 1_000_000, 32, 1 << 16
_LARGEST_INT = 2**63 - 1
_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
_BASE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # twenty times as fast where PyYAML has libyaml


class UnreadableError(ValueError):
    """The content of a file cannot be used; the message says why, in one line."""


@contextmanager
def wrap_parse_errors(*said: type[Exception]) -> Iterator[None]:
    """Turns any failure to parse a file into an UnreadableError: a broken file can fail in any way.

    Args:
        *said: Errors of the body that pass as they are: they say themselves what is wrong with the file.

    Example:
        >>> with wrap_parse_errors():
        ...     int("x")
        Traceback (most recent call last):
        segdrone.utils.bounded.UnreadableError: invalid literal for int() with base 10: 'x'
    """
    passed: tuple[type[Exception], ...] = (UnreadableError, *said)
    try:
        yield
    except passed:
        raise
    except RecursionError:
        raise UnreadableError("it is nested too deeply") from None
    except MemoryError:
        raise UnreadableError("it needs more memory than there is") from None
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from None
    except Exception as error:
        raise UnreadableError(_one_line(error)) from None


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Returns the content of a regular file of at most `limit` bytes.

    Raises:
        UnreadableError: It is no such file, or cannot be read.
    """
    with wrap_parse_errors():
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableError("it is not a regular file")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    if len(content) > limit:
        raise UnreadableError(f"it is larger than {_format_bytes(limit)}")
    return content


def read_text(path: Path, limit: int = MAX_BYTES, *, errors: str = "strict") -> str:
    """Returns the text of a UTF-8 file, without byte order mark, of at most `limit` bytes.

    `errors` is that of `bytes.decode`: `surrogateescape` keeps names of files, which are bytes.

    Raises:
        UnreadableError: As `read_bytes`, or it is not UTF-8.
    """
    content = read_bytes(path, limit)
    try:
        return content.decode("utf-8-sig", errors)
    except UnicodeDecodeError:
        raise UnreadableError("it is not UTF-8 text") from None


def read_json(path: Path, limit: int = MAX_BYTES) -> Any:
    """Returns the content of a JSON file as plain data.

    Raises:
        UnreadableError: As `read_text` and `parse_json`.
    """
    return parse_json(read_text(path, limit))


def parse_json(text: str) -> Any:
    """Parses JSON; its numbers may still be of any size.

    Raises:
        UnreadableError: The text is not JSON, holds NaN, or repeats a key of an object.

    Example:
        >>> parse_json('{"a": 1, "a": 2}')
        Traceback (most recent call last):
        segdrone.utils.bounded.UnreadableError: it has the key 'a' twice
    """
    with wrap_parse_errors():
        return json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)


def read_xml(path: Path, limit: int = MAX_BYTES) -> Element:
    """Returns the root of an XML file without a document type, which is what defines entities.

    Raises:
        UnreadableError: As `read_bytes`, or it is no XML, or has a document type.
    """
    content = read_bytes(path, limit)
    with wrap_parse_errors():
        root = SafeTree.fromstring(content, forbid_dtd=True)
    assert isinstance(root, Element)
    return root


def read_yaml(path: Path, limit: int = MAX_YAML_BYTES) -> Any:
    """Returns the content of a YAML file as plain data.

    Raises:
        UnreadableError: As `read_text` and `parse_yaml`.
    """
    return parse_yaml(read_text(path, limit))


def parse_yaml(text: str) -> Any:
    r"""Parses YAML without aliases and tags: ten lines of aliases make a billion values.

    Raises:
        UnreadableError: The text is not such YAML, is nested deeply, or repeats a key of a mapping.

    Example:
        >>> parse_yaml("rate: 1e-3")
        {'rate': 0.001}
        >>> parse_yaml("a: &a [1]\nb: *a")
        Traceback (most recent call last):
        segdrone.utils.bounded.UnreadableError: it repeats a part by the alias *a: write the part out
    """
    depth = 0
    with wrap_parse_errors():
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise UnreadableError("it is nested too deeply")
            if isinstance(event, yaml.AliasEvent):
                raise UnreadableError(f"it repeats a part by the alias *{event.anchor}: write the part out")
            if tag := getattr(event, "tag", None):
                raise UnreadableError(f"it has the tag {tag}: remove it")
        return yaml.load(text, Loader=_Loader)


class _Loader(_BASE_LOADER):  # type: ignore[misc, valid-type]
    """Refuses repeated keys, and reads 1e-3 as a number and dates as text, as OmegaConf does."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Returns the mapping of a node."""
        return _unique_keys([(self.construct_object(key, deep=True), self.construct_object(value, deep=True))
                             for key, value in node.value])  # fmt: skip


_FLOAT = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+"
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(_FLOAT), list("-+.0123456789"))


def validate(form: type[T], content: Any) -> T:
    """Returns plain data as a dataclass or a pydantic model, whose annotations are the schema.

    Raises:
        UnreadableError: The data does not fit; the message names the place.

    Example:
        >>> validate(dict[str, int], {"a": "x"})
        Traceback (most recent call last):
        segdrone.utils.bounded.UnreadableError: a: input should be a valid integer, unable to parse string as an integer
    """
    try:
        validated: T = _adapter(form).validate_python(content)
        return validated
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part)[:60] for part in problem["loc"])
        text = problem["msg"].removeprefix("Value error, ")
        raise UnreadableError(f"{ascii(place)[1:-1]}: {text[:1].lower()}{text[1:]}") from None


def to_plain(value: Any, *, finite: bool = True, is_leaf: Callable[[Any], bool] = lambda value: False) -> Any:
    """Returns a copy of plain data in which nothing is shared, and checks its bounds on the way.

    Parts that are shared or hold themselves, which a pickle can have, count each time that they are reached.

    Args:
        value: None, bool, int, float, str, or a list, tuple or mapping of plain data; keys are str or int.
        finite: Refuse NaN and infinity.
        is_leaf: Whether a value of another type is kept as it is.

    Raises:
        UnreadableError: A value is of another type, there are too many or too deep ones, an integer has more than
            64 bits, or a text is longer than 65,536 characters or contains NUL.

    Example:
        >>> to_plain({"sizes": (1, 2)})
        {'sizes': (1, 2)}
        >>> to_plain({1, 2})
        Traceback (most recent call last):
        segdrone.utils.bounded.UnreadableError: it holds a value of type set
    """
    left = MAX_VALUES

    def copy(value: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > MAX_DEPTH:
            raise UnreadableError("it is nested too deeply" if left >= 0 else "it holds too many values")
        if value is None or type(value) is bool:
            return value
        if type(value) is int:
            if abs(value) > _LARGEST_INT:
                raise UnreadableError("it holds an integer of more than 64 bits")
            return value
        if type(value) is float:
            if finite and not math.isfinite(value):
                raise UnreadableError(f"it holds {value}, which is not a number")
            return value
        if type(value) is str:
            if len(value) > MAX_TEXT or "\0" in value:
                raise UnreadableError("it holds a text that is too long, or contains NUL")
            return value
        if isinstance(value, Mapping):
            if not all(type(key) is str or type(key) is int for key in value):
                raise UnreadableError("it has a key that is neither a text nor an integer")
            return {copy(key, depth): copy(part, depth + 1) for key, part in value.items()}
        if isinstance(value, list):
            return [copy(part, depth + 1) for part in value]
        if type(value) is tuple:
            return tuple(copy(part, depth + 1) for part in value)
        if is_leaf(value):
            return value
        raise UnreadableError(f"it holds a value of type {type(value).__name__}")

    return copy(value, 0)


def _unique_keys(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        seen: set[Any] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise UnreadableError(f"it has the key {str(repeated)[:60]!a} twice")
    return content


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableError(f"it holds {name}, which is not a number")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:197]}..."


def _format_bytes(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"
