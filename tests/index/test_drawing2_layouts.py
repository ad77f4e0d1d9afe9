"""Drawing 2 in LLCM's layout and in tracks, and the command that draws it."""

from __future__ import annotations

import csv
import tomllib
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from rgbir.index import LLCM, CameraNetwork, ImageRecord, Modality, SysuMM01, read_table
from rgbir.index.cli.synthesize import synthesize
from rgbir.index.synthetic.drawing2.llcm import POSTS, LowLight, posts_of, write_llcm
from rgbir.index.synthetic.drawing2.scene import frame_of
from rgbir.index.synthetic.drawing2.sysu import absent, write_sysu
from rgbir.index.synthetic.drawing2.tracks import LATEST_S, SOONEST_S, box_in_frame, walks, write_tracks
from rgbir.index.synthetic.drawing2.world import World
from rgbir.index.synthetic.folder import Split

WORLD = World(0)


def test_nine_cameras_are_as_llcms() -> None:
    assert [post.colour.rows for post in POSTS] == [70, 85, 95, 105, 120, 130, 145, 160, 180]
    assert sum(post.colour.low_light for post in POSTS) == 6
    lamps = [post.infrared.lamp if post.infrared else 0 for post in POSTS]
    assert (lamps.count(850), lamps.count(940), lamps[2]) == (6, 2, 0)
    assert all(0 <= post.infrared.leak <= 0.25 for post in POSTS if post.infrared)
    seen = [len(posts_of(WORLD, number)) for number in range(1, 400)]
    assert (min(seen), max(seen)) == (2, 6)


@pytest.mark.slow
def test_a_folder_reads_as_llcm(tmp_path: Path) -> None:
    count = write_llcm(tmp_path / "p", WORLD, LowLight(2, 1, 1), "3x1", workers=1)
    data = LLCM(tmp_path / "p")

    counts = data.count()
    assert counts["train identities"] == 2
    assert counts["test identities"] == 1
    assert sum(n for name, n in counts.items() if name.endswith("images")) == count
    assert {record.camera for record in data.test(Modality.RGB)} == {str(post.number) for post in posts_of(WORLD, 21)}
    assert not any(record.camera == "3" for record in data.test(Modality.IR))


@pytest.mark.slow
def test_tracks_have_the_pictures_as_every_fourth_frame_and_times_that_can_be_walked(tmp_path: Path) -> None:
    split = Split(1, 0, 0)
    write_sysu(tmp_path / "pictures", WORLD, split, 2, workers=1)
    frames = write_tracks(tmp_path / "tracks", WORLD, split, 2, workers=1)

    pictures = {path.read_bytes() for path in (tmp_path / "pictures").rglob("*.jpg")}
    fourth = {
        path.read_bytes() for path in (tmp_path / "tracks").rglob("*.jpg") if int(path.stem.split("-")[1]) % 4 == 1
    }
    assert pictures <= fourth
    rows = [row for row in read_table(tmp_path / "tracks/tracks.csv") if isinstance(row, ImageRecord)]
    assert len(rows) == frames == len(list((tmp_path / "tracks").rglob("*.jpg")))
    network = CameraNetwork.read(str(tmp_path / "tracks/network.toml"))
    assert {row.camera for row in rows} == {str(camera) for camera in range(1, 7)} - set(map(str, absent(WORLD, 1)))
    assert network.passages
    times = defaultdict(list)
    with (tmp_path / "tracks/tracks.csv").open() as file:
        for row in csv.DictReader(file):
            times[row["track"]].append(datetime.fromisoformat(row["time"]))
    spans = sorted((min(taken), max(taken)) for taken in times.values())
    for (_, left), (came, _) in pairwise(spans):
        assert SOONEST_S <= (came - left).total_seconds() <= LATEST_S + 1
    assert all(12 <= len(taken) <= 32 for taken in times.values())
    assert len(times) == len(walks(WORLD, 1, 2))
    assert tomllib.loads((tmp_path / "tracks/network.toml").read_text())["name"] == "synthetic-people"
    with (tmp_path / "tracks/boxes.csv").open() as file:
        boxes = list(csv.DictReader(file))
    assert len(boxes) == frames
    for row in boxes:
        box = {edge: int(row[edge]) for edge in ("left", "top", "right", "bottom")}
        with Image.open(tmp_path / "tracks" / row["path"]) as image:
            assert image.size == (box["right"] - box["left"], box["bottom"] - box["top"])


@pytest.mark.parametrize(("person", "camera", "place"), [(24, 2, -0.9), (13, 4, 0.9)])
@pytest.mark.slow
def test_whoever_walks_past_the_edge_of_the_frame_stays_inside_it(person: int, camera: int, place: float) -> None:
    walk = next(walk for walk in walks(WORLD, person, 3) if (walk.camera.number, walk.key.walk) == (camera, 1))
    places = []
    for frame in range(walk.frames):
        scene = frame_of(WORLD, walk.camera, walk.key, frame, 0)
        scene = scene._replace(walk=replace(scene.walk, place=(place, 0.0)))  # nearer to the edge than they walk
        left, top, right, bottom = box_in_frame(WORLD, walk, frame, scene)
        assert 0 <= left < right <= 1920
        assert 0 <= top < bottom <= 1080
        places.append((left + right) / 2)

    assert max(abs(after - before) for before, after in pairwise(places)) < 60
    assert abs(places[-1] - places[0]) > 100


def run(*arguments: object) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(synthesize)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, f"{result.output}{result.exception or ''}"


@pytest.mark.slow
def test_the_command_draws_by_drawing_2_unless_told_otherwise(tmp_path: Path) -> None:
    few = ("--identities", 1, "--images", 1, "--only-test", "--workers", 1)
    for name, more in (("second", ()), ("first", ("--drawing", 1))):
        code, output = run(tmp_path / name, *few, *more)
        assert code == 0, output

    assert SysuMM01(tmp_path / "second").about["drawing"].startswith("synthetic-people v2/1x1, seed 0")
    assert "drawing" not in SysuMM01(tmp_path / "first").about


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--drawing", 1, "--size", "tiny"), "--drawing 1 has no use for --size"),
        (("--drawing", 1, "--without", "sensor"), "--drawing 1 has no use for --without"),
        (("--drawing", 1, "--layout", "llcm"), "drawing 1 has no layout llcm"),
        (("--drawing", 1, "--layout", "regdb", "--only-test"), "--layout regdb has no use for --only-test"),
        (("--drawing", 1, "--tracks"), "--drawing 1 has no use for --tracks"),
        (("--size", "tiny", "--identities", 3), "--size tiny has no use for --identities"),
        (("--size", "tiny", "--only-test"), "--size tiny has no use for --only-test"),
        (("--layout", "footage", "--tracks"), "--layout footage has no use for --tracks"),
        (("--layout", "footage", "--identities", 3), "--layout footage has no use for --identities"),
        (("--film", "mp4"), "--layout sysu has no use for --film"),
        (("--layout", "llcm", "--seconds", 3), "--layout llcm has no use for --seconds"),
        (("--layout", "llcm", "--tracks"), "--layout llcm has no use for --tracks"),
        (("--size", "tiny", "--images", 3), "--size tiny has no use for --images"),
        (("--layout", "footage", "--drawing", 2), "films the people of drawing 1"),
        (("--layout", "footage", "--without", "cloth"), "--layout footage has no use for --without"),
        (("--layout", "regdb", "--tracks"), "--layout regdb has no use for --tracks"),
        (("--layout", "llcm", "--only-test"), "--layout llcm has no use for --only-test"),
        (("--without", "rain"), "--without knows lookalikes"),
    ],
)
def test_what_a_drawing_has_no_use_for_is_refused_by_name(
    arguments: tuple[object, ...], words: str, tmp_path: Path
) -> None:
    code, output = run(tmp_path / "p", *arguments)

    assert code != 0
    assert words in output
    assert not (tmp_path / "p").exists()
