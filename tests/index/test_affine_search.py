"""Searches that are re-ranked by affinity, in galleries: what they may see, what is kept for them, and what is forgotten."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.index.test_affinity import slow_scores
from tests.index.yard import filled, model, network

from rgbir.index import Encoder, Gallery, Metric, Modality, NewSighting, Query, Searcher, SearchOptions
from rgbir.index.cameras import Passage
from rgbir.index.gallery.query import fuse
from rgbir.index.nearest import affine as affine_module
from rgbir.index.nearest import neighbours as neighbours_module
from rgbir.index.nearest.affinity import Affinity
from rgbir.index.nearest.lists import Lists, Source
from rgbir.index.nearest.view import View
from rgbir.index.search.refine import reranked
from rgbir.index.times import Hours

D, COUNT = 8, 90
NETWORK = network(
    {"door": "hall", "yard": "yard", "garden": "garden"},
    ir={"night": "hall", "lane": "lane"},
    passages=(Passage("hall", "garden", 60, 600), Passage("lane", "yard", 120)),
)
CAMERAS = ("door", "yard", "garden", "night", "lane")
START = datetime(2026, 1, 5, 23, 0, tzinfo=UTC)
AIM = Affinity()


def rows_of(people: int, count: int, seed: int = 3) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    shown = 2 * rng.standard_normal((people, D))
    return np.array([shown[number % people] + rng.standard_normal(D) for number in range(count)], np.float32)


def people(count: int, first: int = 0, cameras: Sequence[str] = CAMERAS) -> list[NewSighting]:
    """Of twelve people in turn, by the cameras in turn, seven seconds apart; every tenth has no time."""
    return [
        NewSighting(
            cameras[number % len(cameras)], row, f"{number}", f"{number}.jpg",
            None if number % 10 == 9 else START + timedelta(seconds=7 * number), number % 12, f"t{number % 30}",
        )
        for number, row in enumerate(rows_of(12, first + count)[first:], first)
    ]  # fmt: skip


@pytest.fixture(params=list(Metric))
def gallery(request: pytest.FixtureRequest, tmp_path: Path) -> Gallery:
    return filled(tmp_path / "g", people(COUNT), NETWORK, request.param)


def expected(gallery: Gallery, query: Query, affinity: Affinity, candidates: int = 0) -> list[tuple[str, int]]:
    """Ids and plain ranks by the formula, on what the same search without re-ranking finds when it is asked for everything."""
    plain = gallery.search(replace(query, top_k=10_000, least_score=0)).hits
    if not plain:
        return []
    scores = slow_scores(
        query.embedding[None], gallery.embeddings([hit.id for hit in plain]), affinity.k1, affinity.k2
    )[0]
    order = sorted(plain[: candidates or None], key=lambda hit: (-round(scores[hit.rank - 1], 9), hit.rank))
    return [(hit.id, hit.rank) for hit in order if hit.score >= query.least_score][: query.top_k]


def shown(
    gallery: Gallery, query: Query, affinity: Affinity = AIM, candidates: int = 0
) -> list[tuple[str, int | None]]:
    return [(hit.id, hit.plain_rank) for hit in reranked(gallery, query, affinity, candidates).hits]


ASKED = Query(rows_of(12, 1, seed=8)[0], camera="night", modality=Modality.IR, top_k=20)


@pytest.mark.parametrize(
    "query",
    [
        ASKED,
        replace(ASKED, cameras=("yard", "lane")),
        replace(ASKED, camera="lane", taken_at=START + timedelta(seconds=300)),
        replace(ASKED, taken_at=START + timedelta(seconds=500)),
        replace(ASKED, taken_at=START + timedelta(seconds=500), walked=False),
        replace(ASKED, since=START + timedelta(seconds=100), until=START + timedelta(seconds=400)),
        replace(ASKED, hours=Hours.parse("23:05-23:10")),
        replace(ASKED, visible=("garden", "door")),
        replace(ASKED, identity=4),
        replace(ASKED, track="t7"),
        replace(ASKED, least_score=0.6, top_k=200),
        replace(ASKED, top_k=3),
        replace(ASKED, cameras=("night",)),
        Query(ASKED.embedding, modality=Modality.RGB, top_k=30),
        Query(ASKED.embedding, top_k=10_000),
    ],
)
def test_only_what_a_query_may_see_is_a_neighbour_whatever_filters_say(gallery: Gallery, query: Query) -> None:
    affinity = Affinity(10, 2)
    with gallery:
        assert shown(gallery, query, affinity) == expected(gallery, query, affinity)
        few = replace(query, top_k=min(query.top_k, 30))
        assert shown(gallery, few, AIM, 30) == expected(gallery, few, AIM, 30)
        plain, answer = gallery.search(query), reranked(gallery, query, affinity)
        assert answer.coverage == plain.coverage
        assert (answer.searched_cameras, answer.excluded_cameras) == (plain.searched_cameras, plain.excluded_cameras)
        done = answer.reranking
        assert done is not None
        assert (done.method, done.scored, done.seen) == (
            affinity.name,
            plain.coverage.searched,
            plain.coverage.searched,
        )
        assert (done.kept, done.most_kept) == (COUNT if done.seen else 0, 100_000)


def test_several_shots_are_one_query_and_marks_are_another_order(
    gallery: Gallery, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "expect", lambda card: None)
    searcher, options = Searcher(encoder, gallery), SearchOptions(camera="night", top_k=9, rerank="aim:3,2")
    shots = rows_of(12, 3, seed=9)

    answer = searcher.find(shots, options)

    query = replace(ASKED, embedding=fuse(gallery.model.metric, shots), top_k=9)
    assert [(hit.id, hit.plain_rank) for hit in answer.hits] == expected(gallery, query, Affinity(3, 2))
    assert [hit.rank for hit in answer.hits] == list(range(1, 10))
    like = searcher.like(answer.hits[0].id, replace(options, camera=None))
    assert like.reranking is not None
    gallery.close()


def test_a_walk_that_nobody_could_take_is_ranked_last_after_the_neighbours(
    gallery: Gallery, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "expect", lambda card: None)
    options = SearchOptions(
        camera="night", taken_at=START + timedelta(seconds=900), passages="rank", top_k=60, rerank="aim"
    )

    answer = Searcher(encoder, gallery).find(ASKED.embedding[None], options)

    query = replace(ASKED, taken_at=options.taken_at, walked=False, top_k=60)
    order = expected(gallery, query, AIM)
    sightings = {name: gallery.get(name) for name, _ in order}
    far = [
        name for name, sighting in sightings.items()
        if sighting is not None and sighting.camera == "garden" and sighting.taken_at is not None
        and not 60 <= abs((sighting.taken_at - START).total_seconds() - 900) <= 600
    ]  # fmt: skip
    assert far
    assert [(hit.id, hit.plain_rank) for hit in answer.hits] == [
        *(pair for pair in order if pair[0] not in far), *(pair for pair in order if pair[0] in far),
    ]  # fmt: skip
    gallery.close()


def files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*")}


def knows(gallery: Gallery, rows: set[int]) -> bool:
    """Whether anything that was derived for re-ranking names one of these rows."""
    kept = gallery.neighbours
    lists, source = kept._lists, kept._source
    named = {*lists.rows.tolist(), *lists.near.reshape(-1).tolist()}
    return bool(named & rows) or (source is not None and bool({*source[1].rows.tolist()} & rows))


def row_numbers(gallery: Gallery, ids: Sequence[str]) -> set[int]:
    names = gallery._names(gallery.view())
    assert names is not None
    return {row for row, name in names.items() if name in set(ids)}


@pytest.mark.parametrize("how", ["erase a person", "remove sightings", "follow another gallery", "another process"])
@pytest.mark.slow
def test_nothing_derived_knows_who_left_the_gallery(gallery: Gallery, how: str) -> None:
    with gallery:
        query = Query(gallery.embeddings([gallery.sightings()[16].id])[0], top_k=COUNT)  # of identity 4
        before = files(gallery.folder)
        assert len(shown(gallery, query)) == COUNT
        gone = [sighting.id for sighting in gallery.sightings() if sighting.identity == 4]
        rows = row_numbers(gallery, gone)
        assert knows(gallery, rows)

        if how == "erase a person":
            gallery.remove(identity=4)
        elif how == "remove sightings":
            gallery.remove(ids=gone)
        elif how == "follow another gallery":
            gallery.discard(gone)
        else:
            erasing = "import sys; from rgbir.index import Gallery; Gallery(sys.argv[1]).remove(identity=4)"
            subprocess.run([sys.executable, "-c", erasing, gallery.folder], check=True)
            len(gallery)  # whatever is asked of it next

        assert not knows(gallery, rows)
        answer = shown(gallery, query)
        assert not {name for name, _ in answer} & set(gone)
        assert answer == expected(gallery, query, AIM)
        assert files(gallery.folder) <= before  # lists are in memory only


@pytest.mark.slow
def test_who_comes_back_is_a_new_row_and_a_restart_begins_without_lists(gallery: Gallery) -> None:
    query = replace(ASKED, camera=None, modality=None, cameras=CAMERAS, top_k=COUNT)
    with gallery:
        shown(gallery, query)
        sighting = gallery.sightings()[16]
        gallery.discard([sighting.id])
        other = people(17)[16]
        gallery.add([replace(other, embedding=-other.embedding)])
        assert shown(gallery, query) == expected(gallery, query, AIM)
        gallery.add(people(40, first=COUNT))
        assert shown(gallery, query, Affinity(6, 3)) == expected(gallery, query, Affinity(6, 3))
        gallery.remove(camera="yard")
        gallery.compact()
        assert shown(gallery, query) == expected(gallery, query, AIM)
        network = gallery.network
    with Gallery(gallery.folder) as again:
        assert len(again.neighbours) == again.neighbours.bytes == 0
        assert shown(again, query) == expected(again, query, AIM)
        assert len(again.neighbours) == len(again)
    for file in sorted(gallery.folder.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    with Gallery.create(gallery.folder, model(D, gallery.model.metric), network) as anew:
        anew.add(people(20))
        assert len(shown(anew, query)) == 20
        assert len(anew.neighbours) == 20


def test_past_the_budget_the_first_candidates_alone_are_scored_and_their_lists_kept(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours_module, "MOST_KEPT", 70)
    monkeypatch.setattr(affine_module, "FIRST", 30)
    query = replace(ASKED, top_k=25)
    with gallery:
        assert shown(gallery, query) == expected(gallery, query, AIM, 30)
        first, second = (reranked(gallery, query, AIM).reranking for _ in range(2))
        assert first is not None
        assert second is not None
        assert (first.scored, first.kept) == (30, 30)
        assert second.made == 0
        for seed in range(6):
            other = replace(query, embedding=rows_of(12, 1, seed=seed)[0])
            assert shown(gallery, other, Affinity(5, 2)) == expected(gallery, other, Affinity(5, 2), 30)
            assert len(gallery.neighbours) <= 70
            assert gallery.neighbours.bytes == 528 * len(gallery.neighbours)
        gallery.remove(identity=4)
        assert shown(gallery, query) == expected(gallery, query, AIM, 30)


def test_a_search_does_not_wait_for_all_lists_and_the_next_one_has_them(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours_module, "MOST_AT_ONCE", 1000)
    monkeypatch.setattr(neighbours_module, "_BLOCK", 20)
    monkeypatch.setattr(affine_module, "FIRST", 30)
    with gallery:
        first = reranked(gallery, ASKED, AIM)
        assert first.reranking is not None
        assert (first.reranking.scored, len(first.hits)) == (30, 20)
        gallery.finish_lists()
        assert len(gallery.neighbours) == len(gallery)
        second = reranked(gallery, ASKED, AIM).reranking
        assert second is not None
        assert (second.scored, second.made) == (second.seen, 0)


def test_the_nearest_alone_are_ordered_for_a_query_that_sees_too_little_for_the_lists(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of few cameras: the neighbours of most sightings, all in other cameras, would have to be computed."""
    affinity, query = Affinity(20, 2), replace(ASKED, camera=None, modality=None, cameras=("door", "yard"))
    with gallery:
        assert shown(gallery, query, affinity) == expected(gallery, query, affinity)
        monkeypatch.setattr(affine_module, "MOST_AT_ONCE", 1000)
        monkeypatch.setattr(affine_module, "FIRST", 20)
        answer = reranked(gallery, query, affinity)
        assert answer.reranking is not None
        assert (answer.reranking.scored, answer.reranking.kept) == (20, COUNT)
        assert [(hit.id, hit.plain_rank) for hit in answer.hits] == expected(gallery, query, affinity, 20)


@pytest.mark.slow
def test_many_new_sightings_let_all_lists_be_made_again_beside_the_searches(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = replace(ASKED, camera=None, modality=None, cameras=CAMERAS)
    with gallery:
        shown(gallery, query)
        monkeypatch.setattr(neighbours_module, "MOST_AT_ONCE", 1000)
        monkeypatch.setattr(affine_module, "FIRST", 30)
        gallery.add(people(40, first=COUNT))
        first = reranked(gallery, query, AIM)
        assert [(hit.id, hit.plain_rank) for hit in first.hits] == expected(gallery, query, AIM, 30)
        assert first.reranking is not None
        assert (first.reranking.scored, first.reranking.seen) == (30, COUNT + 40)
        gallery.finish_lists()
        assert len(gallery.neighbours) == COUNT + 40
        assert shown(gallery, query) == expected(gallery, query, AIM)


def test_who_is_erased_while_lists_are_made_is_in_none_of_them(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists of a block are made, and wait to be kept until the person is erased."""
    reached, go = threading.Event(), threading.Event()
    with gallery:
        rows = row_numbers(gallery, [s.id for s in gallery.sightings() if s.identity == 4])
        source = gallery.neighbours.source(gallery.view())
        made = type(source).lists

        def slowly(self: object, *arguments: object) -> object:
            lists = made(self, *arguments)  # type: ignore[arg-type]
            reached.set()
            assert go.wait(30)
            return lists

        monkeypatch.setattr(type(source), "lists", slowly)
        answers: list[object] = []
        search = threading.Thread(target=lambda: answers.append(shown(gallery, ASKED)))
        search.start()
        assert reached.wait(30)
        gallery.remove(identity=4)
        go.set()
        search.join()
        assert not knows(gallery, rows)
        assert answers == [expected(gallery, ASKED, AIM)]


@pytest.mark.parametrize("kept", [False, True])
def test_a_person_who_is_erased_before_a_search_looks_leaves_nothing_with_it(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """The search took its view of the gallery before, and may see nobody else."""
    with gallery:
        if kept:
            shown(gallery, ASKED)
        query = replace(ASKED, camera=None, modality=None, cameras=CAMERAS, identity=4)
        rows = row_numbers(gallery, [s.id for s in gallery.sightings() if s.identity == 4])
        source = gallery.neighbours.source

        def late(view: View) -> Source:
            gallery.remove(identity=4)
            return source(view)

        monkeypatch.setattr(gallery.neighbours, "source", late)
        assert shown(gallery, query) == []
        assert not knows(gallery, rows)


@pytest.mark.parametrize("when", ["its lists are made", "new rows are worked in"])
def test_a_search_begins_again_where_lists_are_dropped_meanwhile(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """As by another search, which found a damaged cache."""
    kind, name = (Source, "lists") if when == "its lists are made" else (Lists, "with_new")
    with gallery:
        if when == "new rows are worked in":
            shown(gallery, ASKED)
            gallery.add(people(20, first=COUNT))
        made = getattr(kind, name)

        def meanwhile(*arguments: object) -> object:
            lists = made(*arguments)
            monkeypatch.setattr(kind, name, made)
            gallery.neighbours.drop()
            return lists

        monkeypatch.setattr(kind, name, meanwhile)
        assert shown(gallery, ASKED) == expected(gallery, ASKED, AIM)
        assert len(gallery.neighbours) == len(gallery)


def test_a_search_whose_lists_are_kept_does_not_wait_for_those_of_another(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go, lists = threading.Event(), threading.Event(), Source.lists
    with gallery:
        query = replace(ASKED, camera=None, modality=None, cameras=CAMERAS)
        answered = shown(gallery, query, AIM, 20)

        def slowly(*arguments: Any) -> Lists:
            reached.set()
            assert go.wait(60)
            return lists(*arguments)

        monkeypatch.setattr(Source, "lists", slowly)
        other = threading.Thread(target=lambda: shown(gallery, replace(query, embedding=-query.embedding), AIM, 20))
        other.start()
        assert reached.wait(60)
        again: list[object] = []
        search = threading.Thread(target=lambda: again.append(shown(gallery, query, AIM, 20)))
        search.start()
        search.join(30)
        meanwhile = list(again)
        go.set()
        other.join()
        search.join()
        assert meanwhile == [answered]
        assert len(gallery.neighbours) > 20
