"""The OpenAPI document: what FastAPI knows of the routes, the problem document, and a real request and answer of each."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from rgbir.client.wire import Problem


def completed(document: dict[str, Any], root_path: str = "") -> dict[str, Any]:
    """The document with the problem document, which every route answers with and none returns, and with examples.

    Args:
        root_path: below which the server is seen; where there is one, the document names it.
    """
    if root_path:
        document["servers"] = [{"url": root_path}]
    document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
    examples = json.loads((files("rgbir.server") / "examples.json").read_text(encoding="utf-8"))
    for name, example in examples.items():
        method, _, path = name.partition(" ")
        if (operation := document["paths"].get(path, {}).get(method.lower())) is not None:
            _exemplify(operation, example)
    return document


def _exemplify(operation: dict[str, Any], example: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in example["parameters"]:
            parameter["example"] = example["parameters"][parameter["name"]]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["example"] = example["form"]
    answers = operation["responses"].get(str(example["status"]), {}).get("content", {})
    if "application/json" in answers and example["answer"] is not None:
        answers["application/json"]["example"] = example["answer"]
