"""What a data set is to the rest of the project: one object, whatever its folders look like."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from rgbir.index.cameras import CameraNetwork, Modality
from rgbir.index.datasets.protocol import Direction, Mode, Pool, Protocol, Shots, Way
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.task import Task
from rgbir.index.datasets.text import read_text
from rgbir.index.errors import BadDataset
from rgbir.index.words import listed

List = Literal["train", "val", "trainval", "test", "available"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is chosen of a data set beside its protocol. Each data set names in `choices` what it takes of it.

    Attributes:
        identities: whose images; None is the train list to train, the test list to test.
        mode: the gallery's cameras, in all-search or indoor-search.
        shots: one or ten gallery images of each identity and camera.
        permutations: the authors' permutation file, if it is not in the data set's folder.
        direction: the query's modality, then the gallery's; None is the protocol's usual one.
        split: of several published ones, from 1; None is the first.
        pool: how tracklets are compared; None is by the mean.
    """

    identities: List | None = None
    mode: Mode = "all"
    shots: Shots = "single"
    permutations: Path | None = None
    direction: Direction | None = None
    split: int | None = None
    pool: Pool | None = None


PLAIN = Setting()


@dataclass(frozen=True, slots=True)
class Count:
    """Something that is counted in a folder, beside what was published of it.

    Attributes:
        what: the thing, in words.
        found: how many the folder holds.
        published: how many the data set should hold; None where nobody says.
    """

    what: str
    found: int
    published: int | None

    @property
    def differs(self) -> bool:
        """Whether the folder isn't as published."""
        return self.published is not None and self.found != self.published


@dataclass(frozen=True, slots=True)
class Published:
    """A result that a data set's authors print of a method; nothing of it was measured here.

    Attributes:
        method: its name, and what is unusual about it.
        way: the query's modality, then the gallery's.
        frames: of each tracklet.
        rank_1, mean_ap: in percent.
    """

    method: str
    way: Way
    frames: int
    rank_1: float
    mean_ap: float


def compared(counts: dict[str, int], published: dict[str, int]) -> list[Count]:
    """Counts beside published ones, in the order they were found."""
    return [Count(what, n, published.get(what)) for what, n in counts.items()]


def drawing_of(root: Path) -> dict[str, str]:
    """What `exp/drawing.json` of synthetic people says, in words; nothing where there is no such file.

    Raises:
        BadDataset: the file isn't as `rgbir synthesize` writes it.
    """
    file = root / "exp" / "drawing.json"
    if not file.is_file():
        return {}
    try:
        drawn = json.loads(read_text(file))
        return {"drawing": f"{drawn['name']}, seed {int(drawn['seed'])}, sheet {str(drawn['sheet'])[:12]}"}
    except (ValueError, KeyError, TypeError) as error:
        raise BadDataset(
            f"{file} is not what rgbir synthesize writes beside synthetic people; draw them again"
        ) from error


@dataclass(frozen=True)
class DataSet(ABC):
    """A data set in its published layout, opened at its root.

    Attributes:
        names: as papers write them; the first is its own, the others are laid out and measured as it is.
        layout: its short name on the command line.
        signs: folders or files in a root by which it is known, one is enough.
        folders: those that its root must hold.
        holds: the same in words, for a reader of an error.
        protocols: ways to measure it; the first is its own.
        choices: the fields of `Setting` that it takes.
        published: what its authors print of several methods; empty where that is in the methods' own papers.
        root: its folder.

    Raises:
        BadDataset: the folder isn't its root.
    """

    names: ClassVar[tuple[str, ...]]
    layout: ClassVar[str]
    signs: ClassVar[tuple[str, ...]]
    folders: ClassVar[tuple[str, ...]] = ()
    holds: ClassVar[str]
    protocols: ClassVar[tuple[Protocol, ...]]
    choices: ClassVar[frozenset[str]] = frozenset()
    published: ClassVar[tuple[Published, ...]] = ()

    root: Path

    def __post_init__(self) -> None:
        expected = f"expected {self.name}'s root with {self.holds}"
        if not self.root.is_dir():
            raise BadDataset(f"{self.root} is not a folder; {expected}")
        if missing := [name for name in self.folders if not (self.root / name).is_dir()]:
            inner = next((entry for entry in self.root.iterdir() if (entry / self.signs[0]).is_dir()), None)
            hint = f"; did you mean {inner}?" if inner else ""
            raise BadDataset(f"{self.root}: no folder {listed(missing, 'or')}; {expected}{hint}")

    @property
    def name(self) -> str:
        """The first of its names, which its protocols bear."""
        return self.names[0]

    @property
    def about(self) -> dict[str, str]:
        """What a report says of it: its folder's name, and of drawn people by which drawing, size and seed."""
        return {"data": self.root.name, **drawing_of(self.root)}

    @cached_property
    def network(self) -> CameraNetwork:
        """Its cameras and their places: the built-in network of its name, in small letters.

        Raises:
            BadDataset: an image says a camera that it doesn't have.
        """
        return CameraNetwork.read(self.name.lower())

    @abstractmethod
    def training(self, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        """The images to train on; of `setting.identities` and `setting.split` where it has such a choice.

        Raises:
            BadDataset: the folder breaks a promise of its layout.
        """

    @abstractmethod
    def test(self, modality: Modality, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        """The images of that modality which its protocol asks for or shows.

        Raises:
            BadDataset: the folder breaks a promise of its layout.
        """

    @abstractmethod
    def task(self, protocol: Protocol, setting: Setting = PLAIN) -> Task:
        """What to embed and to rank.

        Raises:
            BadDataset: the folder breaks a promise of its layout, or contradicts the permutation file.
        """

    def held_back(self) -> tuple[Protocol, Task] | None:
        """People that are neither trained on nor tested, to watch a training by; None if it holds nobody back."""
        return None

    def remarks(self) -> list[str]:
        """What a reader should know of images and people that are there and not used: sentences, none as a rule."""
        return []

    @abstractmethod
    def counts(self) -> list[Count]:
        """Its images and people beside the published numbers.

        Raises:
            BadDataset: the folder breaks a promise of its layout.
        """

    @abstractmethod
    def passed_over(self) -> Counter[str]:
        """How many files lie where it reads and aren't read, by reason."""
