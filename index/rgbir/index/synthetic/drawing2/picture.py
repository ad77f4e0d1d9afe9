"""One picture of a person by a camera, as its sensor gives it."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from rgbir.index.synthetic.drawing2.cameras import Camera
from rgbir.index.synthetic.drawing2.coding import BEST
from rgbir.index.synthetic.drawing2.light import lit
from rgbir.index.synthetic.drawing2.people import person
from rgbir.index.synthetic.drawing2.scene import Frame, frame_of
from rgbir.index.synthetic.drawing2.sensor import LARGEST, SMALLEST, Motion, eight_bits, sensed
from rgbir.index.synthetic.drawing2.streams import Key
from rgbir.index.synthetic.drawing2.tables import sine
from rgbir.index.synthetic.drawing2.world import World

_FRAMES_APART = 4
"""Between pictures of one pass, half a second."""
_PASSES = 3


def picture(world: World, camera: Camera, key: Key, frame: int, pool: int) -> NDArray[np.uint8]:
    """That frame of a pass, cut out and with three channels: uint8 (rows, columns, 3).

    Args:
        key: of a person, a camera and a pass.
        pool: whose strangers pass; see `scene.frame_of`.
    """
    return picture_of(frame_of(world, camera, key, frame, pool), world, camera, key, frame)


def picture_of(scene: Frame, world: World, camera: Camera, key: Key, frame: int) -> NDArray[np.uint8]:
    """As `picture`, of a frame that is composed already: uint8 (rows, columns, 3)."""
    rows = rows_of(scene, world, camera, key)
    light = lit(scene, camera, world.seed, key, frame, rows)
    noise = key._replace(picture=frame).stream("noise") if world.has("sensor") else None
    walk = scene.walk
    across = walk.speed * camera.shutter_s * abs(sine(walk.heading))
    motion = Motion(across, scene.pixels_m)
    return eight_bits(sensed(light, scene.box, rows, camera, motion, noise))


def rows_of(scene: Frame, world: World, camera: Camera, key: Key) -> int:
    """The height of the crop in pixels: the camera's, by the person's height and distance and the box's errors."""
    tall = person(world, key.person).height_m / 1.71
    rows = camera.rows * camera.distance_m / scene.walk.distance_m * tall * scene.box.height / scene.true.height
    return int(min(max(rows, SMALLEST), LARGEST) + 0.5)


def quality(world: World, key: Key, frame: int) -> int:
    """Of the picture's JPEG."""
    return 60 + key._replace(picture=frame).stream("quality").below(33) if world.has("sensor") else BEST


def moments(key: Key, images: int) -> list[tuple[int, int]]:
    """Passes, from 1 on, and frames of the pictures that a camera takes of a person in 1 to 3 passes.

    Args:
        key: of a person and a camera.
        images: how many.
    """
    passes = min(1 + key.stream("passes").below(_PASSES), images)
    places = [number * passes // images for number in range(images)]
    return [(walk + 1, _FRAMES_APART * (number - places.index(walk))) for number, walk in enumerate(places)]


def sheet(world: World, cameras: tuple[Camera, ...], people: range, images: int) -> list[NDArray[np.uint8]]:
    """Pictures of each person by each camera, in order, uint8 (rows, columns, 3); for those who look at a drawing, and to hold it still."""
    shots = []
    for number in people:
        for camera in cameras:
            key = Key(world.seed, number, camera.number)
            draw = partial(picture, world, camera)
            shots += [draw(key._replace(walk=walk), frame, 0) for walk, frame in moments(key, images)]
    return shots
