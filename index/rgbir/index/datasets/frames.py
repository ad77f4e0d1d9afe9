"""What a data set of full frames is: pictures with the boxes of people in them, and who is searched for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.cameras import Modality
from rgbir.index.datasets.dataset import Count, compared
from rgbir.index.errors import BadDataset
from rgbir.index.images import decode, read_bytes
from rgbir.index.words import listed

Boxes = NDArray[np.float64]
"""float64 (n, 4): left, top, right, bottom in a picture's pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture, and the people in it.

    Attributes:
        path: the file.
        source: its name within the data set, the same wherever the folder lies.
        camera: who took it; empty where that isn't known.
        modality: of the picture.
        boxes: float64 (n, 4), where people are: left, top, right, bottom in its pixels.
        identities: int64 (n,), who each one is; -1 where that isn't known.
    """

    path: Path
    source: str
    camera: str
    modality: Modality
    boxes: Boxes
    identities: NDArray[np.int64]

    def decoded(self) -> Image.Image:
        """The picture, in RGB.

        Raises:
            BadImage: the file can't be read or decoded.
        """
        return decode(read_bytes(self.path), str(self.path))


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """Somebody who is searched for.

    Attributes:
        frame: number of the frame that shows the query.
        box: float64 (4,), where in it.
        gallery: int64 (m,), numbers of the frames that are searched, each once; never the query's own.
        shown: where the person is, float64 (4,), by the number of each frame of the gallery that shows them.
    """

    frame: int
    box: NDArray[np.float64]
    gallery: NDArray[np.int64]
    shown: Mapping[int, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Searched:
    """What authors print of a method that searches for people in full frames; nothing of it was measured here.

    Attributes:
        method: its name.
        mean_ap, top_1: in percent.
    """

    method: str
    mean_ap: float
    top_1: float


@dataclass(frozen=True)
class FrameSet(ABC):
    """A data set of full frames in its published layout, opened at its root.

    Attributes:
        name: as papers write it.
        signs: files in a root by which it is known, one is enough.
        holds: what its root holds, for a reader of an error.
        protocols: names of ways to measure it; the first is its own.
        sizes: how many frames a gallery may have, where that is chosen; the first is usual. Empty where it isn't.
        published: what is printed of it.
        root: its folder.

    Raises:
        BadDataset: the folder isn't its root.
    """

    name: ClassVar[str]
    signs: ClassVar[tuple[str, ...]]
    holds: ClassVar[str]
    protocols: ClassVar[tuple[str, ...]] = ("person-search",)
    sizes: ClassVar[tuple[int, ...]] = ()
    published: ClassVar[tuple[Searched, ...]] = ()

    root: Path

    def __post_init__(self) -> None:
        if not any((self.root / sign).is_file() for sign in self.signs):
            raise BadDataset(
                f"{self.root}: no {listed(self.signs, 'or')}; expected {self.name}'s root with {self.holds}"
            )

    @property
    @abstractmethod
    def frames(self) -> Sequence[Frame]:
        """The test's frames, in an order that stays; a number is a place in it.

        Raises:
            BadDataset: the folder breaks a promise of its layout.
        """

    @abstractmethod
    def wanted(self, protocol: str, size: int | None = None) -> list[Wanted]:
        """Who is searched for, and where.

        Args:
            protocol: one of its own.
            size: frames of a gallery; None is the usual number.

        Raises:
            BadDataset: the folder breaks a promise of its layout.
        """

    @property
    def gallery(self) -> NDArray[np.int64]:
        """Numbers of the frames in which people are to be detected, int64 (n,), ascending; all of them as a rule."""
        return np.arange(len(self.frames))

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Each frame's number by its source."""
        return {frame.source: number for number, frame in enumerate(self.frames)}

    def counts(self) -> list[Count]:
        """Its test's frames, boxes, people and queries."""
        people = {int(who) for frame in self.frames for who in frame.identities if who >= 0}
        counts = {
            "test frames": len(self.frames),
            "test boxes": sum(len(frame.boxes) for frame in self.frames),
            **({"test identities": len(people)} if people else {}),
            "queries": len(self.wanted(self.protocols[0])),
            "frames that are not there": sum(not frame.path.is_file() for frame in self.frames),
        }
        return compared(counts, {})

    def passed_over(self) -> Counter[str]:
        """How many files lie where it reads and aren't read, by reason; frames are reached by lists only."""
        return Counter()

    def remarks(self) -> list[str]:
        """What a reader should know of it: sentences, none as a rule."""
        return []


def corners(rows: Boxes) -> Boxes:
    """Boxes given as left, top, width, height: float64 (n, 4) as left, top, right, bottom."""
    return np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:]], axis=1)


def matlab(file: Path, *names: str) -> NDArray[Any]:
    """The first of these variables that a MATLAB file has: an array (n,) of what its cells hold, or of records.

    Raises:
        BadDataset: no such file, not MATLAB level 5, or none of the variables.
    """
    from scipy.io import loadmat

    if not file.is_file():
        raise BadDataset(f"{file} is not there; the data set holds it")
    try:
        content = loadmat(file)
    except Exception as error:  # scipy raises many kinds on a damaged file
        raise BadDataset(f"{file}: not a MATLAB level 5 file: {error}") from error
    for name in names:
        if name in content:
            value: NDArray[Any] = content[name]
            return value
    there = sorted(name for name in content if not name.startswith("__"))
    raise BadDataset(f"{file}: no variable {listed(names, 'or')}; it has {listed(there)}")


def text(cell: Any) -> str:
    """A string as MATLAB's cells hold it."""
    return str(np.ravel(cell)[0]).strip()
