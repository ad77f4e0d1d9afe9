"""Other engines beside ours: their answers are counted, and one that fails takes nobody else's figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from rgbir.client.cli import app
from rgbir.index import UsageError
from rgbir.index.bench import here, peers, search
from rgbir.index.bench.peers import PEERS, Peer, compared, installed, named
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

    figures = compared(installed(), rows, queries, 4, K, right)

    assert figures["peer_broken"] == "not measured: no room"
    assert figures["peer_half_blind_one_recall"] == pytest.approx(2 / K)
    assert figures["peer_half_blind_one_ms"] > 0
    assert not [name for name in figures if "elsewhere" in name]


def test_an_engine_is_named_by_itself_or_by_its_package_in_one_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda module: module != "lancedb")

    assert [*named(["usearch", "hnswlib", "faiss tuned", "usearch exact"])] == [
        "faiss tuned",
        "usearch exact",
        "hnswlib",
    ]
    assert named([]) == {}
    with pytest.raises(UsageError, match=r"no engine 'usaerch'; there are faiss tuned, .*did you mean 'usearch'"):
        named(["faiss tuned", "usaerch"])
    with pytest.raises(UsageError, match="lancedb isn't installed: pip install lancedb"):
        named(["faiss tuned", "lancedb"])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Takes the place of the measurement; what it was given."""
    given: list[Any] = []

    def measured(*sizes: int, **options: Any) -> dict[str, Any]:
        given.append(options)
        return {}

    monkeypatch.setattr(search, "bench_search", measured)
    monkeypatch.setattr(search, "ratios", lambda figures: {})
    monkeypatch.setattr(here, "busy_cores", lambda: 0.0)
    return given


def bench(*options: str) -> Result:
    return CliRunner().invoke(app, ["bench", "search", "--json", *options])


def test_the_document_says_which_engines_were_asked(monkeypatch: pytest.MonkeyPatch, asked: list[Any]) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda module: module in ("faiss", "usearch"))

    some, all_, nobody = (
        json.loads(bench(*options).stdout)["settings"]
        for options in (("--peer", "usearch", "--peer", "faiss tuned"), ("--peers",), ())
    )

    both = ["faiss tuned", "usearch exact"]
    assert [options["peers"] for options in asked] == [both, both, []]
    assert (some["peers"], some["peer"]) == (False, both)
    assert (all_["peers"], nobody["peers"]) == (True, False)
    assert "peer" not in all_.keys() | nobody.keys()  # as in documents of before engines could be named


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--peer", "elasticsearch"), "no engine 'elasticsearch'"),
        (("--peer", "lancedb"), "pip install lancedb"),
        (("--peers", "--peer", "hnswlib"), "leave --peer out, or --peers"),
    ],
)
def test_an_engine_that_cant_be_asked_is_refused_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, asked: list[Any], options: tuple[str, ...], words: str
) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda module: module != "lancedb")

    answer = bench(*options)

    assert isinstance(answer.exception, UsageError)
    assert words in str(answer.exception)
    assert asked == []


@pytest.mark.slow
def test_a_gallerys_search_is_compared_on_request() -> None:
    figures = bench_search(400, 16, queries=8, peers=["faiss tuned"])

    assert figures["peer_faiss_tuned_recall"] == 1.0
    assert figures["peer_faiss_tuned_joined_ms"] > 0
