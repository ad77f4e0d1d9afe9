"""`rgbir.index.evaluation.metrics`: evaluation.md 1, its example, and a slow loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rgbir.index.datasets.protocol import ApRule, CmcLevel
from rgbir.index.errors import EvaluationError
from rgbir.index.evaluation import measure

# evaluation.md 1: identity(camera) in order of distance: 4(2) 2(5) 2(1) 4(4) 8(1) 4(5); camera 3 hides camera 2.
GALLERY = np.array([4, 2, 2, 4, 8, 4])
ORDER = np.arange(6.0)
FROM_3 = np.array([True, False, False, False, False, False])


def example(queries: list[int], hidden: list[bool], cmc: CmcLevel = "identity") -> Any:
    mask = np.array([FROM_3 if hide else np.zeros(6, bool) for hide in hidden])
    return measure(np.tile(ORDER, (len(queries), 1)), np.array(queries), GALLERY, mask, cmc=cmc)


def test_the_example_from_camera_6() -> None:
    result = example([4], [False])

    assert result.rank(1) == 1
    assert result.mean_ap == pytest.approx(2 / 3)
    assert result.mean_inp == pytest.approx(3 / 6)


@pytest.mark.parametrize(("cmc", "rank"), [("identity", 2), ("image", 3)])
def test_the_example_from_camera_3_hides_camera_2(cmc: CmcLevel, rank: int) -> None:
    result = example([4], [True], cmc)

    assert [result.rank(k) for k in (rank - 1, rank)] == [0, 1]
    assert result.mean_ap == pytest.approx(11 / 30)
    assert result.mean_inp == pytest.approx(2 / 5)


def test_the_example_with_an_invalid_probe() -> None:
    result = example([4, 4, 11], [False, True, False])

    assert result.curve.tolist() == [1 / 2, 1, 1]
    assert result.mean_ap == pytest.approx(31 / 60)
    assert result.mean_inp == pytest.approx(9 / 20)
    assert (result.queries, result.valid_queries) == (3, 2)


def test_no_valid_query_is_an_error_and_never_a_number() -> None:
    with pytest.raises(EvaluationError, match="none of the 1 queries has a match"):
        example([11], [False])


def test_nan_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="distance of query 0 to gallery row 1 is NaN"):
        measure(np.array([[1.0, np.nan]]), np.array([1]), np.array([1, 2]))


def test_equal_distances_keep_gallery_row_order() -> None:
    result = measure(np.zeros((1, 3)), np.array([7]), np.array([5, 7, 6]))

    assert result.curve.tolist() == [0, 1, 1]


def test_a_rank_beyond_the_curve_is_its_last_value() -> None:
    assert example([4], [False]).rank(20) == 1


def slow(
    distances: np.ndarray, queries: np.ndarray, gallery: np.ndarray, hidden: np.ndarray, cmc: str, ap: str
) -> tuple[list[int], float, float]:
    """evaluation.md 1, a query at a time."""
    ranks, aps, inps = [], [], []
    for q, row in enumerate(distances):
        shown = [g for g in sorted(range(len(gallery)), key=lambda g: row[g]) if not hidden[q, g]]
        names = [int(gallery[g]) for g in shown]
        if int(queries[q]) not in names:
            continue
        listed = list(dict.fromkeys(names)) if cmc == "identity" else names
        ranks.append(listed.index(int(queries[q])) + 1)
        positions = [place for place, name in enumerate(names, start=1) if name == queries[q]]
        precision = [i / p for i, p in enumerate(positions, start=1)]
        if ap == "trapezoid":
            before = [1.0 if p == 1 else (i - 1) / (p - 1) for i, p in enumerate(positions, start=1)]
            precision = [(a + b) / 2 for a, b in zip(before, precision, strict=True)]
        aps.append(sum(precision) / len(positions))
        inps.append(len(positions) / positions[-1])
    return ranks, float(np.mean(aps)), float(np.mean(inps))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 25),
    cmc=st.sampled_from(["identity", "image"]),
    ap=st.sampled_from(["rectangle", "trapezoid"]),
    infinite=st.booleans(),
)
@pytest.mark.slow
def test_it_is_the_slow_loop_with_ties_hidden_rows_and_infinities(
    seed: int, rows: int, cmc: CmcLevel, ap: ApRule, infinite: bool
) -> None:
    rng = np.random.default_rng(seed)
    distances = rng.integers(0, 5, (7, rows)).astype(np.float64)
    if infinite:
        distances[rng.random((7, rows)) < 0.2] = np.inf
    queries, gallery = rng.integers(0, 4, 7), rng.integers(0, 4, rows)
    hidden = rng.random((7, rows)) < 0.3
    if not ((queries[:, None] == gallery) & ~hidden).any():
        return

    result = measure(distances, queries, gallery, hidden, cmc=cmc, ap=ap)

    ranks, mean_ap, mean_inp = slow(distances, queries, gallery, hidden, cmc, ap)
    assert result.valid_queries == len(ranks)
    expected = [np.mean([r <= k for r in ranks]) for k in range(1, len(result.curve) + 1)]
    np.testing.assert_allclose(result.curve, expected)
    assert result.mean_ap == pytest.approx(mean_ap)
    assert result.mean_inp == pytest.approx(mean_inp)


def test_denominator_all_counts_invalid_queries_as_failures() -> None:
    distances, gallery = np.tile(ORDER, (2, 1)), GALLERY

    valid = measure(distances, np.array([4, 11]), gallery)
    everyone = measure(distances, np.array([4, 11]), gallery, denominator="all")

    assert everyone.rank(1) == valid.rank(1) / 2
    assert everyone.mean_ap == valid.mean_ap / 2
