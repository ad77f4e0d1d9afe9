"""Writes docs/reference/command-line.md and http.md from the commands and the OpenAPI document; run it after a wanted change of either."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from typer.main import get_command

from rgbir.client.cli import LazyGroup, app
from rgbir.client.config import OUTPUT, options, subcommands, variable
from rgbir.client.exits import EXIT_CODES
from rgbir.client.output import shape_of
from rgbir.index import ABOUT
from rgbir.server.http.codes import CODES
from tests.conftest import ROOT

FOLDER = ROOT / "docs/reference"
EVERY = """Every command has `--json`, `--quiet` (`-q`) and `--verbose` (`-v`), which the tables leave out; `rgbir -q COMMAND` means the same
as `rgbir COMMAND -q`.

* With `--json` one document of JSON stands on standard output, and nothing else. An error is an object on standard
  error, with `error` and `exit_code`. Times are ISO 8601. A number that isn't finite is null.
* `--quiet` leaves the answer and errors alone: no progress, no remarks.
* `-v` says on standard error which bundle, gallery and file are used. `-vv` says everything, and an error with its traceback.

The shell completes commands, options and choices once it has read what `rgbir --completion SHELL` prints, of `bash`, `zsh`
or `fish`: `echo 'source <(rgbir --completion bash)' >> ~/.bashrc`.

For people, times are on this machine's clocks, with their zone. A table that doesn't fit into the terminal is shown as a
block for each row, so that nothing is cut.

""".splitlines()
WORDS = {int: "whole number", float: "number", bool: "true or false", Path: "path", datetime: "time", Any: "anything"}


def command_line() -> str:
    group = get_command(app)
    assert isinstance(group, LazyGroup)
    context = group.make_context("rgbir", ["config"], resilient_parsing=True)
    lines = [
        "# Command line",
        "",
        "Made from the commands themselves; `rgbir COMMAND --help` says the same.",
        "",
        *EVERY,
    ]
    lines += ["| exit code | what it means |", "|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()] + [""]
    for name in group.list_commands(context):
        lines += _command((name,), group.get_command(context, name))
    return "\n".join(lines).rstrip() + "\n"


def _command(path: tuple[str, ...], command: Any) -> Iterator[str]:
    inner = subcommands(command)
    yield f"{'#' * (len(path) + 1)} rgbir {' '.join(path)}"
    yield ""
    yield " ".join((command.help or "").split())
    yield ""
    for name, child in inner.items():
        yield from _command((*path, name), child)
    if inner:
        return
    yield "```text"
    yield from command.examples
    yield "```"
    yield ""
    arguments = [param for param in command.params if not getattr(param, "opts", [""])[0].startswith("--")]
    rows = [(f"`{param.name.upper()}`", param.help, "", "") for param in arguments]
    for key, param in options(command).items():
        if key in OUTPUT:
            continue
        flags = " / ".join(f"`{flag}`" for flag in (*param.opts, *param.secondary_opts))
        rows.append((flags, param.help, _default(param), f"`{variable(path, key)}`"))
    if rows:
        yield "| | | default | variable |"
        yield "|---|---|---|---|"
    for row in rows:
        yield (
            "| "
            + " | ".join(" ".join(str(cell or "").split()).replace("|", "\\|").replace("<", "&lt;") for cell in row)
            + " |"
        )
    if rows:
        yield ""
    yield from _shape(shape_of(command.callback))


def _shape(shape: Any) -> Iterator[str]:
    """The keys of what `--json` prints, and of the records in it."""
    records = list(dict.fromkeys(_records(shape)))
    first = " or ".join(_kind(part) for part in _parts(shape))
    yield f"JSON: {first}."
    yield ""
    for record in records:
        keys = [
            f"`{key}` {_kind(kind)}"
            for key, kind in get_type_hints(record).items()
            if not key.startswith(("_", "model_"))
        ]
        yield f"* {record.__name__}: {', '.join(keys)}"
    if records:
        yield ""


def _parts(shape: Any) -> list[Any]:
    """Of a choice; the shape itself if it is none."""
    return list(get_args(shape)) if get_origin(shape) in (Union, UnionType) else [shape]


def _records(shape: Any) -> Iterator[Any]:
    """The types with keys in a shape, each before those in it."""
    if is_dataclass(shape) or is_typeddict(shape) or hasattr(shape, "model_fields"):
        yield shape
        for key, kind in get_type_hints(shape).items():
            if not key.startswith(("_", "model_")):
                yield from _records(kind)
    for part in get_args(shape):
        yield from _records(part)


def _kind(kind: Any) -> str:
    """A type in words."""
    if kind is type(None):
        return "null"
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(map(_kind, arguments))
    if origin in (Annotated, NotRequired, Required):
        return _kind(arguments[0])
    if origin is Literal:
        return " or ".join(f'"{value}"' for value in arguments)
    if origin in (list, tuple, Sequence):
        return f"list of {_kind(arguments[0])}" if arguments else "list"
    if origin in (dict, Mapping):
        return "object" if arguments[1] is Any else f"object of {_kind(arguments[1])}"
    if isinstance(kind, type) and issubclass(kind, str):
        return "text"
    return WORDS.get(kind) or str(getattr(kind, "__name__", kind))


def _codes() -> Iterator[str]:
    yield from ("## Codes of answers", "")
    yield "An answer says each thing in words, and by a code with values for programs. A code keeps its meaning and its values."
    for kind, where in (("warning", "remarks"), ("camera", "excluded_cameras"), ("verdict", "verdict")):
        yield from ("", f"Under `{where}`:", "", "| code | says that | values |", "|---|---|---|")
        for code, about in ABOUT.items():
            if about.kind == kind:
                yield f"| `{code.value}` | {about.meaning} | {', '.join(f'`{name}`' for name in about.values)} |"
    yield ""


def _default(param: Any) -> str:
    value = param.default
    if param.required:
        return "required"
    if value is None or value == "" or callable(value):
        return ""
    return f"`{getattr(value, 'value', value)}`"


def http() -> str:
    document = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))
    lines = [
        "# HTTP", "", "Made from [openapi.json](../openapi.json), which has every field and answer. A server shows the same at `/docs`,",
        "without a script and without anything from outside; `/docs` and `/openapi.json` ask for no key.", "",
    ]  # fmt: skip
    lines += _codes()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += [
                f"## {method.upper()} {path}",
                "",
                operation["summary"].rstrip("?") + ("?" if operation["summary"].endswith("?") else "."),
                "",
            ]
            if description := operation.get("description"):
                lines += [" ".join(description.split()), ""]
            fields = [
                (parameter["name"], parameter["in"], parameter.get("description") or _described(parameter))
                for parameter in operation.get("parameters", ())
            ]
            fields += list(_form(document, operation))
            if fields:
                lines += ["| field | where | what |", "|---|---|---|"]
                lines += [f"| `{name}` | {where} | {' '.join(what.split())} |" for name, where, what in fields] + [""]
            answers = ", ".join(
                f"{status} {response['description'].lower()}" for status, response in operation["responses"].items()
            )
            lines += [f"Answers: {answers}.", ""]
    lines += _problems()
    return "\n".join(lines).rstrip() + "\n"


def _problems() -> Iterator[str]:
    yield from (
        "## Problems", "",
        "A request that isn't answered gets a problem document (RFC 9457), `application/problem+json`. Its `code` and `type`, which is",
        "`urn:rgbir:problem:CODE`, stay what they are. `request_id` is that of the header `X-Request-Id` and of the server's log; it is",
        "missing where a connection was refused before its request was read. `errors` names each field that doesn't fit, with a code of",
        "its own. The probes below `/health/` answer in a form of their own.", "",
        "| status | code | what happened | what to do |", "|---|---|---|---|",
    )  # fmt: skip
    yield from (f"| {code.status} | `{code.name}` | {code.meaning} | {code.advice} |" for code in CODES.values())
    yield ""


def _form(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        schema = document["components"]["schemas"].get(name, content["schema"])
        for field, property_ in schema.get("properties", {}).items():
            needed = " (required)" if field in schema.get("required", ()) else ""
            yield field, "form", (property_.get("description") or _described(property_)) + needed


def _described(parameter: dict[str, Any]) -> str:
    schema = parameter.get("schema", parameter)
    return str(schema.get("title", schema.get("type", "")))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "command-line.md").write_text(command_line(), encoding="utf-8")
    (FOLDER / "http.md").write_text(http(), encoding="utf-8")
