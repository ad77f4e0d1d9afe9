"""Groups, re-ranking, walks, likeness, batches, hours, and what is said of a poor query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from tests.index.yard import filled, network

from rgbir.index import (
    Answer,
    CameraNetwork,
    Encoder,
    Gallery,
    InvalidQuery,
    Metric,
    Modality,
    NewSighting,
    Query,
    Searcher,
    SearchOptions,
    SysuMM01,
    UsageError,
    decode,
    enrol,
    image_quality,
    read_bytes,
)
from rgbir.index.cameras import Passage
from rgbir.index.errors import GalleryCorrupt, GalleryError
from rgbir.index.gallery.changes import CameraEdit
from rgbir.index.gallery.query import Meaning, Reranking
from rgbir.index.nearest.affinity import Affinity
from rgbir.index.nearest.reciprocal import Reciprocal
from rgbir.index.search import searcher as searcher_module
from rgbir.index.search.refine import grouped, plausible_first, reranked
from rgbir.index.times import Hours, inside

NETWORK = network("ab", {"n": "gate"}, passages=(Passage("gate", "a", 60, 600), Passage("b", "gate", 120)))
NOW = datetime(2026, 1, 5, 23, 0, tzinfo=UTC)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    rng = np.random.default_rng(3)
    people = 2 * rng.standard_normal((12, 8))
    rows = [(people[i % 12] + rng.standard_normal(8)).astype(np.float32) for i in range(200)]
    return filled(
        tmp_path / "g",
        [
            NewSighting(
                "ab"[i % 2],
                row,
                f"{i}",
                f"{i}",
                NOW + timedelta(seconds=7 * i),
                None if i % 12 == 11 else i % 12,
                f"t{i % 30}",
            )
            for i, row in enumerate(rows)
        ],
        NETWORK,
    )


def test_a_gallery_that_finds_another_for_a_sightings_own_embedding_is_not_served(
    gallery: Gallery, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "expect", lambda card: None)
    searcher = Searcher(encoder, gallery)
    searcher.self_test()
    other = gallery.embeddings([gallery.sightings()[0].id])
    monkeypatch.setattr(gallery, "embeddings", lambda ids: other + 0.1)
    with pytest.raises(GalleryError, match="isn't found by its own embedding"):
        searcher.self_test()


def test_groups_are_the_best_of_each_in_order(gallery: Gallery) -> None:
    query = Query(np.zeros(8, np.float32), top_k=5)
    everything = gallery.search(replace(query, top_k=500)).hits
    for by in ("identity", "track", "camera"):
        expected: list[str] = []
        seen: set[object] = set()
        for hit in everything:
            key = getattr(hit, by)
            if key is None or key not in seen:
                expected.append(hit.id)
                seen.add(key)

        answer = grouped(gallery, query, by)

        assert [hit.id for hit in answer.hits] == expected[:5]
        assert [hit.rank for hit in answer.hits] == list(range(1, len(answer.hits) + 1))
    assert grouped(gallery, query, "none").hits == gallery.search(query).hits
    (best, other) = grouped(gallery, replace(query, top_k=2), "camera").hits
    assert best.others + other.others > 0


def test_a_tracks_mean_is_asked_for_with_tracks_alone(gallery: Gallery, encoder: Encoder) -> None:
    for group_by in ("none", "identity", "camera"):
        with pytest.raises(InvalidQuery, match=f"goes with group_by=track, not with group_by={group_by}"):
            SearchOptions(fuse="mean", group_by=group_by)
    with pytest.raises(InvalidQuery, match="fuse is best or mean, not 'median'"):
        SearchOptions(fuse="median", group_by="track")  # type: ignore[arg-type]


def test_a_search_fuses_tracks_and_tells_no_single_shots_meaning_of_them(
    gallery: Gallery, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "expect", lambda card: None)
    searcher, options = Searcher(encoder, gallery), SearchOptions(group_by="track", fuse="mean", top_k=30)
    shot = next(sighting for sighting in gallery.sightings() if sighting.camera == "a")
    asked = Query(gallery.embeddings([shot.id])[0], camera="a", modality=Modality.RGB, cameras=("a", "b"), top_k=30)

    answer = searcher.like(shot.id, options)

    assert answer.hits == gallery.search_tracks(asked).hits != grouped(gallery, asked, "track").hits
    assert {hit.camera for hit in answer.hits} == {"b"}
    assert sum(hit.others + 1 for hit in answer.hits) == 100  # every sighting of b is in one mean
    least = answer.hits[10].score
    assert searcher.like(shot.id, replace(options, least_score=least)).hits == answer.hits[:11]

    def explained(answer: Answer, *_: object) -> Answer:
        return replace(answer, hits=tuple(replace(hit, meaning=Meaning(0.5, 0.5, None)) for hit in answer.hits))

    gallery.calibrate()
    monkeypatch.setattr(searcher_module, "explained", explained)
    single, fused = (searcher.like(shot.id, replace(options, fuse=fuse)) for fuse in ("best", "mean"))
    assert any(hit.meaning for hit in single.hits)
    assert not any(hit.meaning for hit in fused.hits)
    assert any("measured between single shots" in warning for warning in fused.warnings)


def test_tracks_of_a_gallery_that_is_read_from_its_cache_have_the_same_means(gallery: Gallery) -> None:
    query = Query(np.ones(8, np.float32), top_k=20)
    gallery.save_cache()
    with Gallery(gallery.folder) as reopened:
        assert reopened.opening.mapped == 200
        assert reopened.search_tracks(query).hits == gallery.search_tracks(query).hits


def test_reranking_is_the_evaluations_and_shows_both_ranks(gallery: Gallery) -> None:
    query = Query(np.ones(8, np.float32), top_k=7)
    plain = gallery.search(replace(query, top_k=40)).hits
    rows = gallery.embeddings([hit.id for hit in plain])
    keys = Reciprocal().keys(query.embedding[None], rows, Metric.EUCLIDEAN)[0]

    answer = reranked(gallery, query, Reciprocal(), 40)

    assert [hit.id for hit in answer.hits] == [plain[i].id for i in np.argsort(keys, kind="stable")[:7]]
    assert [hit.plain_rank for hit in answer.hits] == [
        plain.index(replace(hit, rank=hit.plain_rank or 0, plain_rank=None)) + 1 for hit in answer.hits
    ]
    with pytest.raises(InvalidQuery, match=r"looks at top_k \(7\) to 1,000 sightings, not at 3"):
        reranked(gallery, query, Reciprocal(), 3)
    with pytest.raises(InvalidQuery, match="not at 2000"):
        reranked(gallery, query, Affinity(), 2000)
    with pytest.raises(InvalidQuery, match="1,000 hits at most, not top_k=2,000"):
        reranked(gallery, replace(query, top_k=2000), Reciprocal())
    assert answer.reranking == Reranking("reranked(20,6,0.3)", 40, 200, 40)


def test_a_least_score_drops_hits_and_changes_nobodys_neighbours(gallery: Gallery) -> None:
    query = Query(np.ones(8, np.float32), top_k=200)
    for by in (Reciprocal(5, 3), Affinity(5, 2)):
        every = reranked(gallery, query, by)
        least = sorted(hit.score for hit in every.hits)[120]

        answer = reranked(gallery, replace(query, least_score=least), by)

        near = [(hit.id, hit.plain_rank) for hit in every.hits if hit.score >= least]
        assert [(hit.id, hit.plain_rank) for hit in answer.hits] == near
        assert [hit.rank for hit in answer.hits] == list(range(1, len(near) + 1))
        assert answer.reranking is not None
        assert (answer.reranking.scored, answer.reranking.seen) == (200, 200)
        few = reranked(gallery, replace(query, least_score=least, top_k=4), by)
        assert [hit.id for hit in few.hits] == [name for name, _ in near[:4]]
        assert reranked(gallery, replace(query, least_score=1), by).hits == ()


def test_who_is_erased_while_hits_are_put_in_order_is_none_of_them(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = Query(np.ones(8, np.float32), top_k=7)
    gone = gallery.search(query).hits[2].id
    embeddings = gallery.embeddings

    def late(ids: Sequence[str]) -> NDArray[np.float32]:
        gallery.remove(ids=[gone])
        return embeddings(ids)

    monkeypatch.setattr(gallery, "embeddings", late)
    answer = reranked(gallery, query, Reciprocal())

    monkeypatch.undo()
    assert answer.hits == reranked(gallery, query, Reciprocal()).hits
    assert gone not in [hit.id for hit in answer.hits]


def test_hits_whose_embeddings_cannot_be_read_are_not_searched_for_again(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(ids: Sequence[str]) -> NDArray[np.float32]:
        raise GalleryCorrupt("not what was written")

    monkeypatch.setattr(gallery, "embeddings", damaged)
    with pytest.raises(GalleryCorrupt):
        reranked(gallery, Query(np.ones(8, np.float32)), Reciprocal())


def test_what_nobody_could_walk_is_left_out_or_ranked_last(gallery: Gallery) -> None:
    taken_at = NOW + timedelta(seconds=300)
    query = Query(np.zeros(8, np.float32), camera="n", modality=Modality.IR, top_k=500)

    def possible(camera: str, moment: datetime) -> bool:
        apart = abs((moment - taken_at).total_seconds())
        return 60 <= apart <= 600 if camera == "a" else apart >= 120

    plain = gallery.search(query)
    filtered = gallery.search(replace(query, taken_at=taken_at))
    ranked = plausible_first(plain, NETWORK, taken_at)

    could = [hit.id for hit in plain.hits if hit.taken_at and possible(hit.camera, hit.taken_at)]
    assert 0 < len(could) < 200
    assert [hit.id for hit in filtered.hits] == could
    assert [hit.id for hit in ranked.hits[: len(could)]] == could
    assert sorted(hit.plain_rank or 0 for hit in ranked.hits) == list(range(1, 201))


def test_networks_read_and_write_their_passages() -> None:
    text = """
    cameras = [{ id = "a" }, { id = "b", modality = "ir" }]
    passages = [{ from = "a", to = "b", soonest = 30, latest = 90 }, { from = "b", to = "a", soonest = 1 }]
    """
    network = CameraNetwork.from_toml(text)
    assert network.passages[0] == Passage("a", "b", 30, 90)
    assert CameraNetwork.from_dict(network.to_dict()) == network
    assert network.passage("b", "a") == Passage("a", "b", 30, 90)
    with pytest.raises(UsageError, match="names the place 'c', where no camera is"):
        CameraNetwork("x", network.cameras, (Passage("a", "c", 1),))
    with pytest.raises(UsageError, match="0 ≤ soonest ≤ latest does not hold for 5, 2"):
        Passage("a", "b", 5, 2)
    with pytest.raises(UsageError, match=r"a passage is \{ from = PLACE"):
        CameraNetwork.from_toml('cameras = [{ id = "a" }]\npassages = [{ from = "a" }]')


def test_hours_go_over_midnight_and_know_summer_time() -> None:
    night = Hours.parse("22:00-05:30 Europe/Berlin")
    assert night == Hours(time(22), time(5, 30), "Europe/Berlin")
    first, last = (int(datetime(2026, 3, d, tzinfo=UTC).timestamp() * 1e6) for d in (25, 31))
    moments = np.arange(first, last, 5 * 60 * 10**6)
    local = [
        datetime.fromtimestamp(m / 1e6, UTC).astimezone(__import__("zoneinfo").ZoneInfo("Europe/Berlin")).time()
        for m in moments.tolist()
    ]
    expected = [clock >= time(22) or clock < time(5, 30) for clock in local]
    assert inside(moments, night.windows(first, last)).tolist() == expected
    for text in ("22-5", "x", "22:00", "25:00-26:00", "10:00-10:00", "10:00-11:00 Nowhere/City"):
        with pytest.raises(InvalidQuery):
            Hours.parse(text)
    with pytest.raises(InvalidQuery, match="are too many windows"):
        night.windows(0, int(4e15))


@pytest.mark.slow
def test_a_sighting_is_searched_for_by_its_id(people: SysuMM01, encoder: Encoder, tmp_path: Path) -> None:
    with Gallery.open_or_create(tmp_path / "g", encoder.card, CameraNetwork.read("sysu-mm01")) as gallery:
        enrol(people.records("available"), encoder, gallery)
        searcher = Searcher(encoder, gallery)
        sighting = next(sighting for sighting in gallery.sightings() if sighting.camera == "1")

        answer = searcher.like(sighting.id, SearchOptions(top_k=5))

        assert answer.camera == "1"
        assert "1" not in answer.searched_cameras
        assert len(answer.hits) == 5
        with pytest.raises(InvalidQuery, match="no sighting 'nobody'"):
            searcher.like("nobody", SearchOptions())
        records = [record for record in people.records("available") if record.camera == "3"][:4]
        images = [decode(read_bytes(record.path), record.source) for record in records]
        options = SearchOptions(camera="3", top_k=3)
        each = searcher.each(encoder.embed(images, Modality.IR), options)
        assert [[hit.id for hit in answer.hits] for answer in each] == [
            [hit.id for hit in searcher.search([image], options).hits] for image in images
        ]
        with pytest.raises(InvalidQuery, match="neither re-ranks nor groups"):
            searcher.each(encoder.embed(images, Modality.IR), replace(options, rerank="aim"))
        with pytest.raises(InvalidQuery, match="re-ranked or grouped, not both"):
            SearchOptions(rerank="k-reciprocal", group_by="track")
        with pytest.raises(InvalidQuery, match="rerank is aim or k-reciprocal"):
            SearchOptions(rerank="50")
        with pytest.raises(InvalidQuery, match="candidates=50 are those of a re-ranking"):
            SearchOptions(candidates=50)
        with pytest.raises(InvalidQuery, match="at most 32 neighbours in a search, not by 33"):
            SearchOptions(rerank="aim:4,33")
        with pytest.raises(InvalidQuery, match="k-reciprocal goes by at most 32 neighbours in a search, not by 500"):
            SearchOptions(rerank="k-reciprocal:500,6")
        with pytest.raises(InvalidQuery, match="group_by is none, identity, track or camera, not 'x'"):
            SearchOptions(group_by="x")  # type: ignore[arg-type]


def test_a_score_below_the_least_is_no_hit(gallery: Gallery) -> None:
    hits = gallery.search(Query(np.zeros(8, np.float32), top_k=50)).hits
    middle = hits[20].score
    assert gallery.search(Query(np.zeros(8, np.float32), top_k=50, least_score=middle)).hits == hits[:21]


def test_synthetic_people_are_good_queries_and_poor_images_are_told(people: SysuMM01) -> None:
    remarks = [
        image_quality(
            decode(read_bytes(record.path), record.source), Modality.IR if record.camera in ("3", "6") else Modality.RGB
        )
        for record in people.records("available")
    ]
    assert sum(map(bool, remarks)) <= len(remarks) // 10, [image_remarks for image_remarks in remarks if image_remarks]
    colour = next(record for record in people.records("available") if record.camera == "1")
    image = decode(read_bytes(colour.path), colour.source)
    assert image_quality(image, Modality.RGB) == []

    def remarks_on(changed: Image.Image, modality: Modality = Modality.RGB) -> str:
        return " ".join(remark.text for remark in image_quality(changed, modality))

    assert "people are rarely found" in remarks_on(image.resize((12, 30)))
    assert "is blurred" in remarks_on(image.filter(ImageFilter.GaussianBlur(8)))
    assert "over-exposed" in remarks_on(Image.new("RGB", (64, 128), "white"))
    assert "nearly black" in remarks_on(Image.new("RGB", (64, 128), "black"))
    assert "says that it is infrared" in remarks_on(image, Modality.IR)
    assert "says that it is a colour image" in remarks_on(image.convert("L").convert("RGB"))


def test_a_camera_that_moved_is_searched_with_the_sightings_own_time(
    people: SysuMM01, encoder: Encoder, tmp_path: Path
) -> None:
    may = datetime(2026, 5, 1, tzinfo=UTC)
    network = CameraNetwork.read("sysu-mm01")
    with Gallery.open_or_create(tmp_path / "g", encoder.card, network) as gallery:
        records = [
            replace(r, taken_at=may + timedelta(hours=n)) for n, r in enumerate(people.records("test", (1, 2, 3)))
        ]
        records[0] = replace(records[0], taken_at=None)
        enrol(records, encoder, gallery)
        place = network["2"].place
        gallery.change_network(lambda network: network.with_camera(network["1"].moved(place, may + timedelta(hours=6))))
        searcher = Searcher(encoder, gallery)
        of_1 = [sighting for sighting in gallery.sightings() if sighting.camera == "1"]
        untimed, early, late = of_1[0].id, of_1[1].id, of_1[-1].id

        assert "2" in searcher.like(early, SearchOptions()).searched_cameras
        assert "2" not in searcher.like(late, SearchOptions()).searched_cameras
        assert "2" not in searcher.like(untimed, SearchOptions()).searched_cameras
        with pytest.raises(InvalidQuery, match=r"its camera was elsewhere at .* leave taken_at out"):
            searcher.like(late, SearchOptions(taken_at=may))
        row = gallery.embeddings([early])
        seen = searcher.find(row, SearchOptions(camera="1", taken_at=may, passages="off"))
        assert (seen.place, seen.warnings) == (network["1"].place, ())
        answer = searcher.find(row, SearchOptions(camera="1", modality=Modality.RGB))
        assert "all places that it ever had are left out" in answer.warnings[0]
        gallery.change_network(lambda network: CameraEdit(name="hall").edited(network, "2"))
        named = searcher.find(row, SearchOptions(camera="1", taken_at=may, cameras=("hall", "3")))
        assert named.searched_cameras == ("hall", "3")
        assert {hit.camera for hit in named.hits} == {"hall", "3"}
        untold = searcher.distances(row, SearchOptions(camera="1", modality=Modality.RGB))
        assert "hall" in {excluded.camera for excluded in untold.excluded_cameras}
        hidden = searcher.find(row, SearchOptions(camera="1", modality=Modality.RGB, visible=("3",)))
        assert (hidden.place, [warning for warning in hidden.warnings if "moved" in warning]) == (None, [])
