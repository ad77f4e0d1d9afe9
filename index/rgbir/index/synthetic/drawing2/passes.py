"""A pass: somebody walks by a camera once. What stays the same in it, and how the person stands in each of its frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from rgbir.index.synthetic.drawing2.people import Person
from rgbir.index.synthetic.drawing2.streams import Key, Stream
from rgbir.index.synthetic.drawing2.tables import PI, sine

Carried = Literal["nothing", "phone", "umbrella", "cup", "box", "trolley", "helmet", "child"]
RATE = 8
"""Frames a second."""
_CARRIED: tuple[tuple[Carried, int], ...] = (
    ("nothing", 880), ("phone", 40), ("umbrella", 10), ("cup", 30), ("box", 20), ("trolley", 10), ("helmet", 5),
    ("child", 5),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pass:
    """What stays the same while somebody walks by.

    Attributes:
        heading: radians; 0 towards the camera.
        speed: metres a second; 0 of who stands.
        cadence: double steps a second.
        phase: of the step at the first frame, radians.
        distance_m: from the camera.
        carried: in a hand.
        exposure: error of automatic exposure, a factor.
        balance: errors of the white balance, factors of red, green and blue.
        sun: from which side it comes, -1 to 1.
        shadow: how far from the middle a hard edge of shadow lies, in shares of the frame; None without one.
        target: what automatic exposure aims at, 0 to 1 within its range.
        place: where in the camera's frame the person walks, from its middle, in halves of the frame.
        air_c: of the air, degrees Celsius.
    """

    heading: float
    speed: float
    cadence: float
    phase: float
    distance_m: float
    carried: Carried
    exposure: float
    balance: tuple[float, float, float]
    sun: float
    shadow: float | None
    target: float
    place: tuple[float, float]
    air_c: float


class Pose(NamedTuple):
    """How the person stands in one frame.

    Attributes:
        yaw: radians by which the person is turned; 0 faces the camera.
        phase: where the person is in a step, radians.
        effort: factor of the stride, 1 at 1.3 m/s.
        carried: in a hand.
    """

    yaw: float
    phase: float
    effort: float
    carried: Carried = "nothing"


def passed(key: Key, distance_m: float, distance_sigma: float, exposure_sigma: float) -> Pass:
    """The pass of that key.

    Args:
        key: of a person, a camera and a pass.
        distance_m: the camera's median.
        distance_sigma: of its logarithm.
        exposure_sigma: of the logarithm of its automatic exposure's error.
    """
    walk, light = key.stream("walk"), key.stream("light")
    towards = walk.one_of(((0.0, 48), (PI, 40), (PI / 2, 6), (-PI / 2, 6)))
    heading = towards + walk.normal(0, 0.2)
    speed = 0.0 if walk.yes(0.1) else min(max(walk.normal(1.30, 0.20), 0.6), 1.9)
    cadence, phase = walk.normal(0.95, 0.08), walk.between(0, 2 * PI)
    distance = min(max(walk.lognormal(distance_m, distance_sigma), 2.0), 18.0)
    place = walk.between(-0.75, 0.75), walk.between(-0.4, 0.5)
    return Pass(
        heading=heading,
        speed=speed,
        cadence=cadence,
        phase=phase,
        distance_m=distance,
        carried=key.stream("carried").one_of(_CARRIED),
        exposure=light.lognormal(1.0, exposure_sigma),
        balance=(light.between(0.93, 1.07), light.between(0.93, 1.07), light.between(0.93, 1.07)),
        sun=light.between(-1, 1),
        shadow=light.between(-0.25, 0.25) if light.yes(0.15) else None,
        target=light.unit(),
        place=place,
        air_c=light.between(5, 26),
    )


def pose(person: Person, walk: Pass, key: Key, frame: int) -> Pose:
    """The person in that frame: the heading wanders by a random walk, the step goes on."""
    stream, turned = key.stream("turn"), 0.0
    for _ in range(frame):
        turned = turned + stream.normal(0, 0.06)
    seconds = frame / RATE
    cadence = walk.cadence * person.gait.cadence
    if walk.speed == 0:
        swing = 0.15 * sine(walk.phase + seconds)
        return Pose(walk.heading + turned, walk.phase + swing, 0.10, walk.carried)
    return Pose(walk.heading + turned, walk.phase + 2 * PI * cadence * seconds, walk.speed / 1.3, walk.carried)


def as_seen(person: Person, key: Key) -> Person:
    """The person as they come to that camera: with or without bag, hood up or down, coat open or closed."""
    stream = key.stream("clothes")
    without_bag, hood_up, is_open = stream.yes(0.08), stream.yes(0.10), stream.yes(0.5)
    return replace(
        person,
        bag="none" if without_bag else person.bag,
        hood_up=hood_up and person.outfit.top.hood and person.hat == "none",
        coat_open=is_open,
    )


def slow_walk(stream: Stream, frame: int) -> float:
    """A normal number of mean 0 and deviation 1 that changes slowly from frame to frame, in frame number `frame`."""
    value = stream.normal(0, 1)

    for _ in range(frame):
        value = 0.8 * value + 0.6 * stream.normal(0, 1)  # the squares of 0.8 and 0.6 add up to 1
    return value


def during(key: Key, purpose: str, share: float, frame: int) -> int | None:
    """What comes and goes in a pass: which of its visits covers the frame, if any; a visit takes 4 to 10 frames.

    Args:
        share: of the frames that are covered, at most 0.4.
    """
    for window in (frame // RATE, frame // RATE - 1):
        stream = key.stream(f"{purpose}:{window}")
        comes, begins, lasts = stream.yes(share * RATE / 7), stream.below(RATE), 4 + stream.below(7)
        if comes and 0 <= frame - window * RATE - begins < lasts:
            return window
    return None
