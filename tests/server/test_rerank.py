"""`POST /search` with `rerank`: what the answer says, what the audit log notes, and that who was erased leaves no trace."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE
from tests.index.test_affinity import slow_scores

from rgbir.client import Client
from rgbir.index import Encoder, Gallery, Modality, Query, Searcher, SysuMM01, decode
from rgbir.index.nearest import affine as affine_module
from rgbir.index.nearest import neighbours as neighbours_module
from rgbir.index.nearest.lists import Lists, Rows, Source
from rgbir.server import Settings, create_app
from rgbir.server.access.audit import entries
from rgbir.server.access.evidence import replay


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def http(gallery: Gallery, log: Path) -> Iterator[TestClient]:
    settings = Settings(gallery.folder, BUNDLE, threads=1, audit=log)
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def image(people: SysuMM01) -> bytes:
    return next(people.records("test", (3,))).path.read_bytes()


def search(http: TestClient, image: bytes, **form: str) -> dict[str, Any]:
    answer = http.post("/search", files=[("images", image)], data={"camera": "3", "top_k": "8", **form})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def expected(gallery: Gallery, encoder: Encoder, image: bytes, k1: int, k2: int) -> list[tuple[str, int]]:
    """Ids and plain ranks by the formula, on all that the query may see."""
    embedding = encoder.embed([decode(image, "q")], Modality.IR)[0]
    plain = gallery.search(Query(embedding, camera="3", top_k=1000)).hits
    scores = slow_scores(embedding[None], gallery.embeddings([hit.id for hit in plain]), k1, k2)[0]
    order = sorted(plain, key=lambda hit: (-round(scores[hit.rank - 1], 9), hit.rank))
    return [(hit.id, hit.rank) for hit in order][:8]


def ranks(answer: dict[str, Any]) -> list[tuple[str, int]]:
    return [(hit["id"], hit["plain_rank"]) for hit in answer["hits"]]


def test_both_ranks_and_what_was_done_are_told_and_noted(
    http: TestClient, gallery: Gallery, encoder: Encoder, image: bytes, log: Path
) -> None:
    plain = search(http, image)
    assert plain["reranking"] is None
    assert "rerank" not in next(entries(log))
    for text, k1, k2 in (("aim", 4, 1), ("aim:3,2", 3, 2)):
        answer = search(http, image, rerank=text)
        assert ranks(answer) == expected(gallery, encoder, image, k1, k2)
        assert [hit["rank"] for hit in answer["hits"]] == list(range(1, 9))
        seen = answer["coverage"]["searched"]
        done = answer["reranking"]
        assert done.pop("kept_bytes") > 0
        made = len(gallery) if text == "aim" else 0
        assert done == {
            "method": f"aim({k1},{k2})", "scored": seen, "seen": seen, "most": 1000,
            "made": made, "kept": len(gallery), "most_kept": 100_000,
        }  # fmt: skip
        noted = list(entries(log))[-1]
        assert noted["options"]["rerank"] == text
        assert noted["rerank"] == {"method": f"aim({k1},{k2})", "scored": seen, "seen": seen}
    reciprocal = search(http, image, rerank="k-reciprocal:5,3,0.3", candidates="10")
    assert (reciprocal["reranking"]["method"], reciprocal["reranking"]["scored"]) == ("reranked(5,3,0.3)", 10)
    assert {rank for _, rank in ranks(reciprocal)} <= set(range(1, 11))

    with Client(http) as client:
        by_client = client.search(image, camera="3", top_k=8, rerank="aim")
    assert [hit.id for hit in by_client.hits] == [name for name, _ in expected(gallery, encoder, image, 4, 1)]
    assert by_client.reranking is not None
    assert by_client.reranking.method == "aim(4,1)"


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"rerank": "50"}, "rerank is aim or k-reciprocal"),
        ({"rerank": "aim:4,1,9"}, "aim has the settings k1 and k2"),
        ({"rerank": "aim:33,1"}, "at most 32 neighbours"),
        ({"candidates": "50"}, "say which with rerank"),
        ({"rerank": "aim", "candidates": "5"}, r"top_k (8) to 1,000"),
        ({"rerank": "aim", "group_by": "identity"}, "re-ranked or grouped"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    http: TestClient, image: bytes, form: dict[str, str], reason: str
) -> None:
    refused = http.post("/search", files=[("images", image)], data={"camera": "3", "top_k": "8", **form})

    assert refused.status_code == 422
    assert reason in refused.text


def test_who_is_erased_is_in_no_answer_and_in_nothing_that_a_server_keeps(
    http: TestClient, gallery: Gallery, encoder: Encoder, image: bytes
) -> None:
    first = search(http, image, rerank="aim")["hits"][0]
    engine: Any = http.app.state.engine  # type: ignore[attr-defined]
    kept = engine.gallery.neighbours
    names = engine.gallery._names(engine.gallery.view())
    gone = {name for name in names.values() if engine.gallery.get(name).identity == first["identity"]}
    rows = {row for row, name in names.items() if name in gone}
    assert rows & set(kept._lists.near.reshape(-1).tolist())

    assert http.delete("/gallery/sightings", params={"identity": first["identity"]}).json()["removed"] == len(gone)

    assert not rows & {*kept._lists.rows.tolist(), *kept._lists.near.reshape(-1).tolist()}
    answer = search(http, image, rerank="aim")
    assert ranks(answer) == expected(gallery, encoder, image, 4, 1)
    assert not gone & {hit["id"] for hit in answer["hits"]}


def test_a_reranked_search_is_replayed_with_as_many_as_were_ordered_then(
    http: TestClient, gallery: Gallery, encoder: Encoder, image: bytes, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours_module, "MOST_AT_ONCE", 10)
    monkeypatch.setattr(affine_module, "FIRST", 9)
    engine: Any = http.app.state.engine  # type: ignore[attr-defined]
    few = search(http, image, rerank="aim")
    engine.gallery.finish_lists()
    every = search(http, image, rerank="aim")
    assert (few["reranking"]["scored"], every["reranking"]["scored"]) == (9, every["reranking"]["seen"])
    first, second = entries(log)

    assert replay(first, [image], Searcher(encoder, gallery)) == []
    assert replay(second, [image], Searcher(encoder, gallery)) == []
    assert len(gallery.neighbours) == len(gallery)


@pytest.mark.parametrize(
    "form",
    [
        {"rerank": "aim", "top_k": "20"},  # more than are ordered
        {"rerank": "aim", "least_score": "0.5"},
        {"rerank": "k-reciprocal:5,3,0.3", "least_score": "0.5", "candidates": "12"},
        {"rerank": "k-reciprocal", "least_score": "1"},
    ],
)
def test_a_reranked_search_with_few_hits_is_replayed(
    http: TestClient,
    gallery: Gallery,
    encoder: Encoder,
    image: bytes,
    log: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: dict[str, str],
) -> None:
    monkeypatch.setattr(neighbours_module, "MOST_AT_ONCE", 10)
    monkeypatch.setattr(affine_module, "FIRST", 9)
    search(http, image, **form)
    (entry,) = entries(log)

    assert replay(entry, [image], Searcher(encoder, gallery)) == []


@pytest.mark.slow
def test_a_search_that_took_too_long_goes_on_where_it_was_when_it_is_asked_again(
    gallery: Gallery, encoder: Encoder, image: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the budget of kept lists, so all are made for the search: the second ten of them wait until it was given up."""
    monkeypatch.setattr(neighbours_module, "MOST_KEPT", len(gallery) - 1)
    monkeypatch.setattr(neighbours_module, "_BLOCK", 10)
    monkeypatch.setattr(affine_module, "FIRST", 30)
    blocks: list[list[int]] = []
    given_up, lists = threading.Event(), Source.lists

    def slowly(source: Source, wanted: Rows, *others: Any) -> Lists:
        blocks.append(wanted.tolist())
        assert len(blocks) == 1 or given_up.wait(60)
        return lists(source, wanted, *others)

    monkeypatch.setattr(Source, "lists", slowly)
    settings = Settings(gallery.folder, BUNDLE, threads=1, deadline_s=1)
    form = {"camera": "3", "top_k": "8", "rerank": "aim"}
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as http:
        first = http.post("/search", files=[("images", image)], data=form)
        assert (first.status_code, first.json()["type"].rpartition(":")[2]) == (503, "took-too-long")
        given_up.set()
        for _ in range(100):  # each may take too long again on a busy machine
            answer = http.post("/search", files=[("images", image)], data=form)
            if answer.status_code != 503:
                break

    assert answer.json()["reranking"]["scored"] == answer.json()["reranking"]["kept"] == 30
    assert answer.json()["reranking"]["made"] < 30
    made = sorted(row for block in blocks for row in block)
    assert len(made) == len(set(made)) == 30
    nearest = gallery.search(Query(encoder.embed([decode(image, "q")], Modality.IR)[0], camera="3", top_k=30)).hits
    assert {hit["id"] for hit in answer.json()["hits"]} <= {hit.id for hit in nearest}
