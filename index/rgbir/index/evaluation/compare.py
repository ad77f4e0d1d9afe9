"""Two reports of one protocol side by side: differences, and how sure they are.

Queries are drawn anew with replacement, the same ones from both reports (a paired bootstrap), and the differences of the
means are looked at. Source: Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import EvaluationError, UsageError
from rgbir.index.evaluation.report import COUNTED

DRAWS = 2_000
MEASURES = ("R1", "mAP", "mINP")


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of two reports, in fractions.

    Attributes:
        measure: its name, one of `MEASURES`.
        a, b: its values in the two reports.
        difference: b minus a.
        low, high: between them lie 95 % of the bootstrap's differences.
        better: the share of the bootstrap's differences above 0.
    """

    measure: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    better: float


def read_report(file: Path) -> dict[str, Any]:
    """A report that `rgbir evaluate --report` wrote.

    Raises:
        UsageError: no such file, or something else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{file} is not there; `rgbir evaluate … --report {file.name}` writes such a report") from None
    except ValueError as error:
        raise UsageError(f"{file} is no report: it isn't JSON; `rgbir evaluate --report` writes one") from error
    if not isinstance(content, dict) or not all("by_query" in trial for trial in content.get("trials", [{}])):
        raise UsageError(f"{file} is no report of `rgbir evaluate --report`; it has no trials with values by query")
    return content


def compare(a: Mapping[str, Any], b: Mapping[str, Any], draws: int = DRAWS, seed: int = 0) -> list[Difference]:
    """Differences of rank-1, mAP and mINP between two reports of the same protocol on the same data.

    Raises:
        EvaluationError: other switches, trials or queries.
    """
    keys = dict.fromkeys((*a["protocol"], *b["protocol"]))
    apart = [key for key in keys if key != "metric" and a["protocol"].get(key) != b["protocol"].get(key)]
    if apart:
        described = ", ".join(f"{key}: {a['protocol'].get(key)} and {b['protocol'].get(key)}" for key in apart)
        raise EvaluationError(f"reports of different protocols can't be compared ({described})")
    if [_shape(trial) for trial in a["trials"]] != [_shape(trial) for trial in b["trials"]]:
        raise EvaluationError("the reports have other trials, queries or galleries; measure both on the same data")
    values = [_by_query(a), _by_query(b)]
    valid = [np.array(trial["by_query"]["rank"]) >= 0 for trial in a["trials"]]
    rng = np.random.default_rng(seed)
    counted = np.mean(valid, axis=0) > 0
    rows = np.flatnonzero(counted)
    picks = rng.integers(0, len(rows), (draws, len(rows)))
    differences = []
    for measure in MEASURES:
        of_a, of_b = (_over_trials(side[measure], valid)[rows] for side in values)
        gap = of_b - of_a
        drawn = gap[picks].mean(axis=1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        values_of_row = of_a.mean(), of_b.mean(), gap.mean(), low, high, (drawn > 0).mean()
        differences.append(Difference(measure, *map(float, values_of_row)))
    return differences


def _shape(trial: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(trial[name] for name in COUNTED)


def _by_query(report: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
    """(trials, queries) of each measure."""
    parts = {key: np.array([trial["by_query"][key] for trial in report["trials"]]) for key in ("rank", "ap", "inp")}
    return {"R1": (parts["rank"] == 0).astype(np.float64), "mAP": parts["ap"], "mINP": parts["inp"]}


def _over_trials(values: NDArray[np.float64], valid: list[NDArray[np.bool_]]) -> NDArray[np.float64]:
    mask = np.array(valid)
    return np.asarray((values * mask).sum(axis=0) / np.maximum(mask.sum(axis=0), 1), np.float64)
