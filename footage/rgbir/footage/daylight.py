"""Colour or infrared? The frame decides, from how much colour it has, and needs two seconds to change its mind."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rgbir.footage.frames import Chroma, Frame
from rgbir.index import Modality

GREY, COLOURED = 1.5, 3.0
"""Levels of chroma below which a frame is infrared, and above which it is colour; between them it is what it was."""
AGREEMENT_S = 2.0
"""Seconds for which frames must agree before a camera has changed."""


def level(chroma: Chroma) -> float:
    """How much colour a frame has: the mean, or what is left of it without a tint over the whole picture."""
    return chroma.mean if chroma.mean < GREY else chroma.spread


def looks(chroma: Chroma) -> Modality | None:
    """What a frame by itself looks like; None between the two."""
    colour = level(chroma)
    return Modality.IR if colour < GREY else Modality.RGB if colour > COLOURED else None


@dataclass(slots=True)
class Daylight:
    """Gives every frame its modality. Feed it a recording's frames in order.

    Frames that contradict are kept back until they have agreed with each other for `AGREEMENT_S` seconds, and belong to the new
    modality from the first of them on; or until one agrees with the old, to which they all belong then: the camera flickered.

    Attributes:
        declared: the camera's only modality, which a recording begins with where its first frames say neither; None for a day/night camera.
        now: what the last decided frame was; None before the first.
        frames: how many of each were seen.
    """

    declared: Modality | None = None
    now: Modality | None = None
    frames: dict[Modality, int] = field(default_factory=lambda: dict.fromkeys(Modality, 0))
    _waiting: deque[Frame] = field(default_factory=deque)

    @property
    def settled(self) -> bool:
        """Whether no frame is kept back."""
        return not self._waiting

    def of(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Modality]]:
        """Every frame with its modality, in order."""
        for frame in frames:
            yield from self.next(frame)
        yield from self.end()

    def next(self, frame: Frame) -> list[tuple[Frame, Modality]]:
        """What is decided when that frame has come."""
        look = looks(frame.chroma)
        if self.now is None:
            return self._first(frame, look)
        if look is None or look is self.now:
            return self._decided([*self._drained(), frame], self.now)
        self._waiting.append(frame)
        if frame.seconds - self._waiting[0].seconds >= AGREEMENT_S:
            return self._decided(self._drained(), look)
        return []

    def end(self) -> list[tuple[Frame, Modality]]:
        """What is left at the end of the recording: too short for a change, so it is what was before."""
        return self._decided(self._drained(), self.now or self.declared or Modality.RGB)

    def _first(self, frame: Frame, look: Modality | None) -> list[tuple[Frame, Modality]]:
        """A recording begins with what its first clear frame is; unclear ones before it are the same."""
        self._waiting.append(frame)
        if look is None and frame.seconds - self._waiting[0].seconds < AGREEMENT_S:
            return []
        return self._decided(self._drained(), look or self.declared or Modality.RGB)

    def _drained(self) -> list[Frame]:
        frames = list(self._waiting)
        self._waiting.clear()
        return frames

    def _decided(self, frames: list[Frame], modality: Modality) -> list[tuple[Frame, Modality]]:
        if frames:
            self.now = modality
            self.frames[modality] += len(frames)
        return [(frame, modality) for frame in frames]
