"""Work in bulk: in its order, on several threads that don't wait for each other."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from threading import Barrier, BoundedSemaphore, Event
from typing import Any

import numpy as np
import pytest

from rgbir.index import Bundle, CameraNetwork, Encoder, Gallery, Modality, Model, Skipped, SysuMM01, enrol
from rgbir.index import encoder as index_encoder
from rgbir.index.bulk import MOST_CALLERS, bulk_callers, groups, in_order
from rgbir.index.errors import BadImage, GalleryFull
from rgbir.index.evaluation.sources import encoded


def test_groups_are_whole_but_for_the_last() -> None:
    assert list(groups(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(groups([], 3)) == []


def test_what_is_done_later_comes_later_whoever_is_quicker() -> None:
    second_is_done = Event()

    def work(number: int) -> int:
        if number == 0:
            assert second_is_done.wait(60)
        second_is_done.set() if number else None
        return number

    assert list(in_order(work, range(9), threads=3)) == list(range(9))


def test_no_more_is_taken_ahead_than_twice_the_threads() -> None:
    taken = []

    def items() -> Any:
        for number in range(100):
            taken.append(number)
            yield number

    done = in_order(lambda number: number, items(), threads=3)
    assert next(done) == 0
    assert len(taken) == 6
    done.close()


def test_the_first_failure_is_raised_and_nothing_is_begun_after_it() -> None:
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        if number >= 3:
            raise BadImage(f"number {number}")
        return number

    done = in_order(work, range(100), threads=2)
    assert [next(done) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(BadImage, match="number 3"):
        next(done)
    assert len(begun) <= 3 + 1 + 4


def test_an_enrolment_that_cannot_be_written_begins_nothing_more(
    people: SysuMM01, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded_images = []

    def full(sightings: Any) -> Any:
        raise GalleryFull("the disk is full")

    class Counting(Watched):
        def encode(self, images: Any, modality: Modality) -> Any:
            encoded_images.append(len(images))
            return self.encoder.encode(images, modality)

    records = list(people.records("test"))
    watched: Any = Counting(encoder, 2)
    with Gallery.create(tmp_path / "g", Model.of(encoder.card), CameraNetwork.read("sysu-mm01")) as gallery:
        monkeypatch.setattr(gallery, "add", full)
        with pytest.raises(GalleryFull) as error:  # which keeps what was at work
            enrol(records, watched, gallery, batch=4)
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("bulk")], error
        begun = sum(encoded_images)
    assert begun <= 2 * (2 * 2 + 2) < len(records)


@pytest.mark.parametrize(
    ("callers", "lanes", "each"), [(1, 1, 13), (2, 1, 13), (3, 2, 6), (8, 6, 2), (12, 6, 2), (13, 13, 1), (20, 13, 1)]
)
def test_lanes_share_the_threads_and_change_no_embedding(
    bundle: Bundle, callers: int, lanes: int, each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    start: Any = vars(index_encoder)["started"]

    def started(*given: Any) -> Any:
        threads.append(given[3])
        return start(*given)

    monkeypatch.setattr(index_encoder, "started", started)
    encoder = Encoder(bundle, threads=13, callers=callers, providers=["CPUExecutionProvider"])
    card = bundle.card
    images = np.random.default_rng(0).integers(0, 256, (11, card.height, card.width, 3), np.uint8)
    expected = Encoder(bundle, threads=1).encode(images, Modality.RGB)

    assert (encoder.lanes, threads[0]) == (lanes, each)
    np.testing.assert_array_equal(encoder.encode(images, Modality.RGB), expected)


def test_fewer_threads_are_left_over_than_a_lane_has(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    start: Any = vars(index_encoder)["started"]
    monkeypatch.setattr(index_encoder, "started", lambda *given: start(*given[:3], 1, *given[4:]))
    for threads, callers in itertools.product(range(1, 40), (1, 2, 5, 8)):
        lanes = Encoder(bundle, threads=threads, callers=callers).lanes
        assert 1 <= lanes <= callers
        assert threads % lanes < threads // lanes


def test_threads_bound_the_lanes(bundle: Bundle) -> None:
    assert Encoder(bundle, threads=1, callers=4).lanes == 1
    assert 1 <= bulk_callers() <= MOST_CALLERS


def test_a_gpu_has_one_lane(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_encoder, "chosen", lambda providers: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    start: Any = vars(index_encoder)["started"]
    monkeypatch.setattr(
        index_encoder, "started", lambda *given: start(*given[:4], ["CPUExecutionProvider"], *given[5:])
    )
    assert Encoder(bundle, threads=4, callers=4).lanes == 1


class Watched:
    """An encoder that tells how many encode at the same time, and waits for as many as may."""

    def __init__(self, encoder: Encoder, lanes: int) -> None:
        self.encoder, self.lanes = encoder, lanes
        self.inside, self.most, self.meeting = 0, 0, Barrier(lanes)
        self.free = BoundedSemaphore(lanes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.encoder, name)

    def encode(self, images: Any, modality: Modality) -> Any:
        assert self.free.acquire(blocking=False), "more encode than there are lanes"
        try:
            if self.most < self.lanes:
                self.meeting.wait(60)  # as many as may are here at the same time
                self.most = self.lanes
            return self.encoder.encode(images, modality)
        finally:
            self.free.release()


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_as_many_encode_at_the_same_time_as_there_are_lanes(
    people: SysuMM01, encoder: Encoder, tmp_path: Path, lanes: int
) -> None:
    records = list(people.records("test", (1, 2)))
    watched: Any = Watched(encoder, lanes)
    with Gallery.create(tmp_path / "g", Model.of(encoder.card), CameraNetwork.read("sysu-mm01")) as gallery:
        tally = enrol(records, watched, gallery, batch=2 * lanes, workers=5)
        assert (tally.added, watched.most) == (len(records), lanes)
        kept = [sighting.source for sighting in gallery.sightings()]
    assert kept == [record.source for record in records]  # the order of enrolment is the records'

    watched = Watched(encoder, lanes)
    watched.batch = 2 * lanes
    features = encoded(records, watched)
    assert watched.most == lanes
    np.testing.assert_array_equal(features.embeddings, encoded(records, encoder).embeddings)


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_infrared_and_colour_images_are_enrolled_in_their_order_in_transactions_of_a_batch(
    people: SysuMM01, encoder: Encoder, tmp_path: Path, lanes: int
) -> None:
    colour, infrared = (list(people.records("test", cameras))[:10] for cameras in ((1, 2), (3, 6)))
    records = colour_and(infrared, colour)
    records.insert(5, Skipped("no picture", "it is a film"))
    watched: Any = Watched(encoder, lanes)
    watched.most = lanes  # it needn't wait for others
    with Gallery.create(tmp_path / "g", Model.of(encoder.card), CameraNetwork.read("sysu-mm01")) as gallery:
        reported = list[int]()
        counted: Any = Counted(gallery)
        tally = enrol(records, watched, counted, batch=6, progress=reported.append)
        assert (tally.added, [item.source for item in tally.skipped]) == (20, ["no picture"])
        assert (reported, counted.asked["add"]) == ([6, 6, 6, 3], 4)
        kept = gallery.sightings()
        assert [sighting.source for sighting in kept] == [record.source for record in colour_and(infrared, colour)]
        embeddings = gallery.embeddings([sighting.id for sighting in kept])
    expected = encoded(colour_and(infrared, colour), encoder).embeddings
    np.testing.assert_array_equal(embeddings, Model.of(encoder.card).metric.prepare(expected))


def colour_and(infrared: Sequence[Any], colour: Sequence[Any]) -> list[Any]:
    """A colour image, an infrared one, and so on."""
    return [record for pair in zip(colour, infrared, strict=True) for record in pair]


class Counted:
    """A gallery that counts the questions it is asked."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery, self.asked = gallery, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.gallery, name)
        if not callable(value):
            return value
        self.asked[name] += 1
        return value


def test_a_gallery_is_asked_of_eight_images_at_once(people: SysuMM01, encoder: Encoder, tmp_path: Path) -> None:
    records: Sequence[Any] = list(people.records("test", (1, 2)))
    with Gallery.create(tmp_path / "g", Model.of(encoder.card), CameraNetwork.read("sysu-mm01")) as gallery:
        counted: Any = Counted(gallery)
        enrol(records[:20], encoder, counted, batch=16)
        assert (counted.asked["by_ids"], counted.asked["get"], counted.asked["add"]) == (3, 0, 2)
        tally = enrol(records, encoder, counted, batch=16)
        assert (tally.present, tally.added) == (20, len(records) - 20)
        assert counted.asked["get"] == counted.asked["known"] == 0
