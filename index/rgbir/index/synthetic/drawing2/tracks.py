"""Tracks: each pass of a person by a camera as a row of frames, with times and boxes in the camera's frame."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rgbir.index.progress import Progress, silent
from rgbir.index.synthetic.drawing2.about import write_about
from rgbir.index.synthetic.drawing2.cameras import SYSU, Camera
from rgbir.index.synthetic.drawing2.canvas import HEIGHT, WIDTH
from rgbir.index.synthetic.drawing2.coding import jpeg
from rgbir.index.synthetic.drawing2.passes import RATE
from rgbir.index.synthetic.drawing2.picture import moments, picture_of, quality, rows_of
from rgbir.index.synthetic.drawing2.scene import Frame, frame_of
from rgbir.index.synthetic.drawing2.streams import Key, shuffled
from rgbir.index.synthetic.drawing2.sysu import POOLS, absent
from rgbir.index.synthetic.drawing2.tables import sine
from rgbir.index.synthetic.drawing2.world import BLOCK, World
from rgbir.index.synthetic.folder import Split, write_lists
from rgbir.index.synthetic.processes import each

SHORTEST, LONGEST = 12, 32
"""Frames of a pass."""
SOONEST_S, LATEST_S = 30, 900
"""A walk between two places takes as long."""
FRAME = 1920, 1080
"""Columns and rows of a camera's frame."""
BEGINS = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
PLACES = {1: "room 1", 2: "room 2", 3: "room 2", 4: "gate", 5: "garden", 6: "passage"}
_COLUMNS = ("path", "camera", "time", "identity", "track")
_BOX_COLUMNS = ("path", "left", "top", "right", "bottom")


class Walk(NamedTuple):
    """A pass that is filmed.

    Attributes:
        camera: which films.
        key: of the person, the camera and the pass.
        frames: how many.
        begins: when the first is taken.
    """

    camera: Camera
    key: Key
    frames: int
    begins: datetime


class Rows(NamedTuple):
    """What the tables say of a person's frames.

    Attributes:
        tracks: path, camera, time, identity and track.
        boxes: path, and left, top, right, bottom in the camera's frame.
    """

    tracks: list[tuple[str, int, str, int, str]]
    boxes: list[tuple[str, int, int, int, int]]


def walks(world: World, person: int, images: int) -> list[Walk]:
    """The person's passes, in the order in which they are walked: nobody is at two places, and ways take their time."""
    gone = absent(world, person)
    route = [
        (camera, Key(world.seed, person, camera.number, walk))
        for camera in SYSU
        if camera.number not in gone
        for walk in sorted({walk for walk, _ in moments(Key(world.seed, person, camera.number), images)})
    ]
    stream, filmed = Key(world.seed, person).stream("route"), []
    at = BEGINS + timedelta(seconds=stream.below(6 * 3600))
    for place in shuffled(stream, range(len(route))):
        camera, key = route[place]
        taken = [frame for walk, frame in moments(key._replace(walk=0), images) if walk == key.walk]
        least = max(SHORTEST, taken[-1] + 1)
        frames = least + key.stream("length").below(max(LONGEST - least, 0) + 1)
        filmed.append(Walk(camera, key, frames, at))
        at += timedelta(seconds=frames / RATE + SOONEST_S + stream.below(LATEST_S - SOONEST_S))
    return filmed


def write_tracks(
    root: Path,
    world: World,
    split: Split,
    images: int,
    size: str = "other",
    workers: int | None = None,
    progress: Progress = silent,
) -> int:
    """Draws every frame of every pass; returns how many.

    Every fourth frame of a pass is a picture that `write_sysu` draws of the same world, people and number of images.

    Files: `tracks.csv` (path, camera, time, identity, track) for everything that reads tables of images; `boxes.csv`
    (path, left, top, right, bottom in the camera's frame); `network.toml` with cameras, places and passages; the lists
    in `exp`; `cam1/0001/1-001.jpg` and so on, by pass and frame.

    Args:
        root: a folder that doesn't exist yet, or is empty.
        world: what is drawn.
        split: people of the lists.
        images: pictures of each person by each camera, which the passes are as many and as long as.
        size: how the set calls its size.
        workers: processes; as many as there are processors if None.
        progress: called with the number of frames each finished person adds.

    Raises:
        UsageError: the folder holds something already.
    """
    numbers = split.numbers(BLOCK)
    write_about(root, world, size, "sysu", images, "tables of images, with tracks")
    write_lists(root / "exp", numbers)
    (root / "network.toml").write_text(_network())
    pools = {person: POOLS[name] for name, people in numbers.items() for person in people}
    total = 0
    with _table(root / "tracks.csv", _COLUMNS) as tracks, _table(root / "boxes.csv", _BOX_COLUMNS) as boxes:
        for rows in each(partial(_write_person, root, world, images, pools), pools, workers):
            tracks.writerows(rows.tracks)
            boxes.writerows(rows.boxes)
            total += len(rows.tracks)
            progress(len(rows.tracks))
    return total


@contextmanager
def _table(file: Path, columns: tuple[str, ...]) -> Iterator[Any]:
    """Writes rows below those columns."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(columns)
        yield table


def box_in_frame(world: World, walk: Walk, frame: int, scene: Frame) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the crop in the camera's frame, in pixels; the walker passes its place halfway.

    Args:
        scene: that frame of the walk.
    """
    rows = rows_of(scene, world, walk.camera, walk.key)
    columns = max(int(rows * scene.box.width / scene.box.height + 0.5), 16)
    scale = rows / scene.box.height
    moved = (frame - walk.frames / 2) / RATE * scene.walk.speed * sine(scene.walk.heading) * scene.pixels_m * scale
    right = (scene.box.left + scene.box.right - WIDTH) / 2 * scale
    down = (scene.box.top + scene.box.bottom - HEIGHT) / 2 * scale
    x = FRAME[0] / 2 * (1 + 0.8 * scene.walk.place[0]) + moved + right
    y = FRAME[1] / 2 * (1 + 0.5 * scene.walk.place[1]) + down
    left = min(max(int(x - columns / 2), 0), FRAME[0] - columns)  # whoever walks out of the frame waits at its edge
    top = min(max(int(y - rows / 2), 0), FRAME[1] - rows)
    return left, top, left + columns, top + rows


def _path(walk: Walk, frame: int) -> str:
    return f"cam{walk.camera.number}/{walk.key.person:04d}/{walk.key.walk}-{frame + 1:03d}.jpg"


def _write_person(root: Path, world: World, images: int, pools: dict[int, int], person: int) -> Rows:
    rows = Rows([], [])
    for walk in walks(world, person, images):
        camera, key = walk.camera, walk.key
        for frame in range(walk.frames):
            path = _path(walk, frame)
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            scene = frame_of(world, camera, key, frame, pools[person])
            image = picture_of(scene, world, camera, key, frame)
            file.write_bytes(jpeg(image, quality(world, key, frame)))
            at = (walk.begins + timedelta(seconds=frame / RATE)).isoformat(timespec="milliseconds")
            rows.tracks.append((path, camera.number, at, person, f"{person:04d}-{camera.number}-{key.walk}"))
            rows.boxes.append((path, *box_in_frame(world, walk, frame, scene)))
    return rows


def _network() -> str:
    cameras = "".join(
        f'    {{ id = "{camera.number}", modality = "{camera.modality.value}", place = "{PLACES[camera.number]}",'
        f' scene = "{"outdoor" if camera.number > 3 else "indoor"}" }},\n'
        for camera in SYSU
    )
    places = sorted(set(PLACES.values()))
    passages = "".join(
        f'    {{ from = "{a}", to = "{b}", soonest = {SOONEST_S}, latest = {7 * 24 * 3600} }},\n'
        for number, a in enumerate(places)
        for b in places[number + 1 :]
    )
    return f'name = "synthetic-people"\ncameras = [\n{cameras}]\npassages = [\n{passages}]\n'
