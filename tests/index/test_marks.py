"""What marks do to the next search: who goes behind whom, in short rankings and in long ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.index.yard import filled, network

from rgbir.index import Answer, Encoder, Gallery, Marks, Modality, NewSighting, Query, Searcher, SearchOptions
from rgbir.index.cameras import Passage
from rgbir.index.search.marks import NEIGHBOURS, pushed_back, rejected_last

NOW = datetime(2026, 1, 5, 23, 0, tzinfo=UTC)
NETWORK = network("ab", {"n": "gate"}, passages=(Passage("gate", "a", 60, 600), Passage("gate", "b", 60, 600)))


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    """Forty sightings of ten people; the first of each five is too soon after the query to be walked to."""
    rng = np.random.default_rng(5)
    people = 2 * rng.standard_normal((10, 8))
    return filled(
        tmp_path / "g",
        [
            NewSighting(
                "ab"[i % 2],
                (people[i % 10] + rng.standard_normal(8)).astype(np.float32),
                f"{i}",
                f"{i}",
                NOW + timedelta(seconds=5 if i % 5 == 0 else 300),
            )
            for i in range(40)
        ],
        NETWORK,
    )


def asked(gallery: Gallery, top_k: int) -> Answer:
    return gallery.search(Query(np.zeros(8, np.float32), top_k=top_k))


def slow(answer: Answer, rows: np.ndarray, same: set[str], different: set[str]) -> list[str]:
    """The rule as the documents say it, pair by pair."""
    names = [hit.id for hit in answer.hits]
    count = min(5, (len(names) - 1) // 3)

    def near(a: int) -> set[int]:
        others = sorted((b for b in range(len(names)) if b != a), key=lambda b: float(((rows[a] - rows[b]) ** 2).sum()))
        return set(others[:count])

    def twin(place: int, of: set[str]) -> bool:
        return any(
            names[anchor] in of and (anchor == place or (place in near(anchor) and anchor in near(place)))
            for anchor in range(len(names))
        )

    def key(place: int) -> int:
        if names[place] in different:
            return 2
        return 1 if twin(place, different) and not twin(place, same) else 0

    return [names[place] for place in sorted(range(len(names)), key=key)]


@pytest.mark.parametrize("top_k", [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 17, 40])
@pytest.mark.parametrize("rejected", [(0,), (0, 2)])
def test_rejected_hits_are_last_and_their_twins_before_them(
    gallery: Gallery, top_k: int, rejected: tuple[int, ...]
) -> None:
    answer = asked(gallery, top_k)
    rows = gallery.embeddings([hit.id for hit in answer.hits])
    different = tuple(answer.hits[place].id for place in rejected if place < top_k)
    same = tuple(hit.id for hit in answer.hits[3:4])
    marks = Marks(same, different)

    after = rejected_last(pushed_back(answer, rows, gallery.model.metric, marks), marks)

    names = [hit.id for hit in after.hits]
    assert names == slow(answer, rows, set(same), set(different))
    assert set(names[-len(different) :]) == set(different)
    assert [hit.rank for hit in after.hits] == list(range(1, top_k + 1))


def test_among_few_hits_a_rejected_one_takes_nobody_with_it(gallery: Gallery) -> None:
    answer = asked(gallery, 3)
    marks = Marks(different=(answer.hits[0].id,))
    rows = gallery.embeddings([hit.id for hit in answer.hits])

    after = pushed_back(answer, rows, gallery.model.metric, marks)

    assert [hit.id for hit in after.hits] == [answer.hits[place].id for place in (1, 2, 0)]
    assert NEIGHBOURS == 5


def test_a_rejected_hit_is_behind_those_that_nobody_could_have_walked_to(
    gallery: Gallery, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "expect", lambda card: None)
    searcher = Searcher(encoder, gallery)
    options = SearchOptions(camera="n", modality=Modality.IR, taken_at=NOW, passages="rank", top_k=40)
    query = np.zeros((1, 8), np.float32)
    before = searcher.find(query, options)
    soon = {hit.id for hit in before.hits if hit.taken_at == NOW + timedelta(seconds=5)}
    rejected = before.hits[0].id
    assert len(soon) == 8
    assert rejected not in soon

    after = searcher.marked(query, options, Marks(different=(rejected,)))

    names = [hit.id for hit in after.hits]
    assert names[-1] == rejected
    assert set(names[-9:-1]) == soon
    far = searcher.marked(query, replace(options, passages="off"), Marks(different=(rejected,)))
    assert far.hits[-1].id == rejected
