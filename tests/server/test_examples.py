"""Every operation of the OpenAPI document has an example, and the examples are what a server answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.publish_examples import FILE, answered, shortened

FREE = ("recipe", "milliseconds", "conditions", "options", "reasons")
"""Objects whose keys are data."""


def shape(value: Any) -> Any:
    """Keys and kinds; None is any kind."""
    if isinstance(value, dict):
        return {key: "free" if key in FREE else shape(own) for key, own in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return not one or not other or alike(one[0], other[0])
    return one == other or "NoneType" in (one, other) or {one, other} == {"int", "float"}


def test_the_examples_are_what_a_server_answers(tmp_path: Path) -> None:
    published = json.loads(FILE.read_text())
    seen = set()
    for example, status, answer in answered(tmp_path):
        told = published[example.operation]
        seen.add(example.operation)
        assert status == told["status"], (example, answer)
        assert status < 300
        assert alike(shape(shortened(answer)), shape(told["answer"])), example.operation
    assert seen == set(published)


def test_every_operation_has_an_example_in_the_document() -> None:
    document = json.loads((ROOT / "docs/openapi.json").read_text())
    operations = {f"{method.upper()} {path}" for path, own in document["paths"].items() for method in own}
    assert operations == set(json.loads(FILE.read_text()))
    search = document["paths"]["/search"]["post"]
    assert search["requestBody"]["content"]["multipart/form-data"]["example"]["camera"] == "3"
    assert search["responses"]["200"]["content"]["application/json"]["example"]["hits"][0]["rank"] == 1
