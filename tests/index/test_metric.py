"""`rgbir.index.metric`: the arithmetic that decides an order."""

from __future__ import annotations

import numpy as np
import pytest

from rgbir.index import Metric


@pytest.mark.parametrize("metric", list(Metric))
def test_a_key_depends_on_its_row_and_the_query_alone(metric: Metric, rng: np.random.Generator) -> None:
    rows, query = rng.standard_normal((300, 129), dtype=np.float32), rng.standard_normal(129, dtype=np.float32)

    together = metric.keys(query, rows)

    alone = np.concatenate([metric.keys(query, rows[i : i + 1]) for i in range(len(rows))])
    assert (together == alone).all()


def test_keys_are_the_formulas(rng: np.random.Generator) -> None:
    rows, query = rng.standard_normal((50, 33)).astype(np.float32), rng.standard_normal(33).astype(np.float32)

    exact = rows.astype(np.float64), query.astype(np.float64)
    np.testing.assert_allclose(Metric.EUCLIDEAN.keys(query, rows), ((exact[0] - exact[1]) ** 2).sum(1))
    cosine = exact[0] @ exact[1] / np.linalg.norm(exact[0], axis=1) / np.linalg.norm(exact[1])
    prepared = Metric.COSINE.prepare(rows), Metric.COSINE.prepare(query[None])[0]
    np.testing.assert_allclose(Metric.COSINE.keys(prepared[1], prepared[0]), 1 - cosine, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-38, 1e-20, 1.0, 1e20, 1e38])
def test_cosine_keeps_directions_of_any_length(scale: float) -> None:
    vector = np.array([[3, 4]], np.float64) * scale / 4

    np.testing.assert_allclose(Metric.COSINE.prepare(vector.astype(np.float32)), [[0.6, 0.8]], rtol=1e-5)


def test_a_zero_vector_stays_zero_and_is_orthogonal_to_all() -> None:
    zero = Metric.COSINE.prepare(np.zeros((1, 4), np.float32))

    assert not zero.any()
    assert Metric.COSINE.keys(zero[0], np.eye(4, dtype=np.float32)).tolist() == [1, 1, 1, 1]
