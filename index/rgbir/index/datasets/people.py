"""Lists of people of a site's own pictures: who is trained on, who is held back, who is tested."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rgbir.index.datasets.text import read_text
from rgbir.index.errors import BadDataset, UsageError
from rgbir.index.files import write_beside
from rgbir.index.words import listed, why

PEOPLE = "people.json"
"""Their file in a run's folder."""
VAL, TEST = 0.1, 0.3
"""Shares of the people, if no others are asked for."""
_PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class PeopleLists:
    """A split of people, as it was drawn.

    Attributes:
        train, val, test: identities, ascending, 0 or more; nobody is in two of them.
        seed: that they were drawn by; None if somebody wrote them by hand.

    Raises:
        BadDataset: somebody is in a list twice, or in two lists.
    """

    train: tuple[int, ...]
    val: tuple[int, ...]
    test: tuple[int, ...]
    seed: int | None = None

    def __post_init__(self) -> None:
        if twice := sorted(identity for identity, times in Counter(self.everyone).items() if times > 1):
            raise BadDataset(
                f"identity {listed(twice, most=5)} stands twice in lists of people; each is in one of them"
            )

    @property
    def everyone(self) -> tuple[int, ...]:
        """All of them: train, then val, then test."""
        return (*self.train, *self.val, *self.test)

    @property
    def label(self) -> str:
        """What distinguishes it from other lists, for reports: the seed, and the beginning of a sum of all three."""
        content = repr((self.train, self.val, self.test))
        drawn = "by hand" if self.seed is None else f"seed {self.seed}"
        return f"{drawn} ({hashlib.sha256(content.encode()).hexdigest()[:8]})"

    @classmethod
    def drawn(
        cls, both: Iterable[int], alone: Iterable[int] = (), seed: int = 0, val: float = VAL, test: float = TEST
    ) -> PeopleLists:
        """Draws who is tested and who is held back; the others are trained on.

        People are put in the order of the SHA-256 of `seed identity`, written as decimal numbers. The first are tested, the
        next are held back. Those who were seen in one modality are drawn apart, so that every list has its share of them.

        Args:
            both: people who were seen in both modalities.
            alone: people who were seen in one.
            seed: another one, other lists.
            val, test: shares of the people, 0 or more, less than 1 together; above 0 it is one of `both` at least.

        Raises:
            UsageError: shares that leave nobody to train on, of `both` if there is anybody.
        """
        if not (val >= 0 and test >= 0 and val + test < 1):
            raise UsageError(f"shares are 0 or more and less than 1 together, not val {val:g} and test {test:g}")
        train, held_back, tested = list[int](), list[int](), list[int]()
        for people, least in ((both, 1), (alone, 0)):
            order = sorted(set(people), key=lambda identity: hashlib.sha256(f"{seed} {identity}".encode()).digest())
            first, second = (max(least, round(share * len(order))) if share else 0 for share in (test, val))
            if least and first + second >= len(order):
                raise UsageError(
                    f"test {test:g} and val {val:g} leave nobody to train on of {len(order):,} people who were seen in both"
                    " modalities; give smaller shares"
                )
            tested += order[:first]
            held_back += order[first : first + second]
            train += order[first + second :]
        return cls(tuple(sorted(train)), tuple(sorted(held_back)), tuple(sorted(tested)), seed)

    @classmethod
    def read(cls, path: Path) -> PeopleLists:
        """Lists from their file, or from a run's folder.

        Raises:
            BadDataset: no such file, or it holds anything else.
        """
        file = path / PEOPLE if path.is_dir() else path
        expected = f"expected lists as `rgbir split --out {PEOPLE}` or `rgbir train` writes them"
        if not file.is_file():
            raise BadDataset(f"{file} is not there; {expected}")
        try:
            content = json.loads(read_text(file))
        except (ValueError, RecursionError) as error:
            raise BadDataset(f"{file} is not JSON ({why(error)}); {expected}") from error
        if not isinstance(content, dict) or not {*_PARTS} <= content.keys() <= {*_PARTS, "seed"}:
            names = listed(sorted(content)) if isinstance(content, dict) else type(content).__name__
            raise BadDataset(f"{file} holds {names}; {expected}: {listed(_PARTS)}, and perhaps seed")
        train, held_back, tested = (_identities(content[part], f"{file}: {part}") for part in _PARTS)
        seed = content.get("seed")
        if not (seed is None or (isinstance(seed, int) and not isinstance(seed, bool))):
            raise BadDataset(f"{file}: seed is a whole number, not {seed!r}")
        try:
            return cls(train, held_back, tested, seed)
        except BadDataset as error:
            raise BadDataset(f"{file}: {error}") from error

    def write(self, file: Path) -> None:
        """Writes them down, for `read`."""
        content = {"seed": self.seed, **{part: list(getattr(self, part)) for part in _PARTS}}
        write_beside(file, json.dumps(content) + "\n")


def _identities(entry: Any, where: str) -> tuple[int, ...]:
    if not isinstance(entry, list) or not all(type(number) is int and number >= 0 for number in entry):
        raise BadDataset(f"{where} is a list of whole numbers, 0 or more, not {str(entry)[:60]}")
    return tuple(sorted(entry))
