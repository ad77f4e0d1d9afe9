"""Who walks where in synthetic footage, and when: straight ways over the ground, some with a pause in the middle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rgbir.index.synthetic.drawing1.people import Person
from rgbir.index.synthetic.drawing1.skeleton import leg_m

Spot = tuple[float, float]
"""Metres to the right of the picture's middle, and from the camera."""
SLOWING_S = 0.6
"""How long somebody takes to stop, and to walk again."""
BEYOND_M = 0.9
"""How far outside the picture a way begins and ends, so that nobody appears inside it."""


class Moment(NamedTuple):
    """How a person stands at one moment.

    Attributes:
        x_m: to the right of the picture's middle.
        depth_m: from the camera.
        yaw: radians by which the person is turned; 0 faces the camera.
        phase: where the person is in a step, in radians.
        gait: how much of the stride is walked, 0 for who stands to 1.
    """

    x_m: float
    depth_m: float
    yaw: float
    phase: float
    gait: float


@dataclass(frozen=True, slots=True)
class Walk:
    """A person's way past one camera.

    Attributes:
        identity: who.
        start, end: of the way.
        speed: metres a second.
        cycle_m: how far two steps carry.
        middle_s: when the middle of the way is passed, or of the pause there.
        pause_s: how long the person stands there; 0 for who walks through.
        turned: radians by which who stands there is turned from the way.
    """

    identity: int
    start: Spot
    end: Spot
    speed: float
    cycle_m: float
    middle_s: float
    pause_s: float = 0.0
    turned: float = 0.0

    def at(self, seconds: float) -> Moment | None:
        """Where the person is at that second of the film; None before the way and after it."""
        since = seconds - self.middle_s
        length = float(np.hypot(self.end[0] - self.start[0], self.end[1] - self.start[1]))
        walked = length / 2 + self.speed * (since - self._stood(since))
        if not 0 <= walked <= length:
            return None
        stands = self._standing(since)
        share = walked / length
        x_m, depth_m = (a + share * (b - a) for a, b in zip(self.start, self.end, strict=True))
        ahead = float(np.arctan2(self.end[0] - self.start[0], self.start[1] - self.end[1]))
        yaw = ahead + stands * (self.turned + 0.35 * float(np.sin(0.9 * seconds + self.identity)))
        # A leg that swings ahead is the bent one where the phase runs backwards.
        return Moment(x_m, depth_m, yaw, -2 * float(np.pi) * walked / self.cycle_m, 1 - stands)

    def _standing(self, since: float) -> float:
        """How much the person stands, 0 to 1, so many seconds after the middle."""
        if not self.pause_s:
            return 0.0
        return float(np.clip((self.pause_s / 2 + SLOWING_S - abs(since)) / SLOWING_S, 0, 1))

    def _stood(self, since: float) -> float:
        """The integral of `_standing` from the middle on: seconds in which nothing was walked."""
        if not self.pause_s:
            return 0.0
        beyond = min(max(abs(since) - self.pause_s / 2, 0.0), SLOWING_S)
        return float(np.sign(since)) * (min(abs(since), self.pause_s / 2) + beyond - beyond**2 / (2 * SLOWING_S))


def cycle_m(person: Person) -> float:
    """How far two steps of the person carry, by the angle that the thighs swing (`skeleton`), so that feet hardly slide."""
    return 4 * leg_m(person) * float(np.sin(0.36 * person.stride))


def walks(
    people: Sequence[tuple[int, Person]], seconds: float, half_m: Callable[[float], float], rng: np.random.Generator
) -> tuple[Walk, ...]:
    """A way for each person, in the order of their coming.

    Of each six people two meet in the middle, two walk side by side, one stands for a while, and one comes slantwise
    from the back to the front. The middles of their ways are spread over the film.

    Args:
        people: numbers and people.
        seconds: the film's length.
        half_m: metres from the picture's middle to its edge, at a depth in metres.
    """
    lead, rest = min(5.0, 0.25 * seconds), min(3.0, 0.15 * seconds)
    slot = (seconds - lead - rest) / max(len(people), 1)
    ways: list[Walk] = []
    for place, row in enumerate(rng.permutation(len(people))):
        identity, person = people[int(row)]
        kind = place % 6
        before = ways[-1] if ways and kind in (1, 5) else None
        middle_s = lead + slot * (place + float(rng.uniform(0.2, 0.8)))
        cycle = cycle_m(person)
        speed = float(np.clip(cycle * rng.normal(0.98, 0.06), 0.7, 1.7))
        side = float(rng.choice((-1.0, 1.0)))
        near = far = float(rng.uniform(5.4, 9.5))
        pause_s = turned = 0.0
        if kind == 1 and before:  # meets who came before
            side, middle_s = -float(np.sign(before.start[0])), before.middle_s
            near = far = before.start[1] + float(rng.choice((-1.0, 1.0))) * float(rng.uniform(0.6, 1.2))
        elif kind == 2:
            pause_s = min(float(rng.uniform(3.0, 6.0)), seconds / 4)
            turned = float(rng.uniform(-1.6, 1.6))
        elif kind == 3:
            far, near = float(rng.uniform(10.0, 13.0)), float(rng.uniform(5.0, 6.5))
            if rng.random() < 0.4:
                far, near = near, far
        elif kind == 5 and before:  # walks beside who came before
            side, middle_s, speed = float(np.sign(before.start[0])), before.middle_s + 0.8, before.speed
            near = far = before.start[1] + 0.75
        start = side * (half_m(far) + BEYOND_M), far
        end = -side * (half_m(near) + BEYOND_M), near
        if kind == 2:  # stands somewhere, not always in the middle
            start, end = _around(start, end, float(rng.uniform(-0.45, 0.45)) * half_m(far))
        ways.append(Walk(identity, start, end, speed, cycle, middle_s, pause_s, turned))
    return tuple(sorted(ways, key=lambda way: way.middle_s))


def _around(start: Spot, end: Spot, x_m: float) -> tuple[Spot, Spot]:
    """The way made longer at one end, so that its middle is at `x_m`."""
    half = max(abs(start[0] - x_m), abs(end[0] - x_m))
    ahead = float(np.sign(end[0] - start[0]))
    return (x_m - ahead * half, start[1]), (x_m + ahead * half, end[1])
