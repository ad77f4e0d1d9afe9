"""The seconds around a moment of a film, as an MP4 that browsers play."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rgbir.footage.decoding.apart import Film, Limits
from rgbir.footage.errors import BadFootage

MOST_BYTES = 256 << 20
LIMITS = Limits(processor=300, silence=30.0)


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that was written.

    Attributes:
        since, until: what it shows, in seconds from the film's first frame.
        zero: what the clip's own time 0 is, in the film's seconds; it may be a little before `since`.
        recoded: whether its frames were coded again.
    """

    since: float
    until: float
    zero: float
    recoded: bool


def cut(
    film: Path,
    since: float,
    until: float,
    write: Callable[[bytes], Any],
    ignored: Sequence[Sequence[tuple[float, float]]] = (),
    limits: Limits = LIMITS,
) -> Clip:
    """Writes what a film shows from one second to another, without its sound.

    It is copied where its codec can be played, and then begins with the key frame before. Otherwise, and where something is
    ignored, it is coded again.

    Args:
        since, until: seconds from the film's first frame.
        write: takes the MP4, piece by piece.
        ignored: parts of the picture that are blackened, as polygons; see `Mask`.

    Raises:
        BadFootage: it can't be read, shows nothing then, or the clip has more than 256 MiB.
    """
    length = 0
    clip = {"ignored": [[list(corner) for corner in polygon] for polygon in ignored]}
    with Film(film, since=since, until=until, limits=limits, clip=clip) as process:
        for message in process.messages():
            if message["kind"] == "end":
                return Clip(message["since"], message["until"], message["zero"], message["recoded"])
            length += len(message["pixels"])
            if length > MOST_BYTES:
                raise BadFootage(f"{film.name}: the clip has more than {MOST_BYTES:,} bytes; ask for fewer seconds")
            write(message["pixels"])
    raise BadFootage(f"{film.name}: no clip came")
