"""`rgbir.index.evaluation.compare`: what a paired bootstrap says of two reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rgbir.index.errors import EvaluationError, UsageError
from rgbir.index.evaluation.compare import compare, read_report


def report(aps: np.ndarray, ranks: np.ndarray) -> dict[str, Any]:
    trials = [
        {
            "queries": len(ap), "valid_queries": int((rank >= 0).sum()), "gallery_rows": 9, "gallery_identities": 3,
            "by_query": {"rank": rank.tolist(), "ap": ap.tolist(), "inp": ap.tolist()},
        }
        for ap, rank in zip(aps, ranks, strict=True)
    ]  # fmt: skip
    return {"protocol": {"name": "sysu", "metric": "euclidean"}, "trials": trials}


def test_a_clear_difference_is_clear_and_none_is_none(rng: np.random.Generator) -> None:
    ap = rng.random((3, 400))
    ranks = rng.integers(0, 3, (3, 400))
    better = np.minimum(ap + 0.1, 1)

    of_rank, of_map, _ = compare(report(ap, ranks), report(better, ranks))

    assert (of_rank.difference, of_rank.low, of_rank.high) == (0, 0, 0)
    assert of_map.low > 0.07
    assert of_map.low <= of_map.difference <= of_map.high < 0.1
    assert of_map.better == 1
    assert of_map.a == pytest.approx(ap.mean())


def test_the_interval_is_that_of_the_normal_approximation(rng: np.random.Generator) -> None:
    a, b = rng.random((1, 900)), rng.random((1, 900))
    ranks = np.zeros((1, 900), int)

    _, of_map, _ = compare(report(a, ranks), report(b, ranks))

    width = 1.96 * (b - a).std() / 30
    assert of_map.high - of_map.difference == pytest.approx(width, rel=0.1)
    assert of_map.difference - of_map.low == pytest.approx(width, rel=0.1)


def test_invalid_queries_take_no_part() -> None:
    ranks = np.array([[0, -1, 1]])
    first, second = report(np.array([[1.0, 0, 0.5]]), ranks), report(np.array([[1.0, 1.0, 0.5]]), ranks)
    assert compare(first, second)[1].difference == 0
    assert compare(first, second)[0].a == 0.5


def test_other_data_is_refused(tmp_path: Path) -> None:
    ranks = np.zeros((1, 3), int)
    with pytest.raises(EvaluationError, match="other trials, queries or galleries"):
        compare(report(np.ones((1, 3)), ranks), report(np.ones((2, 3)), np.zeros((2, 3), int)))
    (tmp_path / "x.json").write_text(json.dumps({"trials": [{}]}))
    with pytest.raises(UsageError, match="is no report of"):
        read_report(tmp_path / "x.json")
    with pytest.raises(UsageError, match="is not there; `rgbir evaluate"):
        read_report(tmp_path / "y.json")
