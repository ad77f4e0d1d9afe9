"""Synthetic footage: the same bytes everywhere, and a truth that says what is in the pictures."""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from rgbir.index import CameraNetwork, Modality, UsageError
from rgbir.index.cli.synthesize import synthesize
from rgbir.index.synthetic.drawing1.people import person
from rgbir.index.synthetic.filmed import Filmed, synthesize_footage
from rgbir.index.synthetic.footage import Scene, SceneFrame, Truth
from rgbir.index.synthetic.places import PLACES, Lens
from rgbir.index.synthetic.walks import Walk, cycle_m, walks

SMALL = Scene("hall", width=320, height=180, rate=5, seconds=8, people=60, seed=3)
LONG = replace(SMALL, seconds=32, people=15, rate=1)


def digest(scene: Scene) -> str:
    sums = hashlib.sha256()
    for frame in scene:
        sums.update(frame.image.tobytes() + repr(frame[2:]).encode())
    return sums.hexdigest()


@pytest.mark.slow
def test_the_same_values_give_the_same_bytes_in_another_process_and_in_any_order() -> None:
    scene = replace(SMALL, camera="gate", seconds=2)
    code = f"from rgbir.index.synthetic.footage import Scene\nfrom {__name__} import digest\nprint(digest({scene!r}))"
    here, there = (
        digest(scene),
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True),
    )

    assert there.stdout.strip() == here
    backwards = [scene.frame(number) for number in range(len(scene), 0, -1)]
    assert all((a.image == b.image).all() for a, b in zip(scene, reversed(backwards), strict=True))
    assert digest(replace(scene, seed=4)) != here


@pytest.mark.slow
def test_every_camera_sees_the_same_people_each_at_a_time_of_its_own() -> None:
    seen = {}
    for camera in PLACES:
        first: dict[int, int] = {}
        for frame in replace(LONG, camera=camera):
            for row in frame.truth:
                first.setdefault(row.identity, frame.number)
        seen[camera] = first

    assert len(LONG.identities) == 8
    assert all(set(first) == set(LONG.identities) for first in seen.values())
    assert len({tuple(sorted(first.items())) for first in seen.values()}) == len(PLACES)
    starts = [replace(LONG, camera=camera).taken_at(1) for camera in PLACES]
    assert all((b - a).total_seconds() > 2 * LONG.seconds for a, b in pairwise(starts))
    assert (SMALL.taken_at(6) - SMALL.taken_at(1)).total_seconds() == 1


@pytest.mark.slow
def test_the_truth_is_what_a_slow_count_of_the_drawn_pixels_gives() -> None:
    hidden = 0
    for number in range(1, len(SMALL) + 1, 6):
        assert SMALL.frame(number).truth == recounted(SMALL, number)
        hidden += sum(row.visible < 0.95 for row in recounted(SMALL, number))
    assert hidden > 5


def recounted(scene: Scene, number: int) -> tuple[Truth, ...]:
    """Pixel by pixel: whose they are, from the nearest to the farthest, and whether something stands before them."""
    figures = sorted(scene.figures(number), key=lambda shown: shown.depth_m)
    things = Lens(scene.width, scene.height).things()
    taken: set[tuple[int, int]] = set()
    rows = []
    for shown in figures:
        pixels = {
            (shown.top + row, shown.left + column)
            for row in range(shown.pixels.shape[0])
            for column in range(shown.pixels.shape[1])
            if shown.pixels[row, column, 3] > 127
        }
        inside = {(row, column) for row, column in pixels if 0 <= row < scene.height and 0 <= column < scene.width}
        behind = {
            (row, column)
            for row, column in inside
            for thing in things
            if thing.depth_m < shown.depth_m and thing.top <= row < thing.bottom and thing.left <= column < thing.right
        }
        if inside:
            down, across = [row for row, _ in inside], [column for _, column in inside]
            box = (min(across), min(down), max(across) + 1, max(down) + 1)
            rows.append(Truth(shown.identity, box, len(inside - behind - taken) / len(pixels)))
        taken |= inside - behind
    return tuple(sorted(rows))


def test_a_picture_differs_from_the_empty_place_where_somebody_is_seen_and_hardly_elsewhere() -> None:
    empty = replace(SMALL, people=0)
    assert empty.identities == range(1, 1)
    for number in (12, 20, 28):
        with_people, without = SMALL.frame(number), empty.frame(number)
        assert without.truth == ()
        apart = np.abs(with_people.image.astype(int) - without.image).max(axis=2)
        outside = np.ones(apart.shape, bool)
        for row in with_people.truth:
            left, top, right, bottom = row.box
            if row.visible > 0.9:
                assert (apart[top:bottom, left:right] > 8).mean() > 0.25
            beside = (bottom - top) // 2  # soft edges, and a shadow at the feet
            outside[top - 1 : bottom + beside // 3, max(left - beside, 0) : right + beside] = False
        assert apart[outside].max() <= 3


@pytest.mark.slow
def test_one_camera_films_in_colour_one_in_infrared_and_one_turns_in_the_middle() -> None:
    for camera, before, after in (("hall", "rgb", "rgb"), ("yard", "ir", "ir"), ("gate", "rgb", "ir")):
        scene = replace(SMALL, camera=camera)
        assert len(scene) == 40
        for number in (1, 20, 21, 40):
            frame = scene.frame(number)
            assert frame.modality is scene.modality(number) is Modality(before if number <= 20 else after)
            spread = int((frame.image.max(axis=2) - frame.image.min(axis=2)).max())
            assert (spread == 0) == (frame.modality is Modality.IR)


def test_it_grows_dark_before_dusk() -> None:
    gate = replace(SMALL, camera="gate", people=0)
    noon, evening = (float(gate.frame(number).image.mean()) for number in (1, 20))
    assert evening < 0.8 * noon


def test_who_walks_moves_legs_and_arms_and_who_stands_stays() -> None:
    who = person(0, 1)
    way = Walk(1, (-5.0, 8.0), (5.0, 8.0), speed=1.2, cycle_m=cycle_m(who), middle_s=10.0, pause_s=4.0)
    times = np.arange(0, 20, 0.1)
    moments = [(t, moment) for t in times if (moment := way.at(float(t)))]

    walking = [moment for t, moment in moments if abs(t - 10) > 3]
    standing = [moment for t, moment in moments if abs(t - 10) < 1.9]
    assert {moment.gait for moment in walking} == {1.0}
    assert {moment.gait for moment in standing} == {0.0}
    assert len({round(moment.x_m, 9) for moment in standing}) == 1
    assert np.diff([moment.x_m for moment in walking]).min() > 0.11
    # Two steps a cycle: the phase runs by a whole turn in as many metres as two steps carry.
    turns = (walking[0].phase - walking[-1].phase) / (2 * np.pi)
    assert turns == pytest.approx((walking[-1].x_m - walking[0].x_m) / cycle_m(who))

    # 10 m at 1.2 m/s, and 4.6 s lost by stopping: 4 s of standing, and half of twice 0.6 s of slowing down.
    assert moments[-1][0] - moments[0][0] == pytest.approx(10 / 1.2 + 4.6, abs=0.2)


def test_the_silhouette_of_who_walks_opens_and_closes() -> None:
    scene = Scene("hall", width=320, height=180, rate=10, seconds=6, people=10, seed=0)
    (identity,) = scene.identities
    wide = [box[2] - box[0] for box in boxes(scene)[identity] if box[0] > 0 and box[2] < 320]
    assert max(wide) > 1.3 * min(wide)


def boxes(scene: Scene) -> dict[int, list[tuple[int, int, int, int]]]:
    rows = defaultdict(list)
    for frame in scene:
        for row in frame.truth:
            rows[row.identity].append(row.box)
    return rows


def test_of_six_people_two_meet_two_walk_side_by_side_and_one_stands() -> None:
    lens = Lens(1280, 720)
    people = [(identity, person(0, identity)) for identity in range(1, 7)]
    ways = walks(people, 60, lens.half_m, np.random.default_rng(0))

    assert [way.identity for way in ways] != sorted(way.identity for way in ways)
    assert sum(way.pause_s > 2 for way in ways) == 1
    at_once = [(a, b) for a in ways for b in ways if a.identity < b.identity and abs(a.middle_s - b.middle_s) < 0.9]
    against = [(a, b) for a, b in at_once if a.start[0] * b.start[0] < 0]
    beside = [(a, b) for a, b in at_once if a.start[0] * b.start[0] > 0 and a.speed == b.speed]
    assert len(against) >= 1
    assert len(beside) >= 1
    for way in ways:
        assert abs(way.start[0]) > lens.half_m(way.start[1])
        assert abs(way.end[0]) > lens.half_m(way.end[1])


@pytest.mark.slow
def test_people_of_all_cameras_are_seen_and_hidden() -> None:
    """What a tracker has to cope with is there: somebody behind the pillar, and two who overlap."""
    shares, overlaps = [], 0
    for frame in replace(SMALL, seconds=20, people=30, rate=2):
        shares += [row.visible for row in frame.truth]
        overlaps += sum(overlap(a, b) for a in frame.truth for b in frame.truth if a.identity < b.identity)
    assert min(shares) < 0.1
    assert np.median(shares) > 0.95
    assert overlaps > 3


def overlap(a: Truth, b: Truth) -> bool:
    wide = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    tall = min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
    return wide > 0 and tall > 0


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"camera": "roof"}, "has the cameras hall, yard, gate, not 'roof'"),
        ({"width": 321}, "width is an even number of pixels from 64 to 4096, not 321"),
        ({"height": 20}, "height is an even number"),
        ({"rate": 0}, "needs 1 to 60 pictures a second"),
        ({"seconds": 0.0}, "up to 3,600 seconds"),
        ({"people": -1.0}, "0 to 120 people a minute"),
        ({"seed": -1}, "a seed is 0 or more, not -1"),
    ],
)
def test_a_scene_that_cannot_be_is_refused(wrong: dict[str, object], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        replace(SMALL, **wrong)  # type: ignore[arg-type]


def test_a_picture_that_the_film_does_not_have_is_refused() -> None:
    for number in (0, 41):
        with pytest.raises(UsageError, match=f"the film's pictures are 1 to 40, not {number}"):
            SMALL.frame(number)
    assert isinstance(next(iter(SMALL)), SceneFrame)


# --- a folder of it

TINY = replace(SMALL, width=128, height=72, rate=2, seconds=10, people=24)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
def test_a_folder_holds_the_same_bytes_whatever_the_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rgbir.index.synthetic.filmed.TOGETHER", 7)
    done: list[int] = []
    filmed = synthesize_footage(tmp_path / "a", TINY, workers=1, progress=done.append)
    synthesize_footage(tmp_path / "b", TINY, workers=2)

    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert filmed == Filmed(60, 4, len(rows(tmp_path / "a" / "truth.csv")))
    assert sum(done) == 60


@pytest.mark.slow
def test_a_folder_says_what_each_picture_is_and_who_is_in_it(tmp_path: Path) -> None:
    synthesize_footage(tmp_path / "footage", TINY, workers=1)
    root = tmp_path / "footage"

    frames, truth = rows(root / "frames.csv"), rows(root / "truth.csv")
    assert list(truth[0]) == ["camera", "frame", "identity", "left", "top", "right", "bottom", "visible"]
    for camera in PLACES:
        scene = replace(TINY, camera=camera)
        assert len(list((root / camera).iterdir())) == 20
        for frame in scene:
            row = next(row for row in frames if (row["camera"], row["frame"]) == (camera, str(frame.number)))
            assert row["modality"] == frame.modality
            assert datetime.fromisoformat(row["taken_at"]) == scene.taken_at(frame.number)
            with Image.open(root / camera / f"{frame.number:06d}.jpg") as image:
                apart = np.abs(np.asarray(image, int) - frame.image)
            assert apart.mean() < 4
            of_frame = [row for row in truth if (row["camera"], row["frame"]) == (camera, str(frame.number))]
            assert [
                (int(row["identity"]), tuple(int(row[side]) for side in ("left", "top", "right", "bottom")))
                for row in of_frame
            ] == [(row.identity, row.box) for row in frame.truth]
            for row, true in zip(of_frame, frame.truth, strict=True):
                assert float(row["visible"]) == pytest.approx(true.visible, abs=5e-5)
    network = CameraNetwork.read(root / "network.toml")
    assert {camera.id: camera.modalities for camera in network} == {
        "hall": {Modality.RGB},
        "yard": {Modality.IR},
        "gate": {Modality.RGB, Modality.IR},
    }
    assert "4 people pass three cameras" in (root / "README.txt").read_text()


@pytest.mark.slow
def test_films_are_written_by_whoever_can(tmp_path: Path) -> None:
    films: dict[str, Any] = {}

    def write(file: Path, images: Iterable[NDArray[np.uint8]], rate: int, began: datetime) -> None:
        films[file.name] = (np.stack(list(images)), rate, began)

    synthesize_footage(tmp_path / "films", TINY, "mkv", write, workers=1)
    assert list(films) == ["hall.mkv", "yard.mkv", "gate.mkv"]
    images, rate, began = films["gate.mkv"]
    gate = replace(TINY, camera="gate")
    assert (images == np.stack([frame.image for frame in gate])).all()
    assert (rate, began) == (2, gate.taken_at(1))
    assert len({row["camera"] for row in rows(tmp_path / "films" / "truth.csv")}) == 3
    with pytest.raises(UsageError, match="films need a suffix and somebody who writes them"):
        synthesize_footage(tmp_path / "more", TINY, "mkv")
    with pytest.raises(UsageError, match="is not empty"):
        synthesize_footage(tmp_path / "films", TINY)


# --- the command


def run(*words: object) -> Any:
    app = typer.Typer()
    app.command()(synthesize)
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.slow
def test_the_command_draws_footage_of_the_size_it_is_given(tmp_path: Path) -> None:
    words = ["--layout", "footage", "--seconds", 2, "--rate", 3, "--width", 128, "--height", 72, "--people", 60]
    assert run(tmp_path / "f", *words, "--seed", 5, "--workers", 1).exit_code == 0
    synthesize_footage(tmp_path / "g", Scene("hall", 128, 72, 3, 2, 60, 5), workers=1)
    assert digests(tmp_path / "f") == digests(tmp_path / "g")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--layout", "footage", "--identities", 3], "--layout footage has no use for --identities; leave it out, or people"),
        (["--layout", "footage", "--images", 3, "--only-test"], "no use for --images and --only-test"),
        (["--seconds", 3, "--film", "mp4"], "--layout sysu has no use for --seconds and --film; leave it out, or say --layout"),
        (["--layout", "regdb", "--rate", 3], "--layout regdb has no use for --rate"),
        (["--layout", "footage", "--width", 333], "width is an even number"),
    ],
)  # fmt: skip
def test_options_that_a_layout_has_no_use_for_are_refused_by_name(
    tmp_path: Path, words: list[object], reason: str
) -> None:
    refused = run(tmp_path / "f", *words)
    assert isinstance(refused.exception, UsageError)
    assert reason in str(refused.exception)
    assert not (tmp_path / "f").exists()


def test_without_a_writer_of_films_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rgbir.index.synthetic.filmed.entry_points", lambda group: [])
    refused = run(tmp_path / "f", "--layout", "footage", "--film", "mp4")
    assert "pip install 'rgbir[footage]'" in str(refused.exception)
    assert not (tmp_path / "f").exists()
