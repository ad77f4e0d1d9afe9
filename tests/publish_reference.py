"""Writes docs/reference/command-line.md and http.md from the commands and the OpenAPI document; run it after a wanted change of either."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from rgbir.client.cli import LazyGroup, app
from rgbir.client.config import options, subcommands, variable
from rgbir.server.http.codes import CODES
from tests.conftest import ROOT

FOLDER = ROOT / "docs/reference"


def command_line() -> str:
    group = get_command(app)
    assert isinstance(group, LazyGroup)
    context = group.make_context("rgbir", ["config"], resilient_parsing=True)
    lines = ["# Command line", "", "Made from the commands themselves; `rgbir COMMAND --help` says the same.", ""]
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
    arguments = [param for param in command.params if not getattr(param, "opts", [""])[0].startswith("--")]
    rows = [(f"`{param.name.upper()}`", param.help, "", "") for param in arguments]
    for key, param in options(command).items():
        flags = " / ".join(f"`{flag}`" for flag in (*param.opts, *param.secondary_opts))
        rows.append((flags, param.help, _default(param), f"`{variable(path, key)}`"))
    yield "| | | default | variable |"
    yield "|---|---|---|---|"
    for row in rows:
        yield (
            "| "
            + " | ".join(" ".join(str(cell or "").split()).replace("|", "\\|").replace("<", "&lt;") for cell in row)
            + " |"
        )
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
