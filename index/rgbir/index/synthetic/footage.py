"""Synthetic footage with its truth: people walk through, meet, stand, and are hidden; a camera turns to infrared at dusk.

The same people pass all cameras, at other times and on other ways, so a search from infrared to colour has an answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.errors import UsageError
from rgbir.index.synthetic.drawing1.cameras import Optics, under_lamp
from rgbir.index.synthetic.drawing1.people import Person, person
from rgbir.index.synthetic.figures import HALF, Figure, figure
from rgbir.index.synthetic.places import PLACES, Lens, Place
from rgbir.index.synthetic.stage import Stage
from rgbir.index.synthetic.walks import Walk, walks

START = datetime(2026, 11, 2, 16, 20, tzinfo=UTC)
"""When the first camera begins to film."""
LEAST_GAP_S = 300.0
"""At least so long after a camera begins the next one does; and twice the film's length, so nobody is at two places."""


class Truth(NamedTuple):
    """A person in one picture.

    Attributes:
        identity: who; the person of that number of the scene's seed.
        box: left, top, right, bottom in whole pixels, the last column and row not included: around all of the
            person's pixels that the picture's edges leave, hidden ones too.
        visible: the share of all the person's pixels that is seen, 0..1: neither hidden by others or by things, nor
            outside the picture.
    """

    identity: int
    box: tuple[int, int, int, int]
    visible: float


class SceneFrame(NamedTuple):
    """A picture of a film, and what is in it.

    Attributes:
        number: from 1 on.
        image: uint8 (height, width, 3), RGB; infrared has three equal channels.
        modality: of the picture.
        truth: who is in it, by identity; also those who are hidden wholly.
    """

    number: int
    image: NDArray[np.uint8]
    modality: Modality
    truth: tuple[Truth, ...]


@dataclass(frozen=True)
class Scene:
    """A film of one camera. The same values give the same bytes, frame by frame, in any process and any order.

    Iterating draws one picture after the other and keeps none.

    Attributes:
        camera: `hall` films in colour, `yard` in infrared, and `gate` turns from colour to infrared in the middle.
        width, height: of the pictures, even numbers of pixels, 64 to 4096.
        rate: pictures a second, 1 to 60.
        seconds: the film's length, up to 3,600.
        people: how many pass in a minute, 0 to 120; one at least, unless it is 0.
        seed: another seed, other people in other places.

    Raises:
        UsageError: a camera that isn't there, or numbers outside these ranges.
    """

    camera: str = "hall"
    width: int = 1280
    height: int = 720
    rate: int = 10
    seconds: float = 60.0
    people: float = 12.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.camera not in PLACES:
            raise UsageError(f"synthetic footage has the cameras {', '.join(PLACES)}, not {self.camera!r}")
        for name, side in (("width", self.width), ("height", self.height)):
            if not 64 <= side <= 4096 or side % 2:
                raise UsageError(f"{name} is an even number of pixels from 64 to 4096, not {side}")
        if not 1 <= self.rate <= 60 or not 0 < self.seconds <= 3600 or not 0 <= self.people <= 120:
            raise UsageError(
                "footage needs 1 to 60 pictures a second, up to 3,600 seconds and 0 to 120 people a minute, not"
                f" {self.rate}, {self.seconds:g} and {self.people:g}"
            )
        if self.seed < 0:
            raise UsageError(f"a seed is 0 or more, not {self.seed}")

    def __len__(self) -> int:
        """How many pictures."""
        return max(round(self.seconds * self.rate), 1)

    def __iter__(self) -> Iterator[SceneFrame]:
        for number in range(1, len(self) + 1):
            yield self.frame(number)

    @property
    def identities(self) -> range:
        """Who passes; the same people for all cameras of a seed."""
        count = max(round(self.people * self.seconds / 60), 1) if self.people else 0
        return range(1, count + 1)

    def modality(self, number: int) -> Modality:
        """Of that picture."""
        return self._optics(number).modality

    def taken_at(self, number: int) -> datetime:
        """When that picture is taken, in UTC; cameras film one after the other."""
        gap = timedelta(seconds=max(LEAST_GAP_S, 2 * self.seconds)) * (self._place.number - 1)
        return START + gap + timedelta(seconds=(number - 1) / self.rate)

    def frame(self, number: int) -> SceneFrame:
        """That picture alone, 1 to `len(scene)`.

        Raises:
            UsageError: the film has no such picture.
        """
        figures = self.figures(number)
        rng = np.random.default_rng([self.seed, self._place.number, 31, number])
        image = _stage(self, self._optics(number)).picture(figures, self._light(number), rng)
        return SceneFrame(number, image, self.modality(number), self._truth(number, figures))

    @property
    def _place(self) -> Place:
        return PLACES[self.camera]

    def _optics(self, number: int) -> Optics:
        if not 1 <= number <= len(self):
            raise UsageError(f"the film's pictures are 1 to {len(self)}, not {number}")
        dusk = self._place.dusk
        return dusk if dusk and number > len(self) // 2 else self._place.optics

    def _light(self, number: int) -> float:
        """Factor of the light: it moves slowly, and fades until dusk; a lamp stays as it is."""
        if self.modality(number) is Modality.IR:
            return 1.0
        moves = 1 + 0.05 * float(np.sin(2 * np.pi * (number - 1) / self.rate / 41 + self._place.number))
        return moves * (1 - 0.6 * min(1.0, 2 * number / len(self)) ** 2 if self._place.dusk else 1.0)

    def figures(self, number: int) -> list[Figure]:
        """The people of that picture one by one, from far to near, also those outside the picture."""
        optics, light, figures = self._optics(number), self._light(number), []
        people = _people(self.seed, len(self.identities), optics)
        for walk in _walks(self):
            moment = walk.at((number - 1) / self.rate)
            if moment is None:
                continue
            if optics.modality is Modality.IR:  # a lamp fades with the distance; the exposure makes up for most of it
                light = 1.15 * float((7.0 / moment.depth_m) ** 0.7)
            figures.append(figure(walk.identity, people[walk.identity], moment, self._lens, optics, light))
        return sorted(figures, key=lambda shown: -shown.depth_m)

    @property
    def _lens(self) -> Lens:
        return Lens(self.width, self.height)

    def _truth(self, number: int, figures: list[Figure]) -> tuple[Truth, ...]:
        """By laying the people over each other once more: who is nearest at each pixel."""
        stage = _stage(self, self._optics(number))
        nearest = np.zeros((self.height, self.width), np.int16)
        for shown in figures:
            window, _, seen = stage.seen(shown)
            nearest[window][seen >= HALF] = shown.identity
        rows = []
        for shown in figures:
            window, part, _ = stage.seen(shown)
            inside = shown.mask[part]
            if inside.any():
                down, across = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
                top, left = window[0].start, window[1].start
                box = (left + across[0], top + down[0], left + across[-1] + 1, top + down[-1] + 1)
                visible = np.count_nonzero(nearest[window] == shown.identity) / np.count_nonzero(shown.mask)
                rows.append(Truth(shown.identity, (int(box[0]), int(box[1]), int(box[2]), int(box[3])), float(visible)))
        return tuple(sorted(rows))


@lru_cache(maxsize=4)
def _stage(scene: Scene, optics: Optics) -> Stage:
    return Stage(PLACES[scene.camera], optics, Lens(scene.width, scene.height), scene.seed)


@lru_cache(maxsize=8)
def _people(seed: int, count: int, optics: Optics) -> dict[int, Person]:
    """By identity: as their fabrics reflect the camera's light."""
    return {identity: under_lamp(person(seed, identity), optics) for identity in range(1, count + 1)}


@lru_cache(maxsize=8)
def _walks(scene: Scene) -> tuple[Walk, ...]:
    place = PLACES[scene.camera]
    rng = np.random.default_rng([scene.seed, place.number, 19])
    people = [(identity, person(scene.seed, identity)) for identity in scene.identities]
    return walks(people, scene.seconds, Lens(scene.width, scene.height).half_m, rng)
