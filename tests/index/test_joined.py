"""Joined searches by products of bytes: exact sums or none, bounds that hold, and floats where codes bound too little."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.index.test_slabs import KINDS, rows_of, view_of
from tests.publish_products import FILE, graph

from rgbir.index import Metric
from rgbir.index.nearest import products as products_module
from rgbir.index.nearest import slabs as slabs_module
from rgbir.index.nearest.codes import Codes
from rgbir.index.nearest.products import LONGEST, are_exact, products
from rgbir.index.nearest.rows import Nearest
from rgbir.index.nearest.slabs import Filter
from rgbir.index.nearest.view import View


def brute(metric: Metric, queries: np.ndarray, vectors: np.ndarray, top_k: int) -> list[Nearest]:
    keys = [metric.keys(query, vectors).tolist() for query in queries]
    return [sorted(zip(of_query, range(1, len(vectors) + 1), strict=True))[:top_k] for of_query in keys]


def test_the_graph_is_the_one_that_the_script_writes() -> None:
    assert FILE.read_bytes() == graph()


@pytest.mark.parametrize(("n", "d", "m"), [(1, 1, 1), (7, 33, 5), (64, 2048, 3), (300, 96, 40)])
def test_products_are_those_of_whole_numbers(rng: np.random.Generator, n: int, d: int, m: int) -> None:
    codes, queries = rng.integers(0, 256, (n, d), np.uint8), rng.integers(-127, 128, (d, m)).astype(np.int8)
    codes[0], queries[:, 0] = 255, 127

    expected = [
        [sum((int(c) - 128) * int(q) for c, q in zip(row, column, strict=True)) for column in queries.T]
        for row in codes[:3]
    ]
    assert products(codes, queries)[:3].tolist() == expected
    assert (products(codes, queries) == (codes.astype(np.int64) - 128) @ queries.astype(np.int64)).all()
    assert 128 * 128 * (LONGEST - 1) < 2**31


@settings(max_examples=100, deadline=None)
@given(
    kind=st.sampled_from([kind for kind in KINDS if kind != "huge"]), metric=st.sampled_from(list(Metric)),
    seed=st.integers(0, 2**32 - 1), d=st.sampled_from([3, 32, 100]), inside=st.booleans(), some=st.booleans(),
)  # fmt: skip
def test_no_product_is_further_off_than_promised(
    kind: str, metric: Metric, seed: int, d: int, inside: bool, some: bool
) -> None:
    rng = np.random.default_rng(seed)
    vectors = metric.prepare(rows_of(kind, rng, 60, d))
    queries = metric.prepare(vectors[:4] if inside else rows_of(kind, rng, 4, d))
    positions = np.flatnonzero(rng.random(60) < 0.5) if some else None

    near, doubt = Codes.of(metric, vectors).products(queries, positions)

    rows = vectors if positions is None else vectors[positions]
    exact = rows.astype(np.float64) @ queries.astype(np.float64).T
    rounding = 4 * 2.0**-24 * np.abs(near) + 1e-30
    assert near.dtype == np.float32
    assert (np.abs(exact - near) <= doubt + rounding).all()


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("storage", ["float32", "float16"])
def test_joined_answers_are_brute_forces_by_bytes_and_by_floats(
    rng: np.random.Generator, metric: Metric, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = metric.prepare(rows_of("people", rng, 2400, 64)).astype(storage)
    vectors[100:140] = vectors[7]
    queries = np.vstack([vectors[7:8], vectors[3:20], metric.prepare(rows_of("noise", rng, 15, 64))]).astype(np.float32)
    expected = brute(metric, queries, vectors, 12)
    view = view_of(metric, vectors, 3, coded=True)
    asked: list[int] = []
    real = Codes.products

    def counted(
        codes: Codes, queries: np.ndarray, positions: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        asked.append(len(queries))
        return real(codes, queries, positions)

    monkeypatch.setattr(Codes, "products", counted)

    assert view.nearest_of_many(queries, ["0", "1", "2"], Filter(), 12) == expected
    assert len(asked) == (6 if are_exact() else 0)
    with monkeypatch.context() as large:
        large.setattr(slabs_module, "WORTH_BYTES", 10**6)
        assert view.nearest_of_many(queries, ["0", "1", "2"], Filter(), 12) == expected
    monkeypatch.setattr(slabs_module, "are_exact", lambda: False)
    assert view.nearest_of_many(queries, ["0", "1", "2"], Filter(), 12) == expected
    assert len(asked) == (6 if are_exact() else 0)


def test_a_processor_whose_products_overflow_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As processors without the newer instructions do: pairs of products are added in 16 bits, which stay at their largest."""

    class Saturating:
        def run(self, _: None, given: dict[str, np.ndarray]) -> list[np.ndarray]:
            pairs = given["codes"].astype(np.int64)[:, :, None] * given["queries"].astype(np.int64)[None]
            sums = np.clip(pairs[:, 0::2] + pairs[:, 1::2], -(2**15), 2**15 - 1).sum(axis=1)
            return [sums - 128 * given["queries"].astype(np.int64).sum(axis=0)]

    are_exact.cache_clear()
    monkeypatch.setattr(products_module, "_session", Saturating)
    try:
        assert not are_exact()
    finally:
        are_exact.cache_clear()


def test_codes_that_bound_too_little_are_left_for_floats(rng: np.random.Generator) -> None:
    vectors = rows_of("near duplicates", rng, 3000, 64)
    view = view_of(Metric.EUCLIDEAN, vectors, 1, coded=True)
    queries = vectors[:20]

    for _ in range(2):
        assert view.nearest_of_many(queries, ["0"], Filter(), 3) == brute(Metric.EUCLIDEAN, queries, vectors, 3)

    assert all(slab.coding.loose for slab in view.cameras["0"])
    crowd = (rng.standard_normal((150, 64))[np.arange(3000) % 150] + 0.2 * rng.standard_normal((3000, 64))).astype(
        np.float32
    )
    people: View = view_of(Metric.EUCLIDEAN, crowd, 1, coded=True)
    people.nearest_of_many(crowd[:20], ["0"], Filter(), 3)
    assert not any(slab.coding.loose for slab in people.cameras["0"])
