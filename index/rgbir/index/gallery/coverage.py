"""How many sightings a query could find, and what left the others out."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Coverage:
    """Sightings of the cameras that the one who asks may see. Each counts once: under the first of these that leaves it out, or
    under `searched`.

    Attributes:
        place: its camera is, or may have been then, at the place of the query's camera.
        cameras: its camera isn't among those asked for, or gives images of the query's modality only.
        untimed: it has no time, and `since`, `until` or `hours` is asked for.
        time: its time isn't in `since`, `until` and `hours`.
        passages: nobody could have walked between it and the query in time.
        labels: it has another identity or track than the one asked for.
        searched: nothing leaves it out.
    """

    place: int = 0
    cameras: int = 0
    untimed: int = 0
    time: int = 0
    passages: int = 0
    labels: int = 0
    searched: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(astuple(self))
