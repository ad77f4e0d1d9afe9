"""The API page: the OpenAPI document as one page of HTML, without a script and without anything from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from shlex import quote
from typing import Any

from rgbir.server.http.codes import CODES

Schema = Mapping[str, Any]


def api_page(document: Mapping[str, Any]) -> str:
    """The page, whose links are relative.

    Args:
        document: OpenAPI's, with tags, examples and operation ids.
    """
    routes = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    sections = [
        (tag, [route for route in routes if tag["name"] in route[2].get("tags", ())]) for tag in document["tags"]
    ]
    parts = [
        *_head(document),
        '<nav aria-label="Routes">',
        *_contents(sections),
        "</nav>",
        "<main>",
        *_preface(document),
    ]
    for tag, inside in sections:
        parts.append(f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>")
        for method, path, operation in inside:
            parts += _route(document, method, path, operation)
    parts += [*_problems(), *_schemas(document), "</main></body></html>"]
    return "\n".join(parts)


def _head(document: Mapping[str, Any]) -> Iterator[str]:
    about = document["info"]
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1"><title>rgbir: API</title>'
    yield '<link rel="icon" href="page/icon.svg" type="image/svg+xml">'
    yield '<link rel="stylesheet" href="page/api.css"></head><body>'
    yield f"<header><h1>{escape(about['title'])} {escape(about['version'])}: API</h1><p>{escape(about['summary'])}</p></header>"


def _contents(sections: Iterable[tuple[Schema, list[tuple[str, str, Schema]]]]) -> Iterator[str]:
    for tag, inside in sections:
        yield f"<p>{escape(tag['name'])}</p><ul>"
        for method, path, operation in inside:
            link = f'<a href="#{escape(operation["operationId"])}"><b>{method.upper()}</b> {escape(path)}</a>'
            yield f"<li>{link}</li>"
        yield "</ul>"
    yield '<p><a href="#problems">Problems</a></p><p><a href="#schemas">Schemas</a></p>'


def _preface(document: Mapping[str, Any]) -> Iterator[str]:
    key = next(iter(document["components"]["securitySchemes"].values()))["description"]
    yield '<p><a href="openapi.json">openapi.json</a> says the same for generators of clients. '
    yield "The commands below take the server's URL, and a key where the server wants one, from two variables:</p>"
    yield f"<pre>{escape('SERVER=http://127.0.0.1:8077' + chr(10) + 'KEY=…')}</pre>"
    yield f"<p>{escape(key.replace('`', ''))} Without one, leave the header <code>Authorization</code> out.</p>"


def _route(document: Mapping[str, Any], method: str, path: str, operation: Schema) -> Iterator[str]:
    yield f'<section id="{escape(operation["operationId"])}"><h3>{method.upper()} {escape(path)}</h3>'
    yield f"<p><strong>{escape(operation['summary'])}</strong> {escape(operation.get('description', '').replace('`', ''))}</p>"
    rows = list(_fields(document, operation))
    if rows:
        yield from _table(("field", "where", "value", "what"), rows)
    yield f"<pre>{escape(curl(method, path, operation))}</pre>"
    yield from _table(
        ("answer", "what", "form"), [_answer(status, answer) for status, answer in operation["responses"].items()]
    )
    for answer in operation["responses"].values():
        for content in answer.get("content", {}).values():
            if "example" in content:
                shown = json.dumps(content["example"], indent=1, ensure_ascii=False)
                yield f"<details><summary>An answer</summary><pre>{escape(shown)}</pre></details>"
    yield "</section>"


def _fields(document: Mapping[str, Any], operation: Schema) -> Iterator[tuple[str, ...]]:
    for parameter in operation.get("parameters", ()):
        needed = " (required)" if parameter.get("required") else ""
        description = parameter.get("description", "")
        yield _code(parameter["name"]), parameter["in"], _kind(parameter["schema"]), escape(description) + needed
    for content in operation.get("requestBody", {}).get("content", {}).values():
        form = _resolved(document, content["schema"])
        for name, field in form["properties"].items():
            needed = " (required)" if name in form.get("required", ()) else ""
            yield _code(name), "form", _kind(field), escape(field.get("description", "")) + needed


def _answer(status: str, answer: Schema) -> tuple[str, ...]:
    forms = [
        f"{escape(kind)} {_kind(content['schema'])}"
        for kind, content in answer.get("content", {}).items()
        if "schema" in content
    ]
    return status, escape(answer["description"]), "<br>".join(forms)


def curl(method: str, path: str, operation: Schema) -> str:
    """A command that asks a route as its example does."""
    words = ["curl", "-H", '"Authorization: Bearer $KEY"']
    if method != "get":
        words += ["-X", method.upper()]
    query = []
    for parameter in operation.get("parameters", ()):
        value = str(parameter.get("example", ""))
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", value or parameter["name"].upper())
        elif value:
            query.append(f"{parameter['name']}={value}")
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        flag = "-F" if kind == "multipart/form-data" else "--data-urlencode"
        for name, values in content.get("example", {}).items():
            for value in values if isinstance(values, list) else [values]:
                words += [flag, quote(f"{name}={'@' if name in ('images', 'archive') else ''}{value}")]
    return " ".join([*words, f'"$SERVER{path}{"?" if query else ""}{"&".join(query)}"'])


def _problems() -> Iterator[str]:
    yield '<section id="problems"><h2>Problems</h2><p>A request that isn\'t answered gets a problem document (RFC 9457) with one of '
    yield "these codes, which stay as they are.</p>"
    rows = [
        (str(code.status), _code(code.name), escape(code.meaning), escape(code.advice.replace("`", "")))
        for code in CODES.values()
    ]
    yield from _table(("status", "code", "meaning", "what to do"), rows)
    yield "</section>"


def _schemas(document: Mapping[str, Any]) -> Iterator[str]:
    yield '<section id="schemas"><h2>Schemas</h2>'
    for name, schema in document["components"]["schemas"].items():
        if name.startswith("Body_"):
            continue
        yield f'<h3 id="schema-{escape(name)}">{escape(name)}</h3><p>{escape(schema.get("description", ""))}</p>'
        if "enum" in schema:
            yield f"<p>{_kind(schema)}</p>"
        rows = [
            (_code(field), _kind(of), escape(of.get("description", "")))
            for field, of in schema.get("properties", {}).items()
        ]
        if rows:
            yield from _table(("field", "value", "what"), rows)
    yield "</section>"


def _table(heads: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Rows of cells that are HTML already."""
    yield f"<table><thead><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr></thead><tbody>"
    for row in rows:
        yield f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
    yield "</tbody></table>"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _resolved(document: Mapping[str, Any], schema: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    named: Schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return named


_BOUNDS = {"minimum": "≥", "maximum": "≤", "maxLength": "characters ≤", "maxItems": "items ≤"}


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def _kind(schema: Schema) -> str:
    """What a value may be, as HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        kind = " or ".join(_kind(each) for each in schema["anyOf"])
    elif "enum" in schema:
        kind = " | ".join(_code(str(value)) for value in schema["enum"])
    elif "items" in schema:
        kind = f"list of {_kind(schema['items'])}"
    else:
        kind = escape("file" if schema.get("format") == "binary" else schema.get("format", schema.get("type", "any")))
    bounds = [f"{sign} {_number(schema[name])}" for name, sign in _BOUNDS.items() if name in schema]
    default = schema.get("default")
    if default not in (None, "", []):
        bounds.append(f"default {_code(json.dumps(default))}")
    return ", ".join([kind, *bounds])
