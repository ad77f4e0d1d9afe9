"""A recording into a gallery: who passed is enrolled once, whatever happens on the way."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from tests.conftest import BUNDLE
from tests.footage.conftest import BEGAN, NETWORK, PlainEncoder, walkers
from tests.site.events import EVENTS
from tests.waiting import until

from rgbir.footage.clock import Correction
from rgbir.footage.decoding.apart import Limits
from rgbir.footage.enrolment import Manner, Report, enrol_recording
from rgbir.footage.errors import BadFootage
from rgbir.footage.film import write_film
from rgbir.footage.points import Background, Point, Points
from rgbir.footage.recordings import Recording
from rgbir.footage.remarks import remarks_on
from rgbir.footage.retention import settle
from rgbir.index import Bundle, Encoder, Gallery, GalleryMismatch, Modality, Sighting, UsageError

Known = dict[str, tuple[Any, ...]]


def run(film: Path, gallery: Gallery, points: Path | None = None, manner: Manner | None = None, **given: Any) -> Report:
    return enrol_recording(
        Recording.at(film),
        gallery.network[given.pop("camera", "hall")],
        gallery,
        cast(Encoder, PlainEncoder(Bundle(BUNDLE))),
        None,
        manner or Manner(),
        points=Points(points),
        **given,
    )


def content(gallery: Gallery) -> Known:
    """All that is kept of every sighting but the order in which they came."""
    return {
        each.id: (
            each.camera, each.source, each.digest, each.taken_at, each.track, each.frame,
            gallery.crop(each.id), gallery.embeddings([each.id]).tobytes(),
        )
        for each in gallery.sightings()
    }  # fmt: skip


def empty(folder: Path) -> Gallery:
    return Gallery.open_or_create(folder, Bundle(BUNDLE).card, NETWORK)


@pytest.fixture(scope="session")
def undisturbed(passers: Path, tmp_path_factory: pytest.TempPathFactory) -> Known:
    """What one run gives that nothing disturbs."""
    with empty(tmp_path_factory.mktemp("whole") / "gallery") as gallery:
        run(passers, gallery)
        return content(gallery)


def by_track(sightings: list[Sighting]) -> dict[str, list[Sighting]]:
    tracks: dict[str, list[Sighting]] = {}
    for each in sightings:
        tracks.setdefault(str(each.track), []).append(each)
    return tracks


@pytest.mark.slow
def test_everyone_who_passes_is_a_track_of_some_shots(passers: Path, yard: Gallery) -> None:
    report = run(passers, yard)

    tracks = by_track(yard.sightings())
    spans = sorted((json.loads(shots[0].frame or "")["track_start"], len(shots)) for shots in tracks.values())
    # People come after 1, 12, 35, 62 and 64.5 seconds, and need 6 seconds; the first second shows nobody whole.
    assert [round(start - begin, 1) < 1.5 for (start, _), begin in zip(spans, (1, 12, 35, 62, 64.5), strict=True)] == [
        True
    ] * 5
    assert all(2 <= shots <= 5 for _, shots in spans)
    assert (report.added, report.present, report.finished) == (len(yard), 0, True)
    assert report.counts.frames == {Modality.RGB: 450}


@pytest.mark.slow
def test_a_sighting_says_where_it_comes_from(passers: Path, yard: Gallery) -> None:
    run(passers, yard)
    digest = Recording.at(passers).digest

    for each in yard.sightings():
        frame = json.loads(each.frame or "")
        left, top, right, bottom = frame["box"]
        assert each.source == f"passers.mp4#t={frame['seconds']:.3f}&xywh={left},{top},{right - left},{bottom - top}"
        assert each.track is not None
        assert each.track.startswith(f"{digest[:12]}-")
        assert each.taken_at == BEGAN + timedelta(seconds=frame["seconds"])
        assert (frame["recording"], frame["name"], frame["found_by"]) == (digest, "passers.mp4", "motion")
        assert frame["number"] == round(frame["seconds"] * 5)
        assert frame["size"] == [320, 180]
        assert 0 < frame["quality"] <= frame["score"] <= 1
        assert frame["time_from"] == "container"
        crop = yard.crop(each.id)
        assert crop is not None
        assert crop.media_type == "image/jpeg"


@pytest.mark.slow
def test_a_clock_that_was_set_right_is_kept_with_every_sighting(passers: Path, yard: Gallery) -> None:
    run(passers, yard, manner=Manner(start=BEGAN, correction=Correction(-37, 0.4, BEGAN - timedelta(days=5))))

    for each in yard.sightings():
        frame = json.loads(each.frame or "")
        shown = datetime.fromisoformat(frame["clock"]["shown"])
        days = (shown - BEGAN) / timedelta(days=1) + 5
        assert shown == BEGAN + timedelta(seconds=frame["seconds"])
        assert each.taken_at is not None
        assert (each.taken_at - shown).total_seconds() == pytest.approx(-37 - 0.4 * days, abs=1e-5)
        assert (frame["clock"]["offset_s"], frame["clock"]["drift_s"]) == (-37, 0.4)


@pytest.mark.slow
def test_the_same_film_again_adds_nothing(passers: Path, yard: Gallery, tmp_path: Path) -> None:
    run(passers, yard, tmp_path / "points")
    once = content(yard)
    copy = tmp_path / "passers.mp4"
    shutil.copyfile(passers, copy)

    seen_again = run(copy, yard, tmp_path / "points")
    looked_again = run(copy, yard, tmp_path / "points", again=True)

    assert (seen_again.was_done, seen_again.added) == (True, 0)
    assert (looked_again.was_done, looked_again.added, looked_again.present) == (False, 0, len(once))
    assert content(yard) == once


@pytest.mark.slow
def test_another_way_of_working_is_no_run_that_was_done(passers: Path, yard: Gallery, tmp_path: Path) -> None:
    run(passers, yard, tmp_path / "points")

    assert not run(passers, yard, tmp_path / "points", Manner(shots=2)).was_done


@pytest.mark.slow
def test_a_run_that_is_asked_to_stop_goes_on_where_nobody_was_in_the_picture(
    passers: Path, yard: Gallery, tmp_path: Path, undisturbed: Known
) -> None:
    resumed = []
    for _ in range(40):
        left = iter(range(130))  # frames of this run
        report = run(passers, yard, tmp_path / "points", stopped=lambda left=left: next(left, None) is None)
        resumed.append(report.resumed_at)
        if report.finished:
            break

    assert content(yard) == undisturbed
    assert resumed == sorted(resumed)
    assert resumed[-1] > 40


@pytest.mark.slow
def test_notes_of_recordings_that_are_done_hold_no_picture(passers: Path, yard: Gallery, tmp_path: Path) -> None:
    left = iter(range(200))
    run(passers, yard, tmp_path / "points", stopped=lambda: next(left, None) is None)
    (note,) = (tmp_path / "points").iterdir()
    assert json.loads(note.read_text())["background"] is not None
    assert note.stat().st_mode & 0o777 == 0o600

    run(passers, yard, tmp_path / "points")

    (note,) = (tmp_path / "points").iterdir()
    assert json.loads(note.read_text())["background"] is None


def test_notes_that_nobody_takes_up_are_deleted_after_thirty_days(tmp_path: Path) -> None:
    points = Points(tmp_path)
    (tmp_path / "a.json").write_text("{}")

    assert points.forget_old(time.time() + 29 * 86_400) == 0
    assert points.forget_old(time.time() + 31 * 86_400) == 1
    assert not list(tmp_path.iterdir())


def test_an_old_note_loses_its_picture_and_keeps_since_when_and_that_it_is_done(tmp_path: Path) -> None:
    points, picture = Points(tmp_path), np.zeros((2, 2, 3), np.uint8)
    done = Point(state="done", at=90.0, since=3, last="sighting")
    running = Point(at=45.0, since=4, tracks=2, background=Background.of([picture], 9), last="sighting")
    points.write(tmp_path / "done.json", done)
    points.write(tmp_path / "running.json", running)

    assert points.forget_old(time.time() + 31 * 86_400) == 1

    assert points.read(tmp_path / "done.json") == done
    assert points.read(tmp_path / "running.json") == Point(since=4)


@pytest.mark.slow
@pytest.mark.parametrize("frames", [250, 10_000])  # stopped in the middle, and worked through
def test_who_was_erased_does_not_come_back_however_old_the_note_is(
    passers: Path, yard: Gallery, tmp_path: Path, frames: int
) -> None:
    left = iter(range(frames))
    run(passers, yard, tmp_path / "points", stopped=lambda: next(left, None) is None)
    gone = content(yard).keys()
    assert gone
    yard.remove(ids=sorted(gone))
    Points(tmp_path / "points").forget_old(time.time() + 31 * 86_400)

    report = run(passers, yard, tmp_path / "points")

    assert report.erased == len(gone)
    assert not gone & content(yard).keys()


@pytest.mark.slow
def test_a_damaged_note_is_no_point_to_go_on_from(
    passers: Path, yard: Gallery, tmp_path: Path, undisturbed: Known
) -> None:
    left = iter(range(200))
    run(passers, yard, tmp_path / "points", stopped=lambda: next(left, None) is None)
    (note,) = (tmp_path / "points").iterdir()
    note.write_text(note.read_text()[:100])

    assert run(passers, yard, tmp_path / "points").resumed_at == 0
    assert content(yard) == undisturbed


@pytest.mark.slow
def test_notes_of_a_gallery_that_was_made_anew_lose_nobody(passers: Path, tmp_path: Path, undisturbed: Known) -> None:
    for done in (250, 10_000):  # in the middle, and worked through
        folder = tmp_path / str(done)
        left = iter(range(done))
        with empty(folder / "gallery") as gallery:
            run(passers, gallery, folder / "points", stopped=lambda left=left: next(left, None) is None)
            assert len(gallery) > 0
        shutil.rmtree(folder / "gallery")

        with empty(folder / "gallery") as gallery:
            report = run(passers, gallery, folder / "points")
            assert (report.was_done, report.resumed_at) == (False, 0)
            assert content(gallery) == undisturbed


@pytest.mark.slow
def test_notes_of_a_gallery_that_an_older_copy_replaced_lose_nobody(
    passers: Path, tmp_path: Path, undisturbed: Known
) -> None:
    with empty(tmp_path / "gallery"):
        pass
    shutil.copytree(tmp_path / "gallery", tmp_path / "older")
    with empty(tmp_path / "gallery") as gallery:
        run(passers, gallery, tmp_path / "points")
    shutil.rmtree(tmp_path / "gallery")
    (tmp_path / "older").rename(tmp_path / "gallery")

    with empty(tmp_path / "gallery") as gallery:
        assert run(passers, gallery, tmp_path / "points").was_done is False
        assert content(gallery) == undisturbed


@pytest.mark.slow
def test_who_was_erased_after_a_run_does_not_come_back_by_the_same_command(
    passers: Path, yard: Gallery, tmp_path: Path
) -> None:
    run(passers, yard, tmp_path / "points")
    everybody = content(yard).keys()
    yard.remove(ids=sorted(everybody))

    report = run(passers, yard, tmp_path / "points")

    assert (report.added, report.erased, len(yard)) == (0, len(everybody), 0)
    assert run(passers, yard, tmp_path / "points", again=True).added == len(everybody)


HAPPENS = {("note", "deleted"), ("note", "scribbled")}
"""The others in the slow run."""


@pytest.mark.parametrize(
    ("what", "event"),
    [
        pytest.param(what, event, marks=[] if (what, event) in HAPPENS else [pytest.mark.slow])
        for what in ("note", "folder")
        for event in EVENTS
    ],
)
@pytest.mark.slow
def test_whatever_happens_to_resume_points_everybody_is_enrolled_once(
    passers: Path, yard: Gallery, tmp_path: Path, undisturbed: Known, event: str, what: str
) -> None:
    points, left = tmp_path / "points", iter(range(250))
    run(passers, yard, points, stopped=lambda: next(left, None) is None)
    (note,) = points.iterdir()

    EVENTS[event](note if what == "note" else points)

    assert run(passers, yard, points).finished
    assert content(yard) == undisturbed


PROGRAM = """
import sys
from pathlib import Path
from tests.footage.test_enrolment import empty, run
film, gallery, points = map(Path, sys.argv[1:])
with empty(gallery) as opened:
    print("begins", flush=True)
    run(film, opened, points, progress=lambda seconds: print(seconds, flush=True))
"""


def killed(film: Path, folder: Path, times: int, chance: random.Random) -> int:
    """Kills runs until one ends by itself, at most so many; returns how many were killed in the middle."""
    command = [sys.executable, "-c", PROGRAM, str(film), str(folder / "gallery"), str(folder / "points")]
    for middle in range(times):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(chance.randrange(1, 200)):
                process.stdout.readline()
            time.sleep(chance.uniform(0, 0.01))
            process.send_signal(signal.SIGKILL)
        if process.returncode == 0:
            return middle
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return times


@pytest.mark.parametrize("times", [2, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_killed_in_the_middle_the_sightings_are_those_of_an_undisturbed_run(
    passers: Path, tmp_path: Path, undisturbed: Known, times: int
) -> None:
    chance, middle, number = random.Random(times), 0, 0
    while middle < times:
        folder = tmp_path / str(number := number + 1)
        folder.mkdir()
        middle += killed(passers, folder, times - middle, chance)
        with empty(folder / "gallery") as gallery:
            assert content(gallery) == undisturbed
            assert gallery.verify() == []


@pytest.mark.parametrize("at", [0, 60])
@pytest.mark.slow
def test_a_run_is_stopped_while_its_decoder_is_silent_and_goes_on(
    passers: Path, yard: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Known, at: int
) -> None:
    """at: the frame at which the decoder falls silent; 0 is before it says what the film is."""
    decoders: list[subprocess.Popen[bytes]] = []
    silent_at: list[float] = []

    def started(*words: Any, **options: Any) -> subprocess.Popen[bytes]:
        decoders.append(process := popen(*words, **options))
        if not at:
            silence()
        return process

    def silence() -> None:
        decoders[0].send_signal(signal.SIGSTOP)
        silent_at.append(time.monotonic())

    def stopped() -> bool:
        count = next(calls)
        if not silent_at and count == at:
            silence()
        return bool(silent_at) and time.monotonic() > silent_at[0] + 1

    calls, popen = itertools.count(), subprocess.Popen
    with monkeypatch.context() as patched:
        patched.setattr("rgbir.footage.decoding.apart.subprocess.Popen", started)
        manner = Manner(limits=Limits(silence=5))
        report = run(passers, yard, tmp_path / "points", manner=manner, stopped=stopped)

    assert (report.finished, report.was_done, report.decoding.cut) == (False, False, None)
    assert not list(remarks_on(report, NETWORK["hall"]))
    assert run(passers, yard, tmp_path / "points").finished
    assert content(yard) == undisturbed


@pytest.mark.slow
def test_who_is_erased_while_a_run_is_stopped_is_not_enrolled_when_it_goes_on(
    passers: Path, yard: Gallery, tmp_path: Path
) -> None:
    left = iter(range(250))
    run(passers, yard, tmp_path / "points", stopped=lambda: next(left, None) is None)
    gone = {each.id for each in yard.sightings()}
    assert gone
    yard.remove(ids=sorted(gone))
    (note,) = (tmp_path / "points").iterdir()
    note.write_text(
        json.dumps({**json.loads(note.read_text()), "at": 0.0, "tracks": 0, "light": None, "background": None})
    )

    report = run(passers, yard, tmp_path / "points")

    assert report.erased == len(gone)
    assert not gone & {each.id for each in yard.sightings()}


@pytest.mark.slow
def test_a_fresh_run_after_an_erasure_enrols_again(passers: Path, yard: Gallery) -> None:
    run(passers, yard)
    everybody = content(yard).keys()
    yard.remove(camera="hall")

    assert run(passers, yard).added == len(everybody)


@pytest.mark.slow
def test_without_pictures_the_sightings_are_the_same(passers: Path, yard: Gallery, undisturbed: Known) -> None:
    run(passers, yard, manner=Manner(keep_crops=False))

    assert content(yard).keys() == undisturbed.keys()
    assert all(yard.crop(each) is None for each in undisturbed)


# --- light and modality


def film(folder: Path, name: str, *parts: dict[str, Any]) -> Path:
    """Walkers in colour and in grey, one part after the other."""
    pictures = (image for part in parts for image in walkers(**part))
    write_film(folder / name, pictures, 5, BEGAN)
    return folder / name


@pytest.mark.slow
def test_a_camera_that_turns_to_infrared_gives_tracks_of_both(tmp_path: Path, yard: Gallery) -> None:
    dusk = film(
        tmp_path,
        "dusk.mp4",
        {"seconds": 20, "starts": (3.0, 17.0)},
        {"seconds": 20, "starts": (-3.0, 8.0), "grey": True},
    )

    report = run(dusk, yard, camera="gate")

    assert report.counts.frames == {Modality.RGB: 100, Modality.IR: 100}
    frames = [json.loads(each.frame or "") for each in yard.sightings()]
    assert {frame["modality"] for frame in frames} == {"rgb", "ir"}
    for frame in frames:  # no track goes through the change
        assert (frame["modality"] == "rgb") == (frame["track_end"] < 20) == (frame["track_start"] < 20)


@pytest.mark.slow
def test_frames_of_another_modality_than_the_cameras_are_counted_and_not_enrolled(
    tmp_path: Path, yard: Gallery
) -> None:
    night = film(
        tmp_path, "night.mp4", {"seconds": 16, "starts": (3.0,)}, {"seconds": 16, "starts": (3.0,), "grey": True}
    )

    report = run(night, yard, camera="hall")

    assert report.counts.contrary == 80
    assert {json.loads(each.frame or "")["modality"] for each in yard.sightings()} == {"rgb"}
    with_them = run(night, yard, camera="hall", manner=Manner(trust_frames=True))
    assert with_them.counts.contrary == 80
    assert {json.loads(each.frame or "")["modality"] for each in yard.sightings()} == {"rgb", "ir"}


# --- what is ignored


@pytest.mark.slow
def test_nothing_of_an_ignored_zone_is_kept(passers: Path, tmp_path: Path) -> None:
    left_half = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    hall = replace(NETWORK["hall"], ignored=(left_half,))
    with Gallery.open_or_create(tmp_path / "g", Bundle(BUNDLE).card, NETWORK.with_camera(hall)) as gallery:
        run(passers, gallery)
        boxes = [json.loads(each.frame or "")["box"] for each in gallery.sightings()]

    assert boxes
    assert all(right > 160 for _, _, right, _ in boxes)
    # Without the zone people are seen on the left, too.
    with empty(tmp_path / "open") as gallery:
        run(passers, gallery)
        assert any(json.loads(each.frame or "")["box"][2] < 160 for each in gallery.sightings())


@pytest.mark.slow
def test_a_person_behind_an_ignored_strip_is_kept_without_it(passers: Path, tmp_path: Path) -> None:
    strip = ((0.0, 0.48), (1.0, 0.48), (1.0, 0.54), (0.0, 0.54))
    hall = replace(NETWORK["hall"], ignored=(strip,))
    with Gallery.open_or_create(tmp_path / "g", Bundle(BUNDLE).card, NETWORK.with_camera(hall)) as gallery:
        run(passers, gallery)
        sightings = list(gallery.sightings())
        pictures = [gallery.crop(each.id) for each in sightings]

    assert sightings
    for sighting, crop in zip(sightings, pictures, strict=True):
        assert crop is not None
        _, top, _, bottom = json.loads(sighting.frame or "")["box"]
        assert top < 80
        assert bottom > 105
        grey = np.asarray(Image.open(BytesIO(crop.data)).convert("L"))
        assert grey[89 - top : 95 - top].mean() < 15  # of the strip's rows, 87 to 96
        assert grey[: 84 - top].mean() > 40


# --- how long


def test_how_long_people_are_kept_must_be_said(yard: Gallery) -> None:
    with pytest.raises(UsageError, match=r"--keep-days N, or --no-retention"):
        settle(yard, None, False)
    with pytest.raises(UsageError, match="not both"):
        settle(yard, 30, True)
    assert settle(yard, None, True) is None
    assert settle(yard, 30, False) == 30
    assert yard.keep_days == 30
    assert settle(yard, None, False) == 30
    with pytest.raises(UsageError, match=r"keeps sightings for 30 days, and --keep-days says 7.*rgbir index retain"):
        settle(yard, 7, False)
    with pytest.raises(UsageError, match=r"--no-retention has no effect"):
        settle(yard, None, True)


@pytest.mark.slow
def test_a_rule_is_not_set_on_a_gallery_that_holds_people(passers: Path, yard: Gallery) -> None:
    run(passers, yard)

    with pytest.raises(UsageError, match="holds sightings and keeps them for ever"):
        settle(yard, 30, False)
    assert yard.keep_days is None


@pytest.mark.slow
def test_a_recording_that_the_rule_never_reaches_or_reaches_at_once_is_not_enrolled(
    passers: Path, tmp_path: Path, yard: Gallery
) -> None:
    yard.set_keep_days(30)
    write_film(tmp_path / "timeless.mp4", walkers(10, (1.0,)), 5)

    with pytest.raises(BadFootage, match="nobody knows when it was taken"):
        run(tmp_path / "timeless.mp4", yard)
    with pytest.raises(BadFootage, match="keeps sightings for 30 days: nothing of it would stay"):
        run(passers, yard, manner=Manner(start=datetime.now(UTC) - timedelta(days=31)))
    assert len(yard) == 0
    assert run(passers, yard, manner=Manner(start=datetime.now(UTC) - timedelta(days=29))).added > 0


def test_a_gallery_of_another_model_is_not_written(passers: Path, yard: Gallery, tmp_path: Path) -> None:
    card = Bundle(BUNDLE).card
    other = card.model_copy(update={"height": card.height * 2})
    with (
        Gallery.open_or_create(tmp_path / "other", other, NETWORK) as gallery,
        pytest.raises(GalleryMismatch),
    ):
        run(passers, gallery)


# --- a folder of numbered pictures


@pytest.mark.slow
def test_a_folder_of_pictures_gives_what_the_film_of_them_gives(tmp_path: Path, yard: Gallery) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, image in enumerate(walkers(20, (1.0, 9.0)), 1):
        Image.fromarray(image).save(folder / f"{number:04d}.png")
    (folder / "0050.png").write_bytes(b"no picture")

    report = run(folder, yard, manner=Manner(rate=5.0, start=BEGAN))

    assert report.decoding.damaged == 1
    assert report.counts.frames == {Modality.RGB: 99}
    assert len(by_track(yard.sightings())) == 2
    with pytest.raises(BadFootage, match="say --rate"):
        run(folder, yard)


@pytest.mark.slow
def test_the_command_stops_with_sigterm_and_goes_on(passers: Path, tmp_path: Path) -> None:
    network = tmp_path / "site.toml"
    network.write_text('name = "site"\n[[cameras]]\nid = "hall"\n')
    command = [
        sys.executable, "-c", "from rgbir.client.cli import main; main()", "footage", "add", str(passers), "--camera", "hall", "--gallery", str(tmp_path / "g"),
        "--bundle", str(BUNDLE), "--network", str(network), "--no-retention", "--json",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        until(lambda: bool(list(tmp_path.glob("g.footage/*.json"))), "the first note")
        process.terminate()
        first = json.loads(process.communicate()[0])

    def done() -> Any:
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    second = done()

    assert process.returncode in (0, 3)
    assert first["recordings"][0]["finished"] is False or first["recordings"][0]["seconds"] > 89
    assert second["recordings"][0]["finished"] is True
    assert second["sightings"] >= 5
    assert done()["recordings"][0]["was_done"] is True
