"""A folder of drawing 2's people in RegDB's layout: one dual camera, colour and thermal at the same moment."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.errors import UsageError
from rgbir.index.progress import Progress, silent
from rgbir.index.synthetic.drawing2 import passes
from rgbir.index.synthetic.drawing2.about import write_about
from rgbir.index.synthetic.drawing2.boxes import Box
from rgbir.index.synthetic.drawing2.cameras import Camera
from rgbir.index.synthetic.drawing2.coding import bmp
from rgbir.index.synthetic.drawing2.light import lit
from rgbir.index.synthetic.drawing2.passes import Pass, Pose
from rgbir.index.synthetic.drawing2.people import person
from rgbir.index.synthetic.drawing2.resample import cubic
from rgbir.index.synthetic.drawing2.scene import Frame, composed, sense_of
from rgbir.index.synthetic.drawing2.sensor import Motion, eight_bits, sensed
from rgbir.index.synthetic.drawing2.streams import Key, Stream, shuffled
from rgbir.index.synthetic.drawing2.tables import PI, sine
from rgbir.index.synthetic.drawing2.thermal import temperatures, thermal_sensed, warmth, weather
from rgbir.index.synthetic.drawing2.walls import wall
from rgbir.index.synthetic.drawing2.world import BLOCK, World
from rgbir.index.synthetic.folder import each_person

VISIBLE = Camera(11, Modality.RGB, "gate", 11, 145, 9.0, 4.0, 1.1, (1.0, 1.0, 1.0))
"""The half that takes colour. The thermal lens is 8 cm beside it."""
SPLITS = range(1, 11)
SIZES: dict[str, int] = {"tiny": 20, "small": 120, "full": 412}
"""People of each size; half of them are trained on."""
ROWS, COLUMNS = 128, 64
_KINDS = (("Visible", "v"), ("Thermal", "t"))
_ALONE_FROM = 9
"""Places of a block from which on nobody resembles anybody."""


class Pair:
    """What the dual camera has of a person: a pass, of which each picture is a moment.

    Args:
        world: what is drawn.
        number: of the person.
    """

    def __init__(self, world: World, number: int) -> None:
        self.world, self.key = world, Key(world.seed, number, VISIBLE.number, 1)
        self.who = passes.as_seen(person(world, number), self.key._replace(walk=0))
        stream = self.key.stream("pair")
        walk = passes.passed(self.key, VISIBLE.distance_m, VISIBLE.distance_sigma, VISIBLE.exposure_sigma)
        self.front = stream.yes(0.6)
        self.walk: Pass = replace(walk, heading=(0.0 if self.front else PI) + stream.normal(0, 0.15))
        self.rows = stream.between(90, 200), stream.between(60, 110)
        self.apart = (1 if stream.yes(0.5) else -1) * stream.between(0.01, 0.03)
        self.under = weather(self.walk, self.key, True)

    def pose(self, frame: int) -> Pose:
        """The person in that frame; the heading of each is drawn about that of the pass."""
        turned = self.key._replace(picture=frame).stream("heading").normal(0, 0.15)
        return passes.pose(self.who, self.walk, self.key, frame)._replace(yaw=self.walk.heading + turned)

    def visible(self, frame: int) -> NDArray[np.uint8]:
        """uint8 (128, 64, 3)."""
        scene = self._scene(frame, thermal=False)
        light = lit(scene, VISIBLE, self.world.seed, self.key, frame, int(self.rows[0]))
        across = self.walk.speed * VISIBLE.shutter_s * abs(sine(self.walk.heading))
        noise = self._noise(frame, "noise")
        image = sensed(light, scene.box, int(self.rows[0]), VISIBLE, Motion(across, scene.pixels_m), noise)
        return eight_bits(cubic(image, ROWS, COLUMNS))

    def thermal(self, frame: int) -> NDArray[np.uint8]:
        """uint8 (128, 64, 3), with three equal channels."""
        scene = self._scene(frame, thermal=True)
        box, moved = scene.box, self.apart * scene.box.width
        scene = scene._replace(box=Box(box.left + moved, box.top, box.right + moved, box.bottom))
        place = wall(self.world.seed, VISIBLE.scene, VISIBLE.place)
        degrees = warmth(scene, self.under, self.key, frame, place.horizon, True)
        image = thermal_sensed(degrees, scene, int(self.rows[1]), self.key, self._noise(frame, "thermal noise"))
        return eight_bits(cubic(image, ROWS, COLUMNS))

    def _noise(self, frame: int, purpose: str) -> Stream | None:
        return self.key._replace(picture=frame).stream(purpose) if self.world.has("sensor") else None

    def _scene(self, frame: int, thermal: bool) -> Frame:
        sense = (temperatures(self.under), 1) if thermal else sense_of(VISIBLE)
        return composed(self.world, VISIBLE, self.key, frame, 0, self.walk, self.pose(frame), sense)


def pairs(world: World, people: range, images: int) -> list[NDArray[np.uint8]]:
    """Visible and thermal pictures of each person, in turn: uint8 (128, 64, 3)."""
    shots = []
    for number in people:
        pair = Pair(world, number)
        shots += [shot for place in range(images) for shot in (pair.visible(4 * place), pair.thermal(4 * place))]
    return shots


def write_regdb(
    root: Path,
    world: World,
    identities: int,
    images: int = 10,
    size: str = "other",
    workers: int | None = None,
    progress: Progress = silent,
) -> int:
    """Draws the people and writes images and ten splits into halves; returns the number of images.

    Halves are drawn by whole blocks, so that look-alikes stay together; where half isn't a multiple of 20, one block is
    divided among those who stand alone.

    Args:
        root: a folder that doesn't exist yet, or is empty.
        world: what is drawn.
        identities: an even number of people, two or more.
        images: pictures of each person by each half of the camera.
        size: how the set calls its size.
        workers: processes; as many as there are processors if None.
        progress: called with the number of images each finished person adds.

    Raises:
        UsageError: the folder holds something already, or an odd number of people.
    """
    if identities < 2 or identities % 2:
        raise UsageError(f"RegDB's splits are halves; draw an even number of people, not {identities}")
    write_about(root, world, size, "regdb", images, "RegDB")
    count = each_person(partial(_write_person, root, world, images), range(1, identities + 1), workers, progress)
    (root / "idx").mkdir()
    for split in SPLITS:
        train = half(Key(world.seed, 0, VISIBLE.number, split).stream("split"), identities)
        parts = {"train": sorted(train), "test": sorted(set(range(1, identities + 1)) - train)}
        for part, people in parts.items():
            for folder, letter in _KINDS:
                lines = [
                    f"{folder}/{identity}/{_name(world, letter, number, identity)} {label}\n"
                    for label, identity in enumerate(people)
                    for number in range(1, images + 1)
                ]
                (root / "idx" / f"{part}_{folder.lower()}_{split}.txt").write_text("".join(lines))
    return count


def half(stream: Stream, identities: int) -> set[int]:
    """Half of the people, block by block."""
    blocks = [range(first, min(first + BLOCK, identities + 1)) for first in range(1, identities + 1, BLOCK)]
    wanted, taken = identities // 2, set[int]()
    for place in shuffled(stream, range(len(blocks))):
        block, room = list(blocks[place]), wanted - len(taken)
        alike, alone = block[:_ALONE_FROM], block[_ALONE_FROM:]
        if len(block) <= room:
            taken |= set(block)
        elif len(alone) >= room:
            taken |= set(alone[:room])
        elif len(alike) <= room:
            taken |= {*alike, *alone[: room - len(alike)]}
    rest = [number for block in blocks for number in block if number not in taken]
    return taken | set(rest[: wanted - len(taken)])


def _write_person(root: Path, world: World, images: int, number: int) -> int:
    pair = Pair(world, number)
    for folder, letter in _KINDS:
        (root / folder / str(number)).mkdir(parents=True)
        draw = pair.visible if letter == "v" else pair.thermal
        for place in range(1, images + 1):
            file = root / folder / str(number) / _name(world, letter, place, number)
            file.write_bytes(bmp(draw(4 * (place - 1))))
    return len(_KINDS) * images


def _name(world: World, letter: str, place: int, number: int) -> str:
    key = Key(world.seed, number, VISIBLE.number, 1)
    view = "front" if key.stream("pair").yes(0.6) else "back"
    return f"person_{view}_{letter}_{place:05d}_{number}.bmp"
