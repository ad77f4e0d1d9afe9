"""One contract, two galleries: in a folder and in Milvus (the embedded one), asked the same questions."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.index.yard import model, network

from rgbir.index import (
    Crop,
    GalleryError,
    GalleryMismatch,
    GalleryMissing,
    InvalidQuery,
    Metric,
    NewSighting,
    Query,
    UnknownCamera,
    UsageError,
)
from rgbir.index.cameras import Passage
from rgbir.index.enrolment.merge import merge
from rgbir.index.errors import RetentionWaits
from rgbir.index.gallery import erasures as erasures_module
from rgbir.index.gallery.addresses import create, open_gallery
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.milvus import entities as entities_module
from rgbir.index.gallery.milvus import gallery as milvus_module
from rgbir.index.gallery.milvus import store as store_module
from rgbir.index.gallery.milvus.gallery import MilvusGallery
from rgbir.index.nearest import fused as fused_module
from rgbir.index.nearest import view as view_module
from rgbir.index.nearest.affinity import Affinity
from rgbir.index.nearest.fused import nearest_means
from rgbir.index.nearest.reciprocal import Reciprocal
from rgbir.index.search.refine import reranked
from rgbir.index.times import Hours

NETWORK = network(
    {"door": "hall", 'the "back" yard\\': "yard", "garten-süd": "garden"},
    ir={"night": "hall"},
    passages=(Passage("hall", "garden", 600, 1500), Passage("yard", "hall", 900)),
)
COLOUR = ("door", 'the "back" yard\\', "garten-süd")
D = 12
START = datetime(2026, 3, 1, tzinfo=UTC)
Maker = Callable[..., AnyGallery]
_numbers = itertools.count()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("milvus") / "milvus.db"


@pytest.fixture(params=["folder", "milvus"])
def make(request: pytest.FixtureRequest, tmp_path: Path, database: Path) -> Iterator[Maker]:
    opened = []

    def make(metric: Metric = Metric.EUCLIDEAN, fingerprint: str = "f") -> AnyGallery:
        name = f"g{next(_numbers)}"
        address = str(tmp_path / name) if request.param == "folder" else f"milvus+file:{database}/{name}"
        opened.append(create(address, model(D, metric, fingerprint), NETWORK))
        return opened[-1]

    yield make
    for gallery in opened:
        gallery.close()


def sightings(n: int, seed: int = 0) -> list[NewSighting]:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, D)).astype(np.float32)
    rows[n // 2 :: 3] = rows[0]  # ties
    return [
        NewSighting(
            COLOUR[i % 3],
            row,
            f"digest {seed}-{i}",
            f"folder/{seed}-{i}.jpg",
            None if i % 4 == 0 else START + timedelta(minutes=i),
            None if i % 5 == 0 else i % 7,
            None if i % 2 else f'track "{i % 6}" ü\\',
            Crop("image/jpeg", b"\xff\xd8\xff" + bytes([i % 256]) * 50) if i % 3 == 0 else None,
        )
        for i, row in enumerate(rows)
    ]


def by_the_clock(moment: datetime, hours: Hours) -> bool:
    local = moment.astimezone(ZoneInfo(hours.zone)).time()
    if hours.start < hours.end:
        return hours.start <= local < hours.end
    return local >= hours.start or local < hours.end


def brute(metric: Metric, enrolled: list[NewSighting], query: Query) -> list[str]:
    """By the rule book: places, cameras, time, identity, track; then float64 and the order of enrolment."""
    place = None if query.camera is None else NETWORK[query.camera].place
    passing = []
    for number, sighting in enumerate(enrolled):
        seen = NETWORK[sighting.camera]
        if seen.place == place or (query.cameras is not None and sighting.camera not in query.cameras):
            continue
        if query.since is not None and (sighting.taken_at is None or sighting.taken_at < query.since):
            continue
        if query.until is not None and (sighting.taken_at is None or sighting.taken_at >= query.until):
            continue
        if query.hours is not None and (sighting.taken_at is None or not by_the_clock(sighting.taken_at, query.hours)):
            continue
        walk = None if query.camera is None else NETWORK.passage(query.camera, sighting.camera)
        if query.taken_at and sighting.taken_at and walk:
            apart = abs((sighting.taken_at - query.taken_at).total_seconds())
            if not walk.soonest_s <= apart <= walk.latest_s:
                continue
        if query.identity not in (None, sighting.identity) or query.track not in (None, sighting.track):
            continue
        row = metric.prepare(sighting.embedding[None])
        key = metric.keys(metric.prepare(query.embedding[None])[0], row)[0]
        passing.append((key, number, sighting.id))
    return [name for _, _, name in sorted(passing)[: query.top_k]]


QUERIES: list[dict[str, Any]] = [
    {},
    {"top_k": 1},
    {"top_k": 500},
    {"camera": "night"},
    {"camera": "night", "cameras": ["garten-süd"]},
    {"cameras": ['the "back" yard\\', "door"]},
    {"cameras": []},
    {"since": START + timedelta(minutes=30)},
    {"since": START + timedelta(minutes=30), "until": START + timedelta(minutes=50), "top_k": 50},
    {"until": START},
    {"hours": Hours.parse("00:10-00:45"), "top_k": 99},
    {"hours": Hours.parse("23:50-00:20"), "top_k": 99},
    {"hours": Hours.parse("01:10-01:30 Europe/Berlin"), "since": START + timedelta(minutes=15), "top_k": 99},
    {"hours": Hours.parse("12:00-13:00")},
    {"camera": "night", "taken_at": START + timedelta(minutes=60), "top_k": 99},
    {"camera": "night", "taken_at": START, "identity": 2, "top_k": 99},
    {"taken_at": START, "top_k": 99},
    {"identity": 3},
    {"identity": 0, "top_k": 99},
    {"identity": 99},
    {"track": 'track "2" ü\\'},
    {"track": "nobody"},
    {"track": 'x" or identity >= 0 or track == "'},
]


@pytest.mark.parametrize("metric", Metric)
def test_a_search_is_brute_force_in_its_order_under_every_filter(make: Maker, metric: Metric) -> None:
    gallery, enrolled = make(metric), sightings(120)
    gallery.add(enrolled[:50])
    gallery.add(enrolled[50:])
    for number, options in enumerate(QUERIES):
        vector = enrolled[0].embedding if number % 2 else sightings(1, seed=40 + number)[0].embedding
        query = Query(vector, **options)

        answer = gallery.search(query)

        assert [hit.id for hit in answer.hits] == brute(metric, enrolled, query), options
        assert answer.exact
        assert [hit.rank for hit in answer.hits] == list(range(1, len(answer.hits) + 1))
        if options.get("camera"):
            assert "door" in {excluded.camera for excluded in answer.excluded_cameras}
    many = gallery.search_many([Query(enrolled[3].embedding), Query(enrolled[4].embedding, camera="night")])
    assert [[hit.id for hit in answer.hits] for answer in many] == [
        brute(metric, enrolled, Query(enrolled[3].embedding)),
        brute(metric, enrolled, Query(enrolled[4].embedding, camera="night")),
    ]


def by_their_means(metric: Metric, enrolled: list[NewSighting], query: Query) -> list[tuple[str, int]]:
    """(best shot, other shots) of each track, by the rule book in float64, a value at a time."""
    everything = brute(metric, enrolled, replace(query, top_k=10_000))
    numbers = {sighting.id: number for number, sighting in enumerate(enrolled)}
    asked = [float(value) for value in metric.prepare(query.embedding[None])[0]]
    tracks: dict[object, list[int]] = {}
    for number in sorted(numbers[name] for name in everything):
        track = enrolled[number].track
        tracks.setdefault(number if track is None else track, []).append(number)
    answers = []
    for members in tracks.values():
        rows = [metric.prepare(enrolled[number].embedding[None])[0].tolist() for number in members]
        mean = [math.fsum(values) / len(rows) for values in zip(*rows, strict=True)]
        if metric is Metric.EUCLIDEAN:
            key = math.fsum((a - b) ** 2 for a, b in zip(mean, asked, strict=True))
        else:
            key = 1 - math.fsum(a * b for a, b in zip(mean, asked, strict=True)) / math.hypot(*mean)
        best = min((enrolled[number].id for number in members), key=everything.index)
        answers.append((round(key, 12), members[0], best, len(members) - 1))
    return [(best, others) for _, _, best, others in sorted(answers)[: query.top_k]]


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.slow
def test_tracks_rank_by_the_mean_of_their_shots_that_pass_every_filter(make: Maker, metric: Metric) -> None:
    gallery, enrolled = make(metric), sightings(120)
    gallery.add(enrolled[:50])
    gallery.add(enrolled[50:])
    fused = 0
    for number, options in enumerate([*QUERIES, {"visible": ["door"]}, {"camera": "night", "visible": ["garten-süd"]}]):
        vector = enrolled[0].embedding if number % 2 else sightings(1, seed=40 + number)[0].embedding
        query = Query(vector, **options)
        seen = [sighting for sighting in enrolled if query.visible is None or sighting.camera in query.visible]

        answer = gallery.search_tracks(query)

        assert [(hit.id, hit.others) for hit in answer.hits] == by_their_means(metric, seen, query), options
        assert answer.exact
        assert [hit.rank for hit in answer.hits] == list(range(1, len(answer.hits) + 1))
        fused += sum(hit.others for hit in answer.hits)
    assert fused > 200


def test_a_track_that_loses_a_shot_is_the_mean_of_the_others(make: Maker) -> None:
    gallery, enrolled = make(), sightings(40)
    gallery.add(enrolled)
    query = Query(enrolled[1].embedding, top_k=100)
    gallery.search_tracks(query)
    gone = [sighting.id for sighting in enrolled if sighting.track][::4]
    gallery.remove(ids=gone)
    gallery.add(late := sightings(20, seed=5))

    left = [sighting for sighting in (*enrolled, *late) if sighting.id not in gone]
    assert [(hit.id, hit.others) for hit in gallery.search_tracks(query).hits] == by_their_means(
        Metric.EUCLIDEAN, left, query
    )


def test_a_shot_that_is_erased_in_the_middle_of_a_search_is_in_no_mean(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, enrolled = make(), sightings(40)
    gallery.add(enrolled)
    query = Query(enrolled[1].embedding, top_k=100)
    gone = next(best for best, others in by_their_means(Metric.EUCLIDEAN, enrolled, query) if others)
    source = milvus_module if isinstance(gallery, MilvusGallery) else view_module
    means = source.nearest_means

    def erased_first(*given: Any) -> Any:
        gallery.remove(ids=[gone])
        return means(*given)

    monkeypatch.setattr(source, "nearest_means", erased_first)
    left = [sighting for sighting in enrolled if sighting.id != gone]
    assert [(hit.id, hit.others) for hit in gallery.search_tracks(query).hits] == by_their_means(
        Metric.EUCLIDEAN, left, query
    )


@pytest.mark.parametrize("values", [1, 40, 262_144])
def test_means_are_the_same_however_few_rows_are_held_at_once(values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    rows, query = rng.standard_normal((300, D)).astype(np.float32), rng.standard_normal(D).astype(np.float32)
    tracks = np.where(rng.random(300) < 0.3, 0, rng.integers(0, 60, 300))
    whole = nearest_means(Metric.EUCLIDEAN, query, tracks, lambda places: rows[places], 40)
    most = max(1, values // D)
    held = []

    def some(places: Any) -> Any:
        held.append(len(places))
        return rows[places]

    monkeypatch.setattr(fused_module, "_PIECE_VALUES", values)
    assert nearest_means(Metric.EUCLIDEAN, query, tracks, some, 40) == whole
    assert max(held) <= most


def test_no_queries_have_no_answers(make: Maker) -> None:
    assert make().search_many([]) == []


def test_a_search_asks_milvus_for_what_the_gallery_says_of_itself_once(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, enrolled = make(), sightings(20)
    gallery.add(enrolled)
    if not isinstance(gallery, MilvusGallery):
        pytest.skip("of a gallery in Milvus")
    about, asked = MilvusGallery._about, list[int]()

    def counted(self: MilvusGallery) -> dict[str, str]:
        asked.append(1)
        return about(self)

    gallery.search(Query(enrolled[0].embedding))
    with monkeypatch.context() as patched:
        patched.setattr(MilvusGallery, "_about", counted)
        gallery.search(Query(enrolled[0].embedding, camera="night"))
        assert gallery.network["night"].id == "night"
        assert "door" in gallery.network
    assert asked == [1]


def test_sightings_without_a_time_are_counted(make: Maker) -> None:
    gallery, enrolled = make(), sightings(40)
    gallery.add(enrolled)
    for cameras in (["door"], ["door", "yard"], [], [camera.id for camera in gallery.network]):
        there = [sighting for sighting in enrolled if sighting.camera in cameras]
        assert gallery.untimed(cameras) == (len(there), sum(sighting.taken_at is None for sighting in there))
    gallery.remove(ids=[enrolled[0].id])
    left = [sighting for sighting in enrolled[1:] if sighting.camera == enrolled[0].camera]
    assert gallery.untimed([enrolled[0].camera])[0] == len(left)


def test_what_is_given_comes_back(make: Maker) -> None:
    gallery, enrolled = make(), sightings(30)
    assert gallery.add(enrolled) == [True] * 30
    assert gallery.add(enrolled[5:8]) == [False] * 3
    assert gallery.add([enrolled[0], *sightings(1, seed=9), *sightings(1, seed=9)]) == [False, True, False]

    assert len(gallery) == 31
    assert [sighting.id for sighting in gallery.sightings()] == [
        sighting.id for sighting in (*enrolled, *sightings(1, seed=9))
    ]
    for sighting in enrolled[:7]:
        kept = gallery.get(sighting.id)
        assert kept is not None
        assert (kept.camera, kept.source, kept.digest) == (sighting.camera, sighting.source, sighting.digest)
        assert (kept.taken_at, kept.identity, kept.track) == (sighting.taken_at, sighting.identity, sighting.track)
        assert (kept.has_crop, gallery.crop(sighting.id)) == (sighting.crop is not None, sighting.crop)
    np.testing.assert_array_equal(
        gallery.embeddings([enrolled[4].id, enrolled[2].id]), np.stack((enrolled[4].embedding, enrolled[2].embedding))
    )
    assert gallery.known([enrolled[0].id, "nobody"]) == {enrolled[0].id}
    assert gallery.by_ids([enrolled[0].id, "nobody"]) == {enrolled[0].id: gallery.get(enrolled[0].id)}
    assert gallery.by_ids([]) == {}
    assert gallery.get("nobody") is None
    assert gallery.crop("nobody") is None
    assert gallery.verify() == []
    counts = {count.camera: count for count in gallery.counts()}
    there = [sighting for sighting in enrolled if sighting.camera == "garten-süd"]
    assert counts["garten-süd"].sightings == len(there)
    assert counts["garten-süd"].identities == len({s.identity for s in there if s.identity is not None})
    assert counts["garten-süd"].earliest == min(s.taken_at for s in there if s.taken_at)
    assert counts["garten-süd"].latest == max(s.taken_at for s in there if s.taken_at)


@pytest.mark.parametrize(
    ("condition", "stays"),
    [
        ({"identity": 3}, lambda sighting: sighting.identity != 3),
        ({"camera": "garten-süd"}, lambda sighting: sighting.camera != "garten-süd"),
        ({"track": 'track "2" ü\\'}, lambda sighting: sighting.track != 'track "2" ü\\'),
        (
            {"before": START + timedelta(minutes=15)},
            lambda sighting: sighting.taken_at is None or sighting.taken_at >= START + timedelta(minutes=15),
        ),
        ({"camera": "door", "identity": 6}, lambda sighting: sighting.camera != "door" or sighting.identity != 6),
    ],
)
def test_what_meets_every_condition_is_removed(
    make: Maker, condition: dict[str, Any], stays: Callable[[NewSighting], bool]
) -> None:
    gallery, enrolled = make(), sightings(40)
    gallery.add(enrolled)
    generation = gallery.generation
    kept = [sighting for sighting in enrolled if stays(sighting)]
    assert len(kept) < 40

    generation = gallery.generation
    assert gallery.count(**condition) == 40 - len(kept)
    assert (len(gallery), gallery.generation) == (40, generation)
    assert gallery.remove(**condition) == 40 - len(kept)
    assert gallery.count(**condition) == 0

    assert gallery.generation > generation
    assert [sighting.id for sighting in gallery.sightings()] == [sighting.id for sighting in kept]
    query = Query(enrolled[0].embedding, top_k=100)
    assert [hit.id for hit in gallery.search(query).hits] == brute(Metric.EUCLIDEAN, kept, query)
    assert gallery.remove(**condition) == 0
    gone = [sighting.id for sighting in enrolled if not stays(sighting)]
    assert gallery.remove(ids=[kept[0].id, gone[0]]) == 1
    assert gallery.verify() == []
    with pytest.raises(UsageError, match="remove needs a condition"):
        gallery.remove()
    with pytest.raises(UsageError, match="needs a condition"):
        gallery.count()
    with pytest.raises(UnknownCamera):
        gallery.count(camera="nowhere")


def test_a_retention_is_kept_and_carried_out(make: Maker) -> None:
    gallery, enrolled = make(), sightings(40)
    gallery.add(enrolled)
    assert (gallery.keep_days, gallery.expire()) == (None, 0)
    with pytest.raises(RetentionWaits, match="over half"):
        gallery.keep(1)
    assert gallery.expire(sure=True) == sum(sighting.taken_at is not None for sighting in enrolled)
    assert gallery.keep_days == 1
    assert len(gallery) == sum(sighting.taken_at is None for sighting in enrolled)
    assert gallery.keep(None) == 0
    with pytest.raises(UsageError, match="for a day at least"):
        gallery.keep(0)


def test_what_does_not_fit_is_refused_and_nothing_written(make: Maker) -> None:
    gallery, (sighting,) = make(), sightings(1)
    with pytest.raises(UnknownCamera, match="no camera 'attic'"):
        gallery.add([sighting, NewSighting("attic", sighting.embedding, "d")])
    with pytest.raises(GalleryMismatch, match="12 finite values"):
        gallery.add([sighting, NewSighting("door", np.zeros(5, np.float32), "d")])
    with pytest.raises(GalleryMismatch, match="is not finite"):
        gallery.add([sighting, NewSighting("door", np.full(D, np.nan, np.float32), "d")])
    assert len(gallery) == 0
    with pytest.raises(GalleryMismatch, match="12 values a sighting, the query has 3"):
        gallery.search(Query(np.zeros(3, np.float32)))
    with pytest.raises(UnknownCamera):
        gallery.search(Query(sighting.embedding, camera="attic"))
    assert gallery.search(Query(sighting.embedding)).hits == ()
    assert gallery.add([]) == []


def test_cameras_can_be_added_and_another_opening_sees_every_change(make: Maker) -> None:
    gallery, enrolled = make(), sightings(6)
    with open_gallery(gallery.address) as other:
        gallery.add(enrolled)
        assert [hit.id for hit in other.search(Query(enrolled[1].embedding, top_k=3)).hits] == [
            hit.id for hit in gallery.search(Query(enrolled[1].embedding, top_k=3)).hits
        ]
        gallery.add_cameras([*network({"attic": "attic", "door": "elsewhere"})])
        other.search(Query(enrolled[1].embedding))
        assert other.network["attic"].place == "attic"
        assert other.network["door"].place == "hall"
        other.add([NewSighting("attic", enrolled[0].embedding, "new")])
        assert len(gallery) == 7
        assert other.generation == gallery.generation


def test_all_distances_of_a_scope(make: Maker) -> None:
    gallery, enrolled = make(Metric.COSINE), sightings(20)
    gallery.add(enrolled)

    distances = gallery.distances(Query(enrolled[2].embedding, camera="night"))

    seen = [sighting for sighting in enrolled if sighting.camera != "door"]
    assert list(distances.sightings) == [sighting.id for sighting in seen]
    rows = Metric.COSINE.prepare(np.stack([sighting.embedding for sighting in seen]))
    query = Metric.COSINE.prepare(enrolled[2].embedding[None])[0]
    np.testing.assert_array_equal(distances.keys, Metric.COSINE.keys(query, rows))
    with pytest.raises(InvalidQuery, match="20 sightings are to be compared, at most 19"):
        gallery.distances(Query(enrolled[2].embedding), most=19)


@pytest.mark.slow
def test_a_gallery_is_copied_from_one_place_to_another_and_back(make: Maker, tmp_path: Path, database: Path) -> None:
    gallery, enrolled = make(), sightings(25)
    gallery.add(enrolled)
    query = Query(enrolled[0].embedding, top_k=30)
    expected = [(hit.id, hit.distance) for hit in gallery.search(query).hits]
    for address in (str(tmp_path / "copy"), f"milvus+file:{database}/copy{next(_numbers)}"):
        with create(address, gallery.model, gallery.network) as copy:
            assert merge(gallery, copy) == (25, 0, 0, 0)
            assert merge(gallery, copy) == (0, 25, 0, 0)
            assert [(hit.id, hit.distance) for hit in copy.search(query).hits] == expected
            assert copy.crop(enrolled[0].id) == enrolled[0].crop


def test_there_is_one_gallery_at_an_address_and_none_at_others(make: Maker, tmp_path: Path, database: Path) -> None:
    gallery = make()
    with pytest.raises(UsageError, match="is a gallery already"):
        create(gallery.address, gallery.model, NETWORK)
    with pytest.raises(GalleryMissing):
        open_gallery(f"milvus+file:{database}/nothing")
    with pytest.raises(GalleryMissing):
        open_gallery(tmp_path / "nothing")


def test_a_gallery_is_the_same_one_at_each_opening_and_no_other_is(make: Maker, tmp_path: Path) -> None:
    gallery = make()
    uid = gallery.uid()

    with open_gallery(gallery.address) as again, create(tmp_path / "other", model(D), NETWORK) as other:
        assert again.uid() == uid == gallery.uid()
        assert other.uid() != uid
    assert len(uid) == 16


def test_addresses_that_are_none_and_indexes_that_may_miss() -> None:
    assert entities_module.Address.parse("milvus://host:19530/lab").uri == "http://host:19530"
    assert entities_module.Address.parse("milvus+file:/a/b.db/lab") == entities_module.Address("/a/b.db", "lab")
    with pytest.raises(UsageError, match="is no address of a gallery in Milvus"):
        entities_module.Address.parse("milvus://host")
    assert entities_module.Address.parse("milvus://host:1/lab?timeout=2.5").timeout == 2.5
    for seconds in ("0", "-1", "soon", "inf", "nan", ""):
        with pytest.raises(UsageError, match="is no time to wait; it is seconds above 0, such as timeout=60"):
            entities_module.Address.parse(f"milvus://host:1/lab?timeout={seconds}")
    with pytest.raises(UsageError, match="has no option 'patience'; it has index and timeout"):
        entities_module.Address.parse("milvus://host:1/lab?patience=3")
    with pytest.raises(UsageError, match="index=HNSW may miss"):
        entities_module.Address.parse("milvus://host:1/lab?index=HNSW")


@pytest.mark.slow
def test_an_index_that_may_miss_is_not_opened(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"milvus+file:{database}/g{next(_numbers)}"
    with monkeypatch.context() as patched:
        for module in (entities_module, store_module):
            patched.setattr(module, "BRUTE_FORCE", ("FLAT", "HNSW"))
        create(f"{address}?index=HNSW", model(D), NETWORK).close()
    with pytest.raises(GalleryError, match="has an index of type HNSW, which may miss"):
        open_gallery(address)


@pytest.mark.parametrize("top_k", [1, 3, 30, 60])
@pytest.mark.slow
def test_more_hits_than_milvus_gives_at_once_are_all_compared(
    database: Path, monkeypatch: pytest.MonkeyPatch, top_k: int
) -> None:
    """Twenty of sixty are equally near, and Milvus gives eight at once."""
    monkeypatch.setattr(store_module, "MOST", 8)
    enrolled = sightings(60)
    address = f"milvus+file:{database}/g{next(_numbers)}"
    with create(address, model(D), NETWORK) as gallery:
        gallery.add(enrolled)
        query = Query(enrolled[0].embedding, top_k=top_k)
        assert [hit.id for hit in gallery.search(query).hits] == brute(Metric.EUCLIDEAN, enrolled, query)


@pytest.mark.slow
def test_a_large_crop_is_kept_smaller(database: Path) -> None:
    import io

    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 255, (900, 500, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    (new,) = sightings(1)
    address = f"milvus+file:{database}/g{next(_numbers)}"
    with create(address, model(D), NETWORK) as gallery:
        gallery.add([NewSighting(new.camera, new.embedding, "d", crop=Crop("image/png", buffer.getvalue()))])
        (sighting,) = gallery.sightings()
        crop = gallery.crop(sighting.id)
    assert crop is not None
    assert (crop.media_type, len(crop.data) <= 48_000) == ("image/jpeg", True)


def test_erasures_are_told_from_a_moment_on_and_without_those_that_are_known(make: Maker) -> None:
    gallery, enrolled = make(), sightings(6)
    gallery.add(enrolled)
    gallery.remove(ids=[enrolled[0].id])
    between = gallery.moment()
    gallery.remove(ids=[enrolled[1].id])
    gallery.remove(ids=["never there"])

    first, second, third = [erasure for erasure in gallery.erasures() if erasure.ids]

    assert first.at <= between < second.at < third.at
    assert [erasure.uid for erasure in gallery.erasures(since=between) if erasure.ids] == [second.uid, third.uid]
    assert gallery.erasures(but={first.uid, third.uid}, since=between) == [second]
    assert gallery.moment() >= third.at


def test_an_erasure_binds_what_was_known_before_it_and_nothing_after(make: Maker) -> None:
    gallery, enrolled = make(), sightings(40)
    gallery.add(enrolled)
    since = gallery.moment()
    again = replace(enrolled[3], since=since)
    assert gallery.remove(ids=[enrolled[3].id]) == 1
    assert gallery.remove(ids=[enrolled[3].id]) == 0  # asked for again
    assert (gallery.add([again]), gallery.bound([again])) == ([False], {again.id})
    later = replace(enrolled[3], since=gallery.moment())  # an archive that came after both
    assert (gallery.bound([later]), gallery.add([later])) == (set(), [True])
    kept = gallery.get(later.id)
    assert kept is not None
    assert kept.since == later.since
    erasures = gallery.erasures()
    assert len(erasures) == 2
    assert gallery.heed(erasures) == 0


def test_a_moment_never_runs_back(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery, enrolled = make(), sightings(40)
    gallery.add(enrolled[:20])
    gallery.remove(ids=[enrolled[3].id])
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 3600 * 10**9)
    before = gallery.moment()
    gallery.add([enrolled[3]])  # on purpose
    made = gallery.get(enrolled[3].id)
    assert made is not None
    assert made.since > before
    copy = [replace(enrolled[3], since=made.since)]
    assert gallery.bound(copy) == set()


@pytest.mark.parametrize(("stop", "times"), [("delete", 1), ("note", 4), ("some", 1)])
@pytest.mark.parametrize("by", ["camera", pytest.param("ids", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_an_erasure_of_milvus_that_was_stopped_is_finished_by_the_next_opening(
    database: Path, monkeypatch: pytest.MonkeyPatch, stop: str, times: int, by: str
) -> None:
    """Stopped after each of its first requests of a kind; then the ledger names everything that it found."""
    for before in range(times):
        address = f"milvus+file:{database}/g{next(_numbers)}"
        gallery, enrolled = create(address, model(D), NETWORK), sightings(40)
        gallery.add(enrolled)
        meant = [sighting for sighting in enrolled if sighting.camera == "door"]
        requests, there = list[int](), getattr(store_module.Store, stop)

        def stopped(
            *given: Any, before: int = before, requests: list[int] = requests, there: Any = there, **named: Any
        ) -> Any:
            requests.append(1)
            if len(requests) > before:
                raise KeyboardInterrupt
            return there(*given, **named)

        condition: dict[str, Any] = {"camera": "door"} if by == "camera" else {"ids": [s.id for s in meant]}
        with monkeypatch.context() as patched:
            patched.setattr(store_module.Store, stop, stopped)
            with suppress(KeyboardInterrupt):
                gallery.remove(**condition)
        with open_gallery(gallery.address) as again:
            left = {sighting.id for sighting in again.sightings()}
            begun = again.erasures() != []
            assert left.isdisjoint({s.id for s in meant}) if begun else len(left) == 40, before
            old = [replace(sighting, since=1) for sighting in enrolled]
            assert again.bound(old) == ({s.id for s in meant} if begun else set())
            people = {(s.camera, s.identity) for s in enrolled if s.id in left and s.identity is not None}
            assert sum(count.identities for count in again.counts()) == len(people)
            assert gallery.counts() == again.counts()
            if begun:
                (erasure,) = [erasure.by_ids() for erasure in again.erasures()]
                assert erasures_module.bound(old, [erasure]) == {s.id for s in meant}
        gallery.close()


def test_hits_are_reranked_by_k_reciprocal_everywhere_and_by_aim_in_folders(make: Maker) -> None:
    gallery, query = make(), Query(sightings(1, seed=3)[0].embedding, top_k=5)
    gallery.add(sightings(40))

    answer = reranked(gallery, query, Reciprocal())

    assert answer.reranking is not None
    assert (answer.reranking.method, answer.reranking.scored) == ("reranked(20,6,0.3)", 40)
    assert None not in {hit.plain_rank for hit in answer.hits}
    if isinstance(gallery, MilvusGallery):
        with pytest.raises(InvalidQuery, match="only galleries in folders keep; re-rank by k-reciprocal, or copy"):
            reranked(gallery, query, Affinity())
    else:
        assert reranked(gallery, query, Affinity()).reranking is not None
