"""Searches in the order of affinity, by lists that are kept: against the formula on the rows that a query may see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.index.test_affinity import slow_scores

from rgbir.index import Metric
from rgbir.index.nearest.affine import affine
from rgbir.index.nearest.affinity import Affinity
from rgbir.index.nearest.lists import Source
from rgbir.index.nearest.neighbours import Neighbours, Stale
from rgbir.index.nearest.rows import Changes, Mark, Vector
from rgbir.index.nearest.slabs import Filter
from rgbir.index.nearest.view import View

CAMERAS = ("a", "b", "c")


class Rows:
    """A gallery's rows as they come and go, and the view of them."""

    def __init__(self, metric: Metric, dimension: int = 6) -> None:
        self.metric, self.dimension = metric, dimension
        self.vectors: dict[int, NDArray[np.float32]] = {}
        self.view = View(metric, Mark(), {})
        self.neighbours = Neighbours(lambda: self.view)

    def camera(self, row: int) -> str:
        return CAMERAS[row % 3]

    def add(self, vectors: NDArray[np.float32]) -> None:
        mark = self.view.mark
        new = dict(enumerate(self.metric.prepare(vectors), start=mark.last_row + 1))
        self.vectors |= new
        mark = mark._replace(generation=mark.generation + 1, last_row=mark.last_row + len(new))
        coming = (
            Vector(row, self.camera(row), row, row % 4, vector.tobytes(), np.dtype(np.float32))
            for row, vector in new.items()
        )
        self.view = self.view.after(Changes(mark, [], coming))

    def remove(self, rows: list[int]) -> None:
        for row in rows:
            del self.vectors[row]
        mark = self.view.mark
        mark = mark._replace(generation=mark.generation + 1, last_removal=mark.last_removal + len(rows))
        self.view = self.view.after(Changes(mark, [(row, self.camera(row)) for row in rows], iter(())))
        self.neighbours.forget(rows, mark)

    def expected(
        self, query: NDArray[np.float32], seen: list[int], affinity: Affinity, candidates: int = 0
    ) -> tuple[list[int], list[int], list[float]]:
        """By the formula: rows in their order, their plain ranks, and their scores."""
        rows = np.array([self.vectors[row] for row in seen])
        wide = rows.astype(np.float64)
        keys = ((wide - query) ** 2).sum(1) if self.metric is Metric.EUCLIDEAN else 1 - wide @ query.astype(np.float64)
        plain = sorted(range(len(seen)), key=lambda at: (round(float(keys[at]), 12), at))
        rank = {at: number for number, at in enumerate(plain, start=1)}
        scores = slow_scores(query[None], rows, affinity.k1, affinity.k2)[0].round(9)
        order = sorted(plain[: candidates or None], key=lambda at: (-scores[at], rank[at]))
        return [seen[at] for at in order], [rank[at] for at in order], [float(scores[at]) for at in order]


def random_rows(rng: np.random.Generator, count: int, dimension: int = 6) -> NDArray[np.float32]:
    """Around some centres, a few of them equal."""
    vectors = rng.standard_normal((max(1, count // 5), dimension))[rng.integers(0, max(1, count // 5), count)]
    vectors = (vectors + 0.4 * rng.standard_normal(vectors.shape)).astype(np.float32)
    vectors[rng.integers(0, count, count // 6)] = vectors[0]
    return np.asarray(vectors, np.float32)


def check(
    rows: Rows,
    query: NDArray[np.float32],
    cameras: tuple[str, ...],
    filters: Filter,
    affinity: Affinity,
    candidates: int = 0,
) -> None:
    seen = [
        row
        for row in sorted(rows.vectors)
        if rows.camera(row) in cameras
        and (filters.identity is None or row % 4 == filters.identity)
        and (filters.since is None or row >= filters.since)
    ]
    query = rows.metric.prepare(query[None])[0]
    answer = affine(rows.view, query, cameras, filters, affinity, rows.neighbours, candidates)
    assert answer.seen == len(seen)
    if seen:
        order, ranks, _ = rows.expected(query, seen, affinity, candidates)
        assert answer.rows.tolist() == order
        assert answer.ranks.tolist() == ranks


@pytest.mark.parametrize("metric", list(Metric))
@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 2**31), count=st.integers(1, 60), k1=st.integers(1, 8), k2=st.integers(1, 4),
    identity=st.none() | st.integers(0, 3), cameras=st.sampled_from([CAMERAS, ("a",), ("b", "c")]), candidates=st.sampled_from([0, 0, 7]),
)  # fmt: skip
def test_a_search_is_the_formula_on_the_rows_that_it_may_see(
    metric: Metric,
    seed: int,
    count: int,
    k1: int,
    k2: int,
    identity: int | None,
    cameras: tuple[str, ...],
    candidates: int,
) -> None:
    rng, rows = np.random.default_rng(seed), Rows(metric)
    rows.add(random_rows(rng, count))
    for _ in range(2):
        query = random_rows(rng, 1)[0]
        check(rows, query, cameras, Filter(identity=identity), Affinity(k1, k2), candidates)
    assert len(rows.neighbours) <= count


@pytest.mark.parametrize("metric", list(Metric))
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**31), k2=st.integers(1, 3))
@pytest.mark.slow
def test_lists_follow_what_comes_and_goes(metric: Metric, seed: int, k2: int) -> None:
    rng, rows = np.random.default_rng(seed), Rows(metric)
    rows.add(random_rows(rng, 50))
    for _ in range(4):
        check(rows, random_rows(rng, 1)[0], CAMERAS, Filter(), Affinity(3, k2))
        before = rows.view
        gone = rng.choice(sorted(rows.vectors), min(len(rows.vectors) - 1, int(rng.integers(1, 12))), replace=False)
        rows.remove(gone.tolist())
        lists = rows.neighbours._lists
        assert not np.isin(lists.rows, gone).any()
        assert not np.isin(lists.near, gone).any()
        with pytest.raises(Stale):
            rows.neighbours.of(before, lists.rows)
        rows.add(random_rows(rng, int(rng.integers(1, 25))))
        check(rows, random_rows(rng, 1)[0], ("a", "c"), Filter(since=10), Affinity(3, k2))
    fresh = Source(rows.view).lists(np.array(sorted(rows.vectors)))
    kept = rows.neighbours.of(rows.view, fresh.rows).lists
    for place in range(len(fresh)):
        listed = kept.cosines[place][kept.cosines[place] > kept.rest[place]]
        np.testing.assert_allclose(listed, fresh.cosines[place][: len(listed)], atol=1e-12)
