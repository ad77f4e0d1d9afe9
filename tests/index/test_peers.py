"""Other engines beside ours: their answers are counted, and one that fails takes nobody else's figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rgbir.index.bench import peers
from rgbir.index.bench.peers import PEERS, Peer, compared, installed
from rgbir.index.bench.search import bench_search

D, K = 16, 5


@pytest.fixture
def rows() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((200, D)).astype(np.float32)


def nearest(rows: NDArray[np.float32], queries: NDArray[np.float32]) -> NDArray[np.int64]:
    """Brute force, one after the other."""
    return np.stack(
        [np.argsort(((rows.astype(float) - query) ** 2).sum(axis=1), kind="stable")[:K] for query in queries]
    )


@pytest.mark.parametrize("name", sorted(installed()))
def test_an_engine_is_asked_as_it_should_be(name: str, rows: NDArray[np.float32]) -> None:
    queries = rows[:7] + 0.1
    with PEERS[name].opened(rows) as ask:
        numbers = ask(queries, K)

    assert numbers.dtype == np.int64
    assert numbers.tolist() == nearest(rows, queries).tolist()


def test_what_an_engine_misses_is_told_and_one_that_fails_is_named(
    rows: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = rows[:7] + 0.1
    right = nearest(rows, queries)

    @contextmanager
    def misses(of: NDArray[np.float32]) -> Iterator[Any]:
        """The nearest two only, and strangers."""
        yield lambda asked, top_k: np.hstack([nearest(of, asked)[:, :2], np.full((len(asked), top_k - 2), 10_000)])

    @contextmanager
    def fails(of: NDArray[np.float32]) -> Iterator[Any]:
        raise RuntimeError("no room\nfor so many rows")
        yield

    known = {
        "half-blind one": Peer("numpy", "numpy", misses, exact=False),
        "broken": Peer("numpy", "numpy", fails),
        "elsewhere": Peer("nobody-has-it", "nobody_has_it", misses),
    }
    monkeypatch.setattr(peers, "PEERS", known)

    figures = compared(rows, queries, 4, K, right)

    assert figures["peer_broken"] == "not measured: no room"
    assert figures["peer_half_blind_one_recall"] == pytest.approx(2 / K)
    assert figures["peer_half_blind_one_ms"] > 0
    assert not [name for name in figures if "elsewhere" in name]
    assert peers.packages() == ["numpy", "numpy"]


@pytest.mark.slow
def test_a_gallerys_search_is_compared_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PEERS", {"faiss tuned": PEERS["faiss tuned"]})

    figures = bench_search(400, 16, queries=8, peers=True)

    assert figures["peer_faiss_tuned_recall"] == 1.0
    assert figures["peer_faiss_tuned_joined_ms"] > 0
