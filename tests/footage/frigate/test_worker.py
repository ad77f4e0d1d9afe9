"""From events to sightings, in one process: what is enrolled, what is passed over, and what comes later."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from tests.footage.frigate.conftest import NETWORK, Make
from tests.footage.frigate.frigate import FrigateDouble, body, status
from tests.footage.frigate.people import Passing, frame_of, passings
from tests.waiting import until

from rgbir.client import Busy, ClientError, ConnectionFailed, ServerFailed
from rgbir.footage.frigate import worker as module
from rgbir.footage.frigate.events import PersonEvent, of_message
from rgbir.footage.frigate.ledger import Ledger
from rgbir.footage.frigate.places import InGallery
from rgbir.footage.frigate.remote import OnServer
from rgbir.footage.frigate.tally import MOST_REASONS
from rgbir.footage.frigate.worker import Worker
from rgbir.index import (
    CameraNetwork,
    Encoder,
    Gallery,
    Modality,
    NewSighting,
    Sighting,
    SysuMM01,
    UnknownCamera,
    decode,
)


def heard(passing: Passing) -> PersonEvent:
    event = of_message(json.dumps(passing.message()).encode())
    assert event is not None
    return event


def show(frigate: FrigateDouble, shown: list[Passing], latest: bool = True) -> None:
    frigate.rows = [passing.row(latest=latest) for passing in shown]
    frigate.pictures = {passing.id: passing.picture for passing in shown}


def sightings(house: Path) -> list[Sighting]:
    with Gallery(house) as gallery:
        return gallery.sightings()


def finish(worker: Worker) -> None:
    """As SIGTERM does: what is in hand is taken, and nothing is asked for."""
    worker.stop()
    worker.run()


def test_a_person_becomes_a_sighting_with_all_that_frigate_knows(
    house: Path, frigate: FrigateDouble, people: SysuMM01, encoder: Encoder, working: Make
) -> None:
    [passing] = passings(people, 1)
    show(frigate, [passing])
    worker, words = working()
    assert worker.catch_up()
    assert (worker.tally.added, words) == (1, [])

    [sighting] = sightings(house)
    left, top, right, bottom = passing.box
    assert sighting.camera == "hall"
    assert sighting.track == passing.id
    assert sighting.taken_at == datetime.fromtimestamp(passing.taken, UTC)
    assert sighting.source == f"frigate/front_door/{passing.id}#xywh={left},{top},{right - left},{bottom - top}"
    assert json.loads(sighting.frame or "") == {
        "found_by": "frigate",
        "event": passing.id,
        "box": list(passing.box),
        "size": [640, 360],
        "score": 0.77546,
        "time": "snapshot",
        "track": [passing.started, passing.ended],
        "version": "0.17.0-double",
    }
    margin = (left - 3, top - 7, right + 3, bottom + 7)  # 3 in 100 of 90 and of 220, outwards
    [expected] = encoder.embed([decode(passing.picture, "x", margin)], Modality.RGB)
    with Gallery(house) as gallery:
        assert np.array_equal(gallery.embeddings([sighting.id])[0], gallery.model.metric.prepare(expected[None])[0])
        crop = gallery.crop(sighting.id)
        assert crop is not None
        assert decode(crop.data).size == (96, 234)


@pytest.mark.slow
def test_the_same_event_by_both_ways_and_however_often_is_one_sighting(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make, tmp_path: Path
) -> None:
    [passing] = passings(people, 1)
    show(frigate, [passing])
    for attempt in range(3):
        worker, _ = working()
        assert worker.catch_up()
        for _ in range(2):
            worker.put(heard(passing))
        finish(worker)
        assert (worker.tally.added, worker.tally.present) == ((1, 0) if attempt == 0 else (0, 1))
        (tmp_path / "house.frigate").unlink()  # as a kill before it was noted
    worker, _ = working()
    worker.catch_up()
    finish(worker)
    assert len(sightings(house)) == 1


@pytest.mark.parametrize("latest", [True, False])
def test_a_list_that_doesn_t_say_when_has_the_time_at_which_the_track_began(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make, latest: bool
) -> None:
    [passing] = passings(people, 1)
    show(frigate, [passing], latest=latest)
    frigate.rows[0]["start_time"] -= 5  # versions up to 0.13 count the seconds that they record before
    working()[0].catch_up()
    [sighting] = sightings(house)
    began = datetime.fromtimestamp(passing.started, UTC)
    assert sighting.taken_at == (datetime.fromtimestamp(passing.taken, UTC) if latest else began)
    assert json.loads(sighting.frame or "")["time"] == ("snapshot" if latest else "start of the track")


@pytest.mark.slow
def test_a_gap_of_many_pages_is_closed_and_nothing_is_asked_for_twice(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rgbir.footage.frigate import api

    monkeypatch.setattr(api, "PAGE", 4)
    monkeypatch.setattr(module, "PAGE", 4)
    shown = passings(people, 11)
    show(frigate, shown)
    for row in frigate.rows[2:5]:  # a page's edge among tracks that began together
        row["start_time"] = frigate.rows[2]["start_time"]
    assert working()[0].catch_up()
    assert {sighting.track for sighting in sightings(house)} == {passing.id for passing in shown}
    assert len(frigate.queries) >= 4
    frigate.asked.clear()
    worker, _ = working()
    assert worker.catch_up()
    assert worker.tally.added + worker.tally.present == 0
    assert not [path for path in frigate.asked if "snapshot" in path]


def test_what_ended_before_the_first_start_isn_t_wanted(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make
) -> None:
    shown = passings(people, 3)
    show(frigate, shown)
    worker, _ = working(begin=shown[1].ended)
    worker.catch_up()
    worker.put(heard(shown[0]))  # a retained message of long ago
    finish(worker)
    assert [sighting.track for sighting in sightings(house)] == [shown[2].id]


def test_a_track_that_was_long_is_met_after_later_ones(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make
) -> None:
    shown = passings(people, 3)
    show(frigate, shown)
    frigate.rows[0]["end_time"] = None  # still there
    worker, _ = working()
    assert worker.catch_up()
    frigate.rows[0]["end_time"] = shown[2].ended + 3600
    assert worker.catch_up()
    assert len(sightings(house)) == 3


@pytest.mark.slow
def test_frigate_s_restart_ends_a_track_in_the_past_and_it_is_met_all_the_same(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make
) -> None:
    shown = passings(people, 9)
    show(frigate, shown)
    frigate.rows[0]["end_time"] = None
    worker, _ = working()
    assert worker.catch_up()
    frigate.rows[0]["end_time"] = shown[0].started + 30  # what it does when it starts again, without a message
    worker, _ = working()
    assert worker.catch_up()
    assert len(sightings(house)) == 9


def test_a_snapshot_that_isn_t_there_yet_is_met_soon_and_one_that_is_gone_is_given_up(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make
) -> None:
    late, gone = passings(people, 2)
    worker, words = working()
    worker.catch_up()
    worker.put(heard(late))
    finish(worker)
    assert worker.tally.postponed == 1  # its end is told before it is in the list
    worker, words = working()
    show(frigate, [late, gone])
    del frigate.pictures[gone.id]
    assert worker.catch_up()
    assert worker.tally.added == 1
    assert worker.tally.passed_over == {"snapshot gone": 1}
    assert "no clean snapshot" in words[0]
    frigate.asked.clear()
    assert worker.catch_up()
    assert not [path for path in frigate.asked if gone.id in path]


def test_the_list_is_looked_at_again_within_seconds_while_it_lacks_what_was_told(
    frigate: FrigateDouble, people: SysuMM01, working: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    [passing] = passings(people, 1)
    worker, _ = working()
    worker.catch_up()
    worker._from_message(heard(passing))
    pauses = []
    for _ in range(module.MOST_TRIES):
        worker.catch_up()
        pauses.append(round(worker._due - time.monotonic()))
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 600]


def test_an_answer_of_later_keeps_the_event_and_everything_after_it(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make
) -> None:
    shown = passings(people, 3)
    show(frigate, shown)
    frigate.faults = {shown[1].id: status(503)}
    worker, _ = working()
    assert not worker.catch_up()
    assert (worker.tally.added, worker.tally.postponed) == (2, 1)
    frigate.faults.clear()
    worker, _ = working()
    assert worker.catch_up()
    assert len(sightings(house)) == 3


def test_an_event_that_never_comes_doesn_t_hold_the_others_up_for_ever(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make
) -> None:
    shown = passings(people, 2)
    show(frigate, shown)
    frigate.faults = {shown[0].id: status(500)}
    worker, words = working()
    tries = [worker.catch_up() for _ in range(module.MOST_TRIES)]
    assert tries == [False] * (module.MOST_TRIES - 1) + [True]
    assert worker.tally.passed_over == {"given up": 1}
    assert any("after 8 tries" in word for word in words)


def test_people_wait_while_another_process_writes_however_long_that_takes(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make
) -> None:
    show(frigate, passings(people, 3))
    worker, words = working()
    with Gallery(house) as other, other.writing():
        for _ in range(2 * module.MOST_TRIES):
            assert not worker.catch_up()
    assert (worker.tally.passed_over, len(words)) == ({}, 1)
    assert worker.catch_up()
    assert len(sightings(house)) == worker.tally.added == 3


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (Busy("somebody else is writing", 409, {"code": "gallery-busy"}), True),
        (ConnectionFailed("no answer"), True),
        (ServerFailed("no room", 507, {"code": "temporary-folder-full"}), True),
        (ServerFailed("a proxy's page", 502), True),
        (ServerFailed("the server failed on this request", 500, {"code": "internal"}), False),
    ],
    ids=str,
)
def test_people_wait_for_a_server_that_takes_nobody_and_one_that_it_fails_on_is_given_up(
    frigate: FrigateDouble,
    people: SysuMM01,
    working: Make,
    monkeypatch: pytest.MonkeyPatch,
    answer: ClientError,
    kept: bool,
) -> None:
    [passing] = passings(people, 1)
    show(frigate, [passing])
    worker, _ = working()
    with OnServer("http://127.0.0.1:9", None, None) as server:
        worker._place = server
        monkeypatch.setattr(server, "network", lambda: CameraNetwork.from_toml(NETWORK))

        def refused(*_: object, **__: object) -> None:
            raise answer

        monkeypatch.setattr(server._client, "enrol_track", refused)
        caught_up = [worker.catch_up() for _ in range(2 * module.MOST_TRIES)]
        assert (not any(caught_up), worker.tally.passed_over) == ((True, {}) if kept else (False, {"given up": 1}))


def test_the_gallery_s_rule_is_carried_out_however_seldom_the_list_is_read(
    house: Path, working: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UPKEEP_S", 0.05)
    worker, _ = working(every_s=86_400.0)
    place = worker._place
    assert isinstance(place, InGallery)
    hours = [0.0]
    place._expiry._steady = lambda: hours[0] * 3600
    running = Thread(target=worker.run)
    running.start()
    try:
        until(lambda: worker.tally.caught_up == 1)
        with Gallery(house) as gallery:
            vector = np.eye(1, gallery.model.dimension, dtype=np.float32)[0]
            days_ago = {"old": 40_000, "new": 1, "newer": 0}
            times = {digest: datetime.now(UTC) - timedelta(days=days) for digest, days in days_ago.items()}
            gallery.add([NewSighting("hall", vector, digest, taken_at=taken) for digest, taken in times.items()])
            hours[0] = 2.0
            until(lambda: len(gallery) == 2)
    finally:
        worker.stop()
        running.join()
    assert worker.tally.caught_up == 1


@pytest.mark.parametrize("fault", [status(500), body(b"<html>")])
def test_a_frigate_that_is_away_is_asked_again_ever_less_often(
    frigate: FrigateDouble, people: SysuMM01, working: Make, fault: object
) -> None:
    show(frigate, passings(people, 1))
    frigate.faults = {"events": fault}  # type: ignore[dict-item]
    worker, words = working()
    pauses = []
    for _ in range(8):
        assert not worker.catch_up()
        pauses.append(round(worker._due - time.monotonic()))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert len(words) == 1
    frigate.faults.clear()
    assert worker.catch_up()
    assert worker.tally.added == 1


@pytest.mark.slow
def test_a_camera_that_nobody_mapped_is_named_once_and_counted(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make
) -> None:
    shown = [*passings(people, 3, camera="attic"), *passings(people, 5, camera="gate")[3:]]
    show(frigate, shown)
    worker, words = working()
    worker.catch_up()
    assert worker.tally.passed_over == {"camera 'attic' isn't mapped": 3}
    assert [word for word in words if "--map attic=CAMERA" in word] == words
    assert len(words) == 1
    assert {sighting.camera for sighting in sightings(house)} == {"gate"}  # the network's own name needs no map


@pytest.mark.slow
def test_cameras_without_end_don_t_fill_the_memory(frigate: FrigateDouble, people: SysuMM01, working: Make) -> None:
    [passing] = passings(people, 1)
    frigate.rows = [replace(passing, number=number, camera=f"c{number}").row() for number in range(190)]
    worker, _ = working()
    worker.catch_up()
    frigate.rows = [replace(passing, number=number, camera=f"c{number}").row() for number in range(190, 350)]
    worker.catch_up()
    assert len(worker.tally.passed_over) == MOST_REASONS + 1
    assert worker.tally.passed_over.total() == 350
    assert worker.tally.passed_over["other reasons"] == 150


def test_a_map_to_a_camera_that_there_isn_t_is_refused(frigate: FrigateDouble, working: Make) -> None:
    worker, _ = working(names={"front_door": "hallway"})
    with pytest.raises(UnknownCamera, match="did you mean 'hall'"):
        worker.catch_up()


@pytest.mark.slow
def test_the_picture_decides_the_light_of_a_camera_that_has_both(
    house: Path, frigate: FrigateDouble, people: SysuMM01, encoder: Encoder, working: Make
) -> None:
    day, night = passings(people, 2, camera="gate")
    person = decode(day.picture, "x", day.box)
    night = Passing(1, frame_of(person, day.box, grey=True), day.box, "gate")
    show(frigate, [day, night])
    working()[0].catch_up()
    for passing, light in ((day, Modality.RGB), (night, Modality.IR)):
        [sighting] = [each for each in sightings(house) if each.track == passing.id]
        left, top, right, bottom = passing.box
        margin = (left - 3, top - 7, right + 3, bottom + 7)
        [expected] = encoder.embed([decode(passing.picture, "x", margin)], light)
        with Gallery(house) as gallery:
            stored = gallery.embeddings([sighting.id])[0]
            assert np.array_equal(stored, gallery.model.metric.prepare(expected[None])[0])


def test_infrared_of_a_colour_camera_is_counted_and_enrolled_only_if_somebody_says_so(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make
) -> None:
    [passing] = passings(people, 1)
    grey = Passing(0, frame_of(decode(passing.picture, "x", passing.box), passing.box, grey=True), passing.box)
    show(frigate, [grey])
    worker, words = working()
    worker.catch_up()
    assert worker.tally.passed_over == {"ir of hall": 1}
    assert "camera hall is declared rgb" in words[0]
    again = Passing(7, grey.picture, grey.box)
    show(frigate, [again])
    working(trust_frames=True)[0].catch_up()
    assert [sighting.track for sighting in sightings(house)] == [again.id]


def test_pictures_that_are_none_and_boxes_outside_are_counted(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make
) -> None:
    broken, cut, outside, fine = passings(people, 4)
    show(frigate, [broken, cut, outside, fine])
    frigate.pictures[broken.id] = b"<html>no picture</html>"
    frigate.pictures[cut.id] = cut.picture[: len(cut.picture) // 2]
    frigate.rows[2]["data"]["box"] = [0.5, 0.5, 0.9, 0.2]
    worker, _ = working()
    assert worker.catch_up()
    assert worker.tally.passed_over == {"unreadable": 2, "box outside": 1}
    assert worker.tally.added == 1


@pytest.mark.slow
def test_a_flood_of_messages_is_bounded_and_the_list_brings_what_was_dropped(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    shown = passings(people, 8)
    show(frigate, shown)
    worker, _ = working()
    for passing in shown:
        worker.put(heard(passing))
    assert worker._waiting.qsize() == 3
    assert worker._wanted.is_set()
    assert worker.catch_up()
    assert len(sightings(house)) == 8


@pytest.mark.slow
def test_a_person_who_was_erased_here_doesn_t_come_back(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make, tmp_path: Path
) -> None:
    [passing] = passings(people, 1)
    show(frigate, [passing])
    worker, _ = working()
    worker.catch_up()
    with Gallery(house) as gallery:
        assert gallery.remove(track=passing.id) == 1
    (tmp_path / "house.frigate").unlink()  # even for a bridge that starts anew, and meets it in Frigate's list
    worker, _ = working()
    worker.catch_up()
    assert worker.tally.erased == 1
    assert sightings(house) == []


def test_nothing_is_noted_before_it_is_enrolled(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the moment of each note the gallery holds the sighting, for whoever opens it anew."""
    show(frigate, passings(people, 3))
    settle = Ledger.settle

    def noted(self: Ledger, event: str, started: float, ended: float) -> None:
        assert event in {sighting.track for sighting in sightings(house)}
        settle(self, event, started, ended)

    monkeypatch.setattr(Ledger, "settle", noted)
    worker, _ = working()
    worker.catch_up()
    assert worker.tally.added == 3


def test_what_a_camera_ignores_is_in_no_picture_and_who_is_in_it_is_passed_over(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make
) -> None:
    inside, beside = passings(people, 2)
    left, _, right, _ = beside.box
    middle = (left + right) // 2
    inside = replace(inside, box=(20, 40, 60, 260))
    window = ((0.0, 0.0), ((middle - 10) / 639, 0.0), ((middle - 10) / 639, 1.0), (0.0, 1.0))
    with Gallery(house) as gallery:
        gallery.change_network(lambda network: network.with_camera(replace(network["hall"], ignored=(window,))))
    show(frigate, [inside, beside])
    worker, _ = working()
    worker.catch_up()
    assert worker.tally.passed_over == {"ignored zone of hall": 1}
    [sighting] = sightings(house)
    with Gallery(house) as gallery:
        crop = gallery.crop(sighting.id)
    assert crop is not None
    pixels = np.asarray(decode(crop.data))
    assert pixels[:, : middle - 10 - (left - 3) - 8].max() < 40  # black, but for what JPEG adds
    assert pixels[:, middle - (left - 3) + 5 :].mean() > 40


def test_what_is_older_than_the_gallery_keeps_isn_t_enrolled(
    house: Path, frigate: FrigateDouble, people: SysuMM01, working: Make
) -> None:
    show(frigate, passings(people, 1))
    with Gallery(house) as gallery:
        gallery.set_keep_days(30)
    worker, _ = working()
    worker.catch_up()
    assert worker.tally.passed_over == {"older than is kept": 1}
    assert sightings(house) == []
