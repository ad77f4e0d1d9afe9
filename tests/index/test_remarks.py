"""Codes of what an answer says beside its hits: a closed list, nothing without one, and the verdict by the rule book."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ROOT

from rgbir.index import ABOUT, Code, Remark
from rgbir.index.gallery.query import ExcludedCamera
from rgbir.index.gallery.remarks import verdict_of

FROZEN = {
    "warning": {
        "shot_small": {"shot", "width", "height", "least_width", "least_height"},
        "shot_burnt": {"shot", "share"},
        "shot_dark": {"shot"},
        "shot_blurred": {"shot", "sharpness", "least"},
        "shot_has_colours": {"shot"},
        "shot_no_colours": {"shot"},
        "shot_deep": {"shot", "assumed"},
        "no_times": {"untimed", "total", "filters"},
        "no_walking_time": {"camera"},
        "no_time_given": set(),
        "moved_no_time": {"camera"},
        "nothing_searched": set(),
        "doubtful": {"strangers"},
        "mean_not_measured": set(),
        "not_logged": set(),
    },
    "camera": {
        "own_camera": set(),
        "same_place": {"query_camera", "place"},
        "same_place_at_times": {"query_camera", "spans"},
        "not_chosen": set(),
        "same_light": {"modality"},
        "nothing_enrolled": set(),
    },
    "verdict": {
        "lead": {"hits", "strangers", "total"},
        "doubt": {"strangers", "total"},
        "unknown": {"query_camera", "cameras"},
        "none": set(),
        "no_camera": set(),
        "failed": set(),
    },
}
"""Programs go by these: one may come, none may go or change."""


def test_no_code_goes_and_none_loses_a_value() -> None:
    kinds = {kind: {code.value: set(a.values) for code, a in ABOUT.items() if a.kind == kind} for kind in FROZEN}
    assert kinds == FROZEN
    assert set(ABOUT) == set(Code)


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for part in ("index", "server"):
        for file in (ROOT / part / "rgbir").rglob("*.py"):
            yield file, ast.parse(file.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_no_warning_is_made_without_a_code() -> None:
    """`warnings` are the remarks' words: nobody gives an answer others, and each remark names a code of its kind."""
    made: dict[str, set[str]] = {"warning": set(), "camera": set(), "verdict": set()}
    kinds = {"Remark": "warning", "ExcludedCamera": "camera", "Verdict": "verdict", "_remark": "warning"}
    for file, tree in modules():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            assert "warnings" not in {keyword.arg for keyword in call.keywords}, f"{file}:{call.lineno}"
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            codes = {
                ABOUT[Code[node.attr]].kind: node.attr for argument in call.args for node in [argument]
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Code"
            }  # fmt: skip
            if name in kinds and not (name == "Remark" and file.name == "quality.py"):
                assert set(codes) == {kinds[name]}, f"{file}:{call.lineno}"
                made[kinds[name]] |= set(codes.values())
    assert set().union(*made.values()) == {code.name for code in Code}, "a code that nothing makes"


def test_a_remark_has_the_values_of_its_code_and_no_others() -> None:
    for values in ({}, {"strangers": 1.0, "more": 1}):
        with pytest.raises(AssertionError):
            Remark(Code.DOUBTFUL, "", values)
    with pytest.raises(AssertionError):
        ExcludedCamera("a", "", Code.SAME_PLACE, {"place": "hall"})


BASE: dict[str, Any] = {
    "error": None, "searched": ["a"], "strangers": [0.2, 0.9, 1.0, 4.0], "doubtful": False, "camera": "n",
    "uncalibrated": (), "compared": 50,
}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "code", "values"),
    [
        ({}, "lead", {"hits": 2, "strangers": 0.2, "total": 50}),
        ({"strangers": [3.0, None, 1.5], "doubtful": True}, "doubt", {"strangers": 1.5, "total": 50}),
        ({"strangers": [None], "doubtful": None}, "unknown", {"query_camera": "n", "cameras": []}),
        (
            {"strangers": [None], "doubtful": None, "uncalibrated": ("b",)},
            "unknown",
            {"query_camera": "n", "cameras": ["b"]},
        ),
        ({"strangers": []}, "none", {}),
        ({"strangers": [], "searched": []}, "no_camera", {}),
        ({"strangers": [], "searched": [], "error": "no image"}, "failed", {}),
    ],
)
def test_the_verdict_follows_from_what_is_known(given: dict[str, Any], code: str, values: dict[str, Any]) -> None:
    verdict = verdict_of(**{**BASE, **given})
    assert (verdict.code.value, verdict.values) == (code, values)
    assert set(verdict.values) == FROZEN["verdict"][code]
