"""One frame without light: the person, somebody else, something in front and the place behind, and the box around it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rgbir.index.cameras import Modality
from rgbir.index.synthetic.drawing2 import passes
from rgbir.index.synthetic.drawing2.body import draw
from rgbir.index.synthetic.drawing2.boxes import Box, around, aspect_of, detected, visible_share
from rgbir.index.synthetic.drawing2.cameras import Camera
from rgbir.index.synthetic.drawing2.canvas import HEIGHT, TALL, WIDTH, Canvas, Sense, View, project, view
from rgbir.index.synthetic.drawing2.cloth import LAMPS
from rgbir.index.synthetic.drawing2.matter import Matter
from rgbir.index.synthetic.drawing2.occluders import Occluder, occluder
from rgbir.index.synthetic.drawing2.passes import RATE, Pass, Pose, during
from rgbir.index.synthetic.drawing2.people import Person, person
from rgbir.index.synthetic.drawing2.pixels import Array
from rgbir.index.synthetic.drawing2.skeleton import Joints, Point
from rgbir.index.synthetic.drawing2.streams import Key
from rgbir.index.synthetic.drawing2.tables import PI, cosine, sine
from rgbir.index.synthetic.drawing2.world import STRANGERS, STRANGERS_FROM, World

LEAST_VISIBLE = 0.55
_LUMINANCE = (0.2126, 0.7152, 0.0722)


class Figure(NamedTuple):
    """Somebody in the frame.

    Attributes:
        canvas: the buffers that they are drawn in.
        nearness: their distance from the camera as a share of the person's.
    """

    canvas: Canvas
    nearness: float


class Frame(NamedTuple):
    """What is before the camera in one frame.

    Attributes:
        figures: from far to near.
        main: the one whom the picture is about.
        thing: what is in front; None as a rule.
        box: around the person, with its errors.
        true: the box without them.
        walk: the pass.
        pixels_m: of the canvas, a metre at the person.
        eyes: columns and rows of eyes that look into the camera.
        shift: where the background is, in columns of the wall.
        warm: columns and rows of armpits and crotch, which are warm where the body is thin-clad.
    """

    figures: tuple[Figure, ...]
    main: Figure
    thing: Occluder | None
    box: Box
    true: Box
    walk: Pass
    pixels_m: float
    eyes: tuple[tuple[float, float], ...]
    shift: int
    warm: tuple[tuple[float, float], ...]


def sense_of(camera: Camera) -> tuple[Sense, int]:
    """What that camera's sensor has of a matter, and in how many channels; the last one of infrared is gloss."""
    if camera.modality is Modality.RGB:
        return lambda matter: matter.colour, 3
    lamp = LAMPS.index(camera.lamp)
    leak = camera.leak

    def near(matter: Matter) -> tuple[float, ...]:
        red, green, blue = matter.colour
        luminance = _LUMINANCE[0] * red + _LUMINANCE[1] * green + _LUMINANCE[2] * blue
        return matter.near[lamp] * (1 - leak) + luminance * leak, matter.gloss

    return near, 2


def drawn(
    camera: Camera,
    who: Person,
    how: Pose,
    distance_m: float,
    share: float = 1.0,
    x: float = WIDTH / 2,
    sensed: tuple[Sense, int] | None = None,
) -> Canvas:
    """Somebody alone on a canvas, as the camera's sensor has them or as another one has."""
    canvas = Canvas(*(sensed or sense_of(camera)))
    draw(canvas, who, how, view(who.height_m, distance_m, camera.hung_m, share, x))
    return canvas


def frame_of(world: World, camera: Camera, key: Key, frame: int, pool: int) -> Frame:
    """That frame of a pass.

    Args:
        key: of a person, a camera and a pass.
        pool: whose strangers pass: those of the train list (0), the val list (1) or the test list (2).
    """
    walk = passes.passed(key, camera.distance_m, camera.distance_sigma, camera.exposure_sigma)
    who = passes.as_seen(person(world, key.person), key._replace(walk=0))
    return composed(world, camera, key, frame, pool, walk, passes.pose(who, walk, key, frame), sense_of(camera))


def composed(
    world: World,
    camera: Camera,
    key: Key,
    frame: int,
    pool: int,
    walk: Pass,
    how: Pose,
    sensed: tuple[Sense, int],
) -> Frame:
    """As `frame_of`, of a pass and a pose that are known.

    Args:
        sensed: what the sensor has of a matter, and in how many channels.
    """
    who = passes.as_seen(person(world, key.person), key._replace(walk=0))
    seen = view(who.height_m, walk.distance_m, camera.hung_m)
    canvas = Canvas(*sensed)
    figures = []
    if how.carried == "child":
        child, x = person(world, _stranger(key, "child", pool)), WIDTH / 2 + 42 * who.bag_side
        small = drawn(camera, child, how._replace(carried="nothing"), walk.distance_m, 0.62, x, sensed)
        figures.append(Figure(small, 1.02))
    skeleton = draw(canvas, who, how, seen)
    main = Figure(canvas, 1.0)
    figures.append(main)
    true = around(canvas.coverage, aspect_of(key))
    second = _second(world, camera, key, frame, walk, true, pool, sensed) if world.has("occlusion") else None
    if second is not None:
        figures = [second, *figures] if second.nearness >= 1 else [*figures, second]
    box = detected(world, key, frame, true)
    nobody = np.zeros((HEIGHT, WIDTH), np.float32)
    in_front = second.canvas.coverage if second is not None and second.nearness < 1 else nobody
    return Frame(
        figures=tuple(figures),
        main=main,
        thing=_thing(world, camera, key, frame, canvas.coverage, in_front, true, box),
        box=box,
        true=true,
        walk=walk,
        pixels_m=TALL / who.height_m,
        eyes=_eyes(who, how, seen, skeleton[0]["eyes"]),
        shift=_shift(key, walk, frame),
        warm=_warm(who, how, seen, skeleton),
    )


def _stranger(key: Key, purpose: str, pool: int) -> int:
    return STRANGERS_FROM + 1 + pool * STRANGERS + key.stream(purpose).below(STRANGERS)


def _second(
    world: World,
    camera: Camera,
    key: Key,
    frame: int,
    walk: Pass,
    true: Box,
    pool: int,
    sensed: tuple[Sense, int],
) -> Figure | None:
    """Somebody else, who comes and goes."""
    visit = during(key, "second", 0.10, frame)
    if visit is None:
        return None
    stream = key.stream(f"second:{visit}:who")
    who = person(world, _stranger(key, f"second:{visit}:number", pool))
    nearness = stream.between(0.75, 0.95) if stream.yes(0.35) else stream.between(1.05, 1.5)
    side = 1 if stream.yes(0.5) else -1
    x = WIDTH / 2 + side * stream.between(0.45, 0.85) * true.width
    heading = stream.one_of(((0.0, 36), (PI, 28), (PI / 2, 18), (-PI / 2, 18))) + stream.normal(0, 0.38)
    how = Pose(heading, stream.between(0, 2 * PI) + 2 * PI * 0.95 * frame / RATE, stream.between(0.5, 1.2))
    return Figure(drawn(camera, who, how, walk.distance_m * nearness, 1 / nearness, x, sensed), nearness)


def _thing(
    world: World, camera: Camera, key: Key, frame: int, coverage: Array, in_front: Array, true: Box, box: Box
) -> Occluder | None:
    """Something in front, unless it would hide too much."""
    visit = during(key, "occluder", 0.12 + camera.occluders, frame) if world.has("occlusion") else None
    if visit is None:
        return None
    thing = occluder(key.stream(f"occluder:{visit}:what"), true)
    hidden = np.maximum(thing.mask, in_front)
    return thing if visible_share(coverage, hidden, box) >= LEAST_VISIBLE else None


def _eyes(who: Person, how: Pose, seen: View, middle: Point) -> tuple[tuple[float, float], ...]:
    """Where they are, if the face is within 15 degrees of the camera."""
    cos, sin = cosine(how.yaw), sine(how.yaw)
    if cos < 0.966 or who.hood_up or how.carried == "helmet":
        return ()
    x, y, z = middle
    apart, ahead = 0.019 * who.height_m, 0.045 * who.height_m
    both = (project((x + side * apart, y, z + ahead), seen, cos, sin, who.height_m) for side in (-1, 1))
    return tuple((column, row) for column, row, _ in both)


def _warm(who: Person, how: Pose, seen: View, skeleton: dict[int, Joints]) -> tuple[tuple[float, float], ...]:
    cos, sin = cosine(how.yaw), sine(how.yaw)
    points = (skeleton[-1]["shoulder"], skeleton[1]["shoulder"], skeleton[0]["hips"])
    lowered = [(x, y - drop * who.height_m, z) for (x, y, z), drop in zip(points, (0.05, 0.05, 0.02), strict=True)]
    placed = (project(point, seen, cos, sin, who.height_m) for point in lowered)
    return tuple((column, row) for column, row, _ in placed)


def _shift(key: Key, walk: Pass, frame: int) -> int:
    """The background passes as the person walks across."""
    begins = key.stream("background").below(5 * WIDTH)
    return begins + int(frame * walk.speed / RATE * 90 * sine(walk.heading) + 10_000) - 10_000
