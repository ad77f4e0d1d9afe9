"""Takes tracks in and enrols them, some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from rgbir.footage.destination import Destination, Encodes
from rgbir.footage.people import Counts, Passing
from rgbir.footage.sightings import Origin, sightings_of
from rgbir.index import NewSighting

TOGETHER = 16
"""Shots that are encoded and enrolled at once, at least, unless nobody is in the picture."""


class Tally(Protocol):
    """Counts what became of sightings: those that are new; that were there; that were erased since the work began."""

    counts: Counts
    added: int
    present: int
    erased: int


@dataclass(slots=True)
class Sink:
    """Enrols whole tracks, each in one transaction.

    Attributes:
        origin: which recording they come from.
        destination: where they go.
        keep_crops: whether the gallery keeps the pictures.
        since: the gallery's moment when the work began.
        tally: what became of them.
        last: the id of the last sighting that is in the gallery; None if there is none.
        waiting: tracks that aren't enrolled yet.
    """

    origin: Origin
    destination: Destination
    keep_crops: bool
    since: int
    tally: Tally
    last: str | None = None
    waiting: list[Passing] = field(default_factory=list)

    def take(self, passings: Iterator[Passing]) -> None:
        for passing in passings:
            self.waiting.append(passing)
            if sum(len(waiting.shots) for waiting in self.waiting) >= TOGETHER:
                self.flush()

    def flush(self) -> None:
        """
        Raises:
            IndexFailure: they can't be enrolled now; they wait on.
        """
        if not self.waiting:
            return

        def make(encoder: Encodes) -> list[NewSighting]:
            return sightings_of(self.origin, self.waiting, encoder, self.keep_crops, self.since)

        written = self.destination.enrol(make, self.tally.counts.stage)
        for sighting, new in zip(written.sightings, written.added, strict=True):
            self.tally.added += new
            self.tally.erased += not new and sighting.id in written.erased
            self.tally.present += not new and sighting.id not in written.erased
            if sighting.id not in written.erased:
                self.last = sighting.id
        self.waiting.clear()
