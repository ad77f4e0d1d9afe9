"""The OpenAPI document: what FastAPI knows of the routes, and what generators of clients need beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute

from rgbir.client.wire import Problem
from rgbir.server.http.door import beforehand

TAGS = {
    "search": "Who looks like this?",
    "gallery": "What is enrolled: look, add, erase.",
    "jobs": "Archives and films that are enrolled beside the searches.",
    "cases": "What people decided about hits, kept with the pictures.",
    "judgements": "Pairs that people judge, to measure what distances mean.",
    "cameras": "Which cameras there are, and where they look.",
    "models": "What answers, and another in its place.",
    "keys": "The caller, and who may.",
    "operations": "For those who run the server: log, probes, metrics.",
}
KEY = "key"
_SCHEMES = {
    KEY: {
        "type": "http",
        "scheme": "bearer",
        "description": "A key that `rgbir keys add` made. A server that was started without `--keys` asks for none.",
    }
}
_AS_THE_CLIENT_SAYS = {
    "search_batch": "search_each",
    "get_sighting": "sighting",
    "get_image": "image",
    "get_clip": "clip",
    "remove_sighting": "erase_sighting",
    "remove": "erase",
    "list_jobs": "jobs",
    "get_job": "job",
    "get_camera": "camera",
    "get_report": "report",
    "list_models": "models",
    "list_keys": "keys",
    "list_cases": "cases",
    "get_case": "case",
    "get_search": "case_search",
    "get_case_image": "case_image",
    "add_mark": "mark",
    "approve": "approve_case",
    "hold": "hold_case",
    "look": "look_at_case",
    "list_near": "near_erased",
    "list_erasures": "asked_erasures",
    "list_judgements": "judgements",
    "get_judgement": "judgement",
}


def operation_id(route: APIRoute) -> str:
    """A route's name for generators: that of the Python client's method, else that of its function."""
    return _AS_THE_CLIENT_SAYS.get(route.name, route.name)


def completed(document: dict[str, Any], routers: Sequence[APIRouter], root_path: str = "") -> dict[str, Any]:
    """The document with where the server is, who may ask, the problem document, and a real request and answer of each route.

    Args:
        document: FastAPI's, which is changed.
        routers: those of the routes, which say what is decided before they answer.
        root_path: below which the server is seen.
    """
    document["servers"] = [{"url": root_path or "/"}]
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}) | {"Problem": problem})
    for name, schema in schemas.items():
        if name.startswith("Body_"):
            for field in schema["properties"].values():
                _never_null(field)
    guarded = set(_guarded(routers))
    examples = json.loads((files("rgbir.server") / "examples.json").read_text(encoding="utf-8"))
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            # Without a key, too: whether one is needed is the server's setting.
            operation["security"] = [{KEY: []}, {}] if (method.upper(), path) in guarded else []
            for parameter in operation.get("parameters", ()):
                _never_null(parameter["schema"])
            if (example := examples.get(f"{method.upper()} {path}")) is not None:
                _exemplify(operation, example)
    _say_files_as_generators_know_them(document)
    return document


def _guarded(routers: Sequence[APIRouter]) -> Iterator[tuple[str, str]]:
    """Method and path of the routes that a key may be needed for."""
    for route in _routes(routers):
        if beforehand(route.dependant):
            yield from ((method, route.path_format) for method in route.methods or ())


def _routes(routers: Sequence[APIRouter]) -> Iterator[APIRoute]:
    return (route for router in routers for route in router.routes if isinstance(route, APIRoute))


def _never_null(schema: dict[str, Any]) -> None:
    """A form field or parameter isn't sent where it has no value; a generated client would send the text `None`."""
    kinds = schema.get("anyOf", [])
    some = [kind for kind in kinds if kind.get("type") != "null"]
    if len(some) == len(kinds):
        return
    if len(some) == 1:
        del schema["anyOf"]
        schema.update({name: value for name, value in some[0].items() if name not in schema})
    else:
        schema["anyOf"] = some


def _say_files_as_generators_know_them(part: Any) -> None:
    """FastAPI writes files with `contentMediaType`, which generators take for text."""
    if isinstance(part, dict):
        if part.get("contentMediaType") == "application/octet-stream":
            del part["contentMediaType"]
            part["format"] = "binary"
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            _say_files_as_generators_know_them(inner)


def _exemplify(operation: dict[str, Any], example: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in example["parameters"]:
            parameter["example"] = example["parameters"][parameter["name"]]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["example"] = example["form"]
    answers = operation["responses"].get(str(example["status"]), {}).get("content", {})
    if "application/json" in answers and example["answer"] is not None:
        answers["application/json"]["example"] = example["answer"]
