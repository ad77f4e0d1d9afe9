"""RegDB: people seen by one visible and one thermal camera, in ten published splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal, get_args

from rgbir.index.cameras import Modality
from rgbir.index.datasets.dataset import PLAIN, Count, DataSet, Setting, compared
from rgbir.index.datasets.lists import Line, check_labels, read_list
from rgbir.index.datasets.passed import is_system
from rgbir.index.datasets.protocol import Direction, Protocol
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.task import Task
from rgbir.index.datasets.text import read_text
from rgbir.index.errors import BadDataset

Part = Literal["train", "test"]
SPLITS = range(1, 11)
CAMERAS = {Modality.RGB: "visible", Modality.IR: "thermal"}
_OWN = Protocol("regdb", data="RegDB", selection="everything", cmc="image", hiding="nothing")
_PUBLISHED = {
    **{f"{part} {kind} images": 2060 for part in ("train", "test") for kind in ("visible", "thermal")},
    "train identities": 206,
    "test identities": 206,
}


class RegDB(DataSet):
    """The data set in its published layout.

    Reference:
        Nguyen et al., "Person Recognition System Based on a Combination of Body Images from Visible Light and Thermal
        Cameras", Sensors 2017; the splits are those of Ye et al., AAAI 2018.

    Layout on disk:
        `Visible/<identity>/<name>.bmp`, `Thermal/<identity>/<name>.bmp`, identities 1 to 412 without padding;
        `idx/{train,test}_{visible,thermal}_{1..10}.txt`, a path and a label on each line.

    Counts (published; `count` computes them for any folder):
        412 identities, 10 visible and 10 thermal images each; a split has 206 for training and 206 for the test.

    Protocol:
        Ten trials are ten splits, and each is measured with a model trained on the same split.

    Raises:
        BadDataset: the root lacks one of its folders.
    """

    names: ClassVar = ("RegDB",)
    layout: ClassVar = "regdb"
    signs: ClassVar = ("Visible",)
    folders: ClassVar = ("Visible", "Thermal", "idx")
    holds: ClassVar = "Visible, Thermal and idx"
    protocols: ClassVar = (_OWN, replace(_OWN, name="regdb-idcmc", cmc="identity"))
    choices: ClassVar = frozenset({"direction", "split"})

    def records(self, split: int, part: Part, modality: Modality) -> Iterator[ImageRecord]:
        """The images of one part of a split, in the order of its file; identity is the folder's number.

        Raises:
            BadDataset: a split's files are missing or contradict each other.
        """
        for line in self._lines(split)[part, modality]:
            yield ImageRecord(self.root / line.source, line.source, CAMERAS[modality], modality, line.identity)

    def training(self, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        """Of a split, visible images first."""
        for modality in Modality:
            yield from self.records(setting.split or 1, "train", modality)

    def test(self, modality: Modality, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        return self.records(setting.split or 1, "test", modality)

    def task(self, protocol: Protocol, setting: Setting = PLAIN) -> Task:
        """Every test image of one modality against every test image of the other; one trial, that of the split."""
        direction: Direction = setting.direction or "visible->infrared"
        asked = Modality.RGB if direction == "visible->infrared" else Modality.IR
        queries, gallery = (list(self.test(modality, setting)) for modality in (asked, asked.other))
        return Task.of_everything(
            self.network, {"direction": direction.replace("infrared", "thermal")}, queries, gallery
        )

    def passed_over(self) -> Counter[str]:
        """Files in people's folders that no split's list names, by reason."""
        lines = (line for file in (self.root / "idx").glob("*.txt") for line in read_text(file).splitlines())
        listed = {" ".join(line.split()[:-1]).replace("\\", "/") for line in lines}
        reasons: Counter[str] = Counter()
        for kind in ("Visible", "Thermal"):
            for file in (self.root / kind).rglob("*"):
                name = file.relative_to(self.root).as_posix()
                if name not in listed and file.is_file() and not is_system(file.name):
                    reasons["in no list"] += 1
        return reasons

    def count(self, split: int) -> dict[str, int]:
        """Images and identities of a split's parts."""
        lines = self._lines(split)
        counts = {
            f"{part} {CAMERAS[modality]} images": len(part_lines) for (part, modality), part_lines in lines.items()
        }
        people = {part: {line.identity for m in Modality for line in lines[part, m]} for part in get_args(Part)}
        return counts | {f"{part} identities": len(members) for part, members in people.items()}

    def counts(self) -> list[Count]:
        """Of all splits."""
        counts = {f"split {split}: {what}": n for split in SPLITS for what, n in self.count(split).items()}
        return compared(counts, {f"split {split}: {what}": n for split in SPLITS for what, n in _PUBLISHED.items()})

    def _lines(self, split: int) -> dict[tuple[Part, Modality], list[Line]]:
        if split not in SPLITS:
            raise BadDataset(f"RegDB has splits 1 to 10, not {split}")
        return _read_split(self.root, split)


@lru_cache(maxsize=20)
def _read_split(root: Path, split: int) -> dict[tuple[Part, Modality], list[Line]]:
    by_part: dict[tuple[Part, Modality], list[Line]] = {}
    people: dict[str, set[int]] = {}
    for part in get_args(Part):
        files = {m: root / "idx" / f"{part}_{camera}_{split}.txt" for m, camera in CAMERAS.items()}
        lines = {m: read_list(file, root) for m, file in files.items()}
        check_labels({files[m]: lines[m] for m in lines})
        seen = {m: {line.identity for line in lines[m]} for m in lines}
        if odd := sorted(seen[Modality.RGB] ^ seen[Modality.IR])[:5]:
            raise BadDataset(f"{root / 'idx'}: split {split}, {part}: people in one modality only: {odd}")
        people[part] = seen[Modality.RGB]
        for modality, part_lines in lines.items():
            by_part[part, modality] = part_lines
    if both := sorted(people["train"] & people["test"])[:5]:
        raise BadDataset(f"{root / 'idx'}: split {split}: people in train and in test: {both}; they must not overlap")
    return by_part
