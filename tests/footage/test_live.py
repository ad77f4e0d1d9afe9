"""Frames as they arrive: the clocks, the names, who is enrolled when, and an hour of them."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conftest import BUNDLE
from tests.footage.conftest import PlainEncoder, walkers

from rgbir.footage.destination import InGallery
from rgbir.footage.enrolment import Manner
from rgbir.footage.frames import Chroma, Frame
from rgbir.footage.live import Clocks, Live
from rgbir.footage.people import Passing, People
from rgbir.footage.retention import Expiry
from rgbir.index import (
    Bundle,
    Detections,
    Encoder,
    Gallery,
    GalleryBusy,
    GalleryError,
    GalleryFull,
    Modality,
    Thresholds,
)

START = datetime(2026, 11, 2, 21, 15, tzinfo=UTC).timestamp()


class Time:
    """Two clocks: the wall's can be moved."""

    def __init__(self) -> None:
        self.passed, self.moved = 0.0, 0.0

    @property
    def clocks(self) -> Clocks:
        return Clocks(wall=lambda: START + self.passed + self.moved, steady=lambda: 5000.0 + self.passed)


def live_in(gallery: Gallery, time: Time, words: list[str] | None = None, **more: Any) -> Live:
    return Live(
        gallery.network[more.pop("camera", "hall")],
        InGallery(gallery, cast(Encoder, PlainEncoder(Bundle(BUNDLE)))),
        more.pop("detector", None),
        more.pop("manner", Manner()),
        clocks=time.clocks,
        say=(words if words is not None else []).append,
        **more,
    )


def show(live: Live, time: Time, pictures: Iterator[NDArray[np.uint8]], rate: int = 5) -> None:
    """A picture every fifth of a second."""
    for image in pictures:
        live.frame(Frame(image, 0, 0.0, Chroma.of_pixels(image)), time.clocks.steady())
        time.passed += 1 / rate


def tracks(gallery: Gallery) -> dict[str, list[datetime]]:
    """The times of each track's sightings, in the order in which they were taken."""
    times: dict[str, list[tuple[float, datetime]]] = {}
    for each in gallery.sightings():
        assert each.taken_at is not None
        seconds = json.loads(each.frame or "")["seconds"]
        times.setdefault(str(each.track), []).append((seconds, each.taken_at))
    return {track: [moment for _, moment in sorted(pairs)] for track, pairs in times.items()}


def test_who_passes_is_enrolled_as_soon_as_nobody_is_there(yard: Gallery) -> None:
    time = Time()
    live = live_in(yard, time)

    show(live, time, walkers(12, (1.0,)))

    [(track, times)] = tracks(yard).items()
    assert track == "hall-20261102T211500.000000Z-1"
    began = datetime.fromtimestamp(START, UTC)
    assert all(timedelta(seconds=1) <= moment - began <= timedelta(seconds=8) for moment in times)
    [source] = {str(each.source).partition("#")[0] for each in yard.sightings()}
    assert source == "stream/hall/20261102T211500.000000Z"
    frame = json.loads(yard.sightings()[0].frame or "")
    assert frame["time_from"] == "arrival"
    assert "recording" not in frame


def test_who_is_in_the_picture_when_it_stops_is_enrolled(yard: Gallery) -> None:
    time = Time()
    live = live_in(yard, time)
    show(live, time, walkers(5, (1.0,)))
    assert len(yard) == 0

    live.pause()

    assert len(tracks(yard)) == 1


def test_a_delay_is_taken_off_and_said(yard: Gallery) -> None:
    time = Time()
    live = live_in(yard, time, delay=2.5)

    show(live, time, walkers(12, (1.0,)))

    began = datetime.fromtimestamp(START, UTC)
    for each in yard.sightings():
        frame = json.loads(each.frame or "")
        assert each.taken_at is not None
        assert (each.taken_at - began).total_seconds() == pytest.approx(frame["seconds"] - 2.5, abs=1e-5)
        assert frame["clock"]["offset_s"] == -2.5


@pytest.mark.parametrize("moved_s", [-3600.0, 3600.0])
def test_a_clock_that_is_moved_begins_a_session_and_no_track_runs_backwards(yard: Gallery, moved_s: float) -> None:
    time, words = Time(), list[str]()
    live = live_in(yard, time, words)
    pictures = walkers(24, (1.0, 12.0))

    show(live, time, (next(pictures) for _ in range(20)))  # the first is in the middle of the picture
    time.moved = moved_s
    show(live, time, pictures)
    live.pause()

    assert live.watched.moved == 1
    assert words == [f"hall: the clock was moved by {moved_s:+.1f} seconds"]
    sessions: dict[str, list[float]] = {}
    for track, times in tracks(yard).items():
        assert times == sorted(times), track
        sessions.setdefault(track.rpartition("-")[0], []).extend(moment.timestamp() - START for moment in times)
    before, after = sorted(sessions.values(), key=lambda times: abs(times[0]))
    assert all(0 <= second <= 4 for second in before)
    assert all(4 <= second - moved_s <= 24 for second in after)


@pytest.mark.slow
def test_a_clock_that_is_set_right_bit_by_bit_begins_no_session(yard: Gallery) -> None:
    time = Time()
    live = live_in(yard, time)

    for image in walkers(24, (1.0, 12.0)):
        show(live, time, iter([image]))
        time.moved += 0.9 / 120

    assert (live.watched.moved, live.watched.sessions) == (0, 1)
    assert len(tracks(yard)) == 2


def test_frames_that_arrive_together_or_out_of_order_have_times_in_order(
    yard: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time()
    live = live_in(yard, time)
    late, seconds = iter(walkers(12, (1.0,))), list[float]()
    following = People.next

    def followed(people: People, frame: Frame) -> Iterator[Passing]:
        seconds.append(frame.seconds)
        return following(people, frame)

    monkeypatch.setattr(People, "next", followed)
    for number, image in enumerate(late):
        arrived = time.clocks.steady() - (0.3 if number % 7 == 0 else 0.0)
        live.frame(Frame(image, 0, 0.0, Chroma.of_pixels(image)), arrived)
        time.passed += 0.2
    live.pause()

    assert seconds == sorted(seconds)
    assert live.watched.seconds == pytest.approx(12, abs=0.6)


class Standing:
    """A detector that finds one person, always there."""

    found_by = "double"

    def thresholds(self, modality: Modality) -> Thresholds:
        return Thresholds(0.5, 0.4, 0.2)

    def find(self, image: NDArray[np.uint8], modality: Modality) -> Detections:
        return Detections(np.array([[100, 60, 124, 132]], np.float32), np.array([0.9], np.float32))


@pytest.mark.slow
def test_who_stands_for_long_is_enrolled_every_ten_minutes_while_being_there(yard: Gallery) -> None:
    time = Time()
    live = live_in(yard, time, detector=Standing())
    picture = next(walkers(1, (), height=150, width=140))

    show(live, time, (picture for _ in range(1300)), rate=1)  # 21 minutes and 40 seconds

    names = sorted(tracks(yard))
    assert names == [f"hall-20261102T211500.000000Z-1-{letter}" for letter in "ab"]
    live.pause()
    assert len(tracks(yard)) == 3


@pytest.mark.parametrize("failure", [GalleryBusy, GalleryFull])
def test_people_wait_while_another_process_writes_or_the_disk_is_full(
    yard: Gallery, monkeypatch: pytest.MonkeyPatch, failure: type[GalleryError]
) -> None:
    time, words, tries = Time(), list[str](), iter([True, True, False])
    live = live_in(yard, time, words)
    enrol = InGallery.enrol
    monkeypatch.setattr("rgbir.footage.live.time.sleep", lambda seconds: None)

    def busy(self: InGallery, *given: Any) -> Any:
        if next(tries, False):
            raise failure("it can't be written")
        return enrol(self, *given)

    monkeypatch.setattr(InGallery, "enrol", busy)
    show(live, time, walkers(12, (1.0,)))

    assert len(tracks(yard)) == 1
    assert words == ["hall: people wait to be enrolled: it can't be written"]


@pytest.mark.parametrize("failure", [GalleryBusy, GalleryFull])
def test_who_is_lost_when_it_is_stopped_and_the_gallery_can_not_be_written_is_counted(
    yard: Gallery, monkeypatch: pytest.MonkeyPatch, failure: type[GalleryError]
) -> None:
    time = Time()
    live = live_in(yard, time, stopped=lambda: True)

    def refused(self: InGallery, *given: Any) -> Any:
        raise failure("it can't be written")

    monkeypatch.setattr(InGallery, "enrol", refused)
    with pytest.raises(failure) as lost:  # one has passed and waited for long enough, and another is in the picture
        show(live, time, walkers(20, (1.0, 8.0)))

    assert str(lost.value) == (
        "hall: tracks that aren't enrolled, and are lost: 2. It was asked to stop, and they can't be enrolled: it can't be written"
    )
    assert lost.value.exit_code == 1


def test_the_rule_is_carried_out_every_hour_while_it_runs(yard: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []
    now = [10.0]
    monkeypatch.setattr(type(yard), "expire", lambda self: times.append(now[0]))
    expiry = Expiry(yard, say=print, steady=lambda: now[0])

    for _ in range(3 * 360):
        expiry.quietly()
        now[0] += 10.0

    assert times == [10.0, 3610.0, 7210.0]


@pytest.mark.parametrize("minutes", [3, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_memory_is_flat_over_an_hour(yard: Gallery, minutes: int) -> None:
    """Somebody passes every twelve seconds, for an hour of the camera's time."""
    time = Time()
    live = live_in(yard, time, manner=Manner(keep_crops=False))
    pictures = list(walkers(12, (1.0,), height=140))
    levels: list[int] = []
    tracemalloc.start()
    try:
        for _ in range(minutes):
            show(live, time, (image for _ in range(5) for image in pictures))
            levels.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()

    assert live.watched.counts.tracks == minutes * 5
    frame_bytes = pictures[0].nbytes
    print(levels)
    assert max(levels[1:]) - min(levels[1:]) < 10 * frame_bytes + 200_000
