"""`rgbir.index.nearest.reciprocal`: against a plain reading of the paper with whole matrices."""

from __future__ import annotations

import numpy as np
import pytest

from rgbir.index import Metric, UsageError
from rgbir.index.nearest.reciprocal import Reciprocal


def slow(queries: np.ndarray, rows: np.ndarray, k1: int, k2: int, weight: float) -> np.ndarray:
    """Squares of distances in one piece, sets in loops."""
    x = np.concatenate([queries, rows]).astype(np.float64)
    n, q = len(x), len(queries)
    d = ((x[:, None] - x[None]) ** 2).sum(-1)
    d = d / d.max(axis=1, keepdims=True)
    rank = np.argsort(d, axis=1, kind="stable")

    def mutual(i: int, k: int) -> set[int]:
        return {int(j) for j in rank[i, : k + 1] if i in rank[j, : k + 1]}

    v = np.zeros((n, n))
    for i in range(n):
        neighbours = mutual(i, k1)
        grown = set(neighbours)
        for c in neighbours:
            other = mutual(c, round(k1 / 2))
            if len(other & neighbours) > 2 / 3 * len(other):
                grown |= other
        members = sorted(grown)
        strength = np.exp(-d[i, members])
        v[i, members] = strength / strength.sum()
    v = np.stack([v[rank[i, :k2]].mean(axis=0) for i in range(n)])
    jaccard = np.array([[1 - np.minimum(a, b).sum() / np.maximum(a, b).sum() for b in v[q:]] for a in v[:q]])
    return np.asarray((1 - weight) * jaccard + weight * d[:q, q:])


@pytest.mark.parametrize(("k1", "k2", "weight"), [(6, 3, 0.3), (4, 1, 0.0), (9, 4, 1.0)])
def test_it_is_the_papers_formula(rng: np.random.Generator, k1: int, k2: int, weight: float) -> None:
    centres = rng.standard_normal((6, 4)) * 2
    queries, rows = ((centres[rng.integers(0, 6, n)] + rng.standard_normal((n, 4))).astype(np.float32) for n in (9, 40))

    keys = Reciprocal(k1, k2, weight).keys(queries, rows, Metric.EUCLIDEAN)

    np.testing.assert_allclose(keys, slow(queries, rows, k1, k2, weight), atol=1e-6)


def test_it_brings_a_chain_of_neighbours_together() -> None:
    """A row of the query's own cluster that is far from the query, and a stranger that is nearer."""
    cluster = np.array([[x, 0.0] for x in np.arange(0, 3.1, 0.25)], np.float32)
    stranger = np.array([[-2.5, 1.0], [-2.6, 1.0], [-2.7, 1.0], [-2.5, 1.2], [-2.6, 1.2], [-2.7, 1.2]], np.float32)
    rows = np.concatenate([cluster[1:], stranger])
    plain = ((rows - cluster[0]) ** 2).sum(axis=1)
    assert plain[len(cluster) - 2] > plain[len(cluster) - 1]

    keys = Reciprocal(8, 3, 0.0).keys(cluster[:1], rows, Metric.EUCLIDEAN)[0]

    assert keys[len(cluster) - 3] < keys[len(cluster) - 1]


def test_fewer_rows_than_neighbours_and_twins_are_no_trouble() -> None:
    same = np.ones((5, 3), np.float32)
    keys = Reciprocal().keys(same[:2], same[2:], Metric.COSINE)
    assert np.isfinite(keys).all()
    assert keys.shape == (2, 3)


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="1 ≤ k2 ≤ k1"):
        Reciprocal(3, 6, 0.3)
