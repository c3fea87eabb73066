"""Render the description of the API, in OpenAPI, as one HTML page without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h2 { margin-top: 2.5rem; border-top: 1px solid #8888; padding-top: 1rem; }
code, pre { font: 0.9rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.8rem 0.3rem 0; border-bottom: 1px solid #8884; }
"""


def render_api(description: Mapping[str, Any]) -> str:
    """Returns the page for a description of OpenAPI 3.1."""
    info = description["info"]
    operations = [
        _operation(path, method, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}: API</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body><main>'
        f"<h1>{title}: API</h1><p>{escape(info.get('description', ''))} "
        '<a href="openapi.json">The same as OpenAPI</a>.</p>'
        f"{''.join(operations)}</main></body></html>"
    )


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    parts = [
        f"<h2><code>{escape(method.upper())} {escape(path)}</code></h2>",
        f"<p><strong>{escape(operation.get('summary', ''))}.</strong></p>",
        *(f"<p>{_with_code(text)}</p>" for text in operation.get("description", "").split("\n\n") if text),
        _table("Parameters", _parameters(operation)),
        _table("Body", _media_types(operation.get("requestBody", {}))),
        _table("Answers", _answers(operation)),
    ]
    return "".join(parts)


def _parameters(operation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for parameter in operation.get("parameters", ()):
        schema = parameter.get("schema", {})
        default = f" Default: `{schema['default']}`." if schema.get("default") is not None else ""
        text = parameter.get("description") or schema.get("description", "")
        yield f"`{parameter['name']}` ({parameter['in']})", text + default


def _media_types(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, media in content.get("content", {}).items():
        fields = ", ".join(media.get("schema", {}).get("properties", {}))
        yield f"`{name}`", f"field `{fields}`" if fields else ""


def _answers(operation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for status, response in operation.get("responses", {}).items():
        types = ", ".join(f"`{name}`" for name in response.get("content", {}))
        yield status, f"{response.get('description', '')} {types}".strip()


def _table(title: str, rows: Iterator[tuple[str, str]]) -> str:
    lines = "".join(f"<tr><th>{_with_code(name)}</th><td>{_with_code(text)}</td></tr>" for name, text in rows)
    return f"<h3>{title}</h3><table>{lines}</table>" if lines else ""


def _with_code(text: str) -> str:
    """Returns HTML of a text in which code is between backquotes."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
