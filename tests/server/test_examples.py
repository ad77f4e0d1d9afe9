"""Every operation of the OpenAPI document has an example, and the examples are what a server answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ROOT
from tests.publish_examples import FILE, answered, shortened

FREE = ("recipe", "milliseconds", "conditions", "options", "reasons")
"""Objects whose keys are data."""


def shape(value: Any) -> Any:
    """Keys and kinds; None is any kind."""
    if isinstance(value, dict):
        return {key: "free" if key in FREE else shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def alike(published: Any, answer: Any) -> bool:
    if isinstance(published, dict) and isinstance(answer, dict):
        return published.keys() == answer.keys() and all(alike(published[key], answer[key]) for key in published)
    if isinstance(published, list) and isinstance(answer, list):
        return not published or not answer or alike(published[0], answer[0])
    return published == answer or "NoneType" in (published, answer) or {published, answer} == {"int", "float"}


@pytest.mark.slow
def test_the_examples_are_what_a_server_answers(tmp_path: Path) -> None:
    published = json.loads(FILE.read_text())
    seen = set()
    for example, status, answer in answered(tmp_path):
        record = published[example.operation]
        seen.add(example.operation)
        assert status == record["status"], (example, answer)
        assert status < 300
        assert alike(shape(shortened(answer)), shape(record["answer"])), example.operation
    assert seen == set(published)


def test_every_operation_has_an_example_in_the_document() -> None:
    document = json.loads((ROOT / "docs/openapi.json").read_text())
    operations = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert operations == set(json.loads(FILE.read_text()))
    search = document["paths"]["/search"]["post"]
    assert search["requestBody"]["content"]["multipart/form-data"]["example"]["camera"] == "3"
    assert search["responses"]["200"]["content"]["application/json"]["example"]["hits"][0]["rank"] == 1
