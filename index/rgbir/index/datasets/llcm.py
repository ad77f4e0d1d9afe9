"""LLCM: people seen in low light by nine cameras that take visible and near-infrared images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from rgbir.index.cameras import Modality
from rgbir.index.datasets.dataset import PLAIN, Count, DataSet, Setting, compared
from rgbir.index.datasets.draws import seeded
from rgbir.index.datasets.lists import check_labels, jpegs, read_identities, read_list
from rgbir.index.datasets.passed import passed_over
from rgbir.index.datasets.protocol import Direction, Protocol
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.task import Draw, Task, rows_drawn
from rgbir.index.errors import BadDataset

CAMERAS = range(1, 10)
FOLDERS = {Modality.RGB: "vis", Modality.IR: "nir"}
Part = Literal["train", "test"]
_OWN = Protocol("llcm", data="LLCM", selection="seeded", hiding="identity and camera")
_PUBLISHED = {
    "train vis images": 16946, "train nir images": 13975, "train identities": 713,
    "test vis images": 8680, "test nir images": 7166, "test identities": 351,
}  # fmt: skip


class LLCM(DataSet):
    """The data set in its published layout.

    Reference:
        Zhang, Wang, "Diverse Embedding Expansion Network and Low-Light Cross-Modality Benchmark for Visible-Infrared
        Person Re-identification", CVPR 2023.

    Layout on disk:
        `idx/train_vis.txt`, `idx/train_nir.txt` (a path and a label on each line), `idx/test_id.txt` (identities between
        commas); `test_vis/cam1 … cam9/<identity, 4 digits>/<name>.jpg`, `test_nir/cam…` likewise, without camera 3.

    Counts (published; `count` computes them for any folder):
        1,064 identities: 713 train, 351 test. Training images 16,946 visible and 13,975 near-infrared; test images 8,680
        and 7,166.

    Protocol:
        Rows of the query's own identity and camera are hidden; the two modalities of a camera count as one camera.

    Raises:
        BadDataset: the root lacks one of its folders.
    """

    names: ClassVar = ("LLCM",)
    layout: ClassVar = "llcm"
    signs: ClassVar = ("test_vis",)
    folders: ClassVar = ("idx", "test_vis", "test_nir")
    holds: ClassVar = "idx, vis, nir, test_vis and test_nir"
    protocols: ClassVar = (_OWN, replace(_OWN, name="llcm-swapped", drawn_queries=True))
    choices: ClassVar = frozenset({"direction"})

    def records(self, part: Part, modality: Modality) -> Iterator[ImageRecord]:
        """Training images in the order of their file, test images by camera, identity and name.

        Raises:
            BadDataset: no list, labels that contradict each other, or a name without a camera.
        """
        if part == "test":
            yield from self.test(modality)
            return
        files = {m: self.root / "idx" / f"train_{name}.txt" for m, name in FOLDERS.items()}
        lines = {m: read_list(file, self.root) for m, file in files.items()}
        check_labels({files[m]: lines[m] for m in lines})
        for line in lines[modality]:
            yield ImageRecord(
                self.root / line.source, line.source, _camera(line.source, files[modality]), modality, line.identity
            )

    def training(self, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        """Visible images first."""
        for modality in Modality:
            yield from self.records("train", modality)

    @cached_property
    def test_identities(self) -> tuple[int, ...]:
        """The identities of the test, ascending.

        Raises:
            BadDataset: no list of them, or one with other words than numbers.
        """
        file = self.root / "idx" / "test_id.txt"
        if not file.is_file():
            raise BadDataset(f"{file} is not there; the data set's idx folder holds it")
        return tuple(sorted(set(read_identities(file))))

    def files(self, modality: Modality, camera: int, identity: int) -> tuple[str, ...]:
        """The test images of one person by one camera as paths below the root, ascending; none if there is no folder."""
        folder = f"test_{FOLDERS[modality]}/cam{camera}/{identity:04d}"
        return tuple(f"{folder}/{name}" for name in jpegs(self.root / folder))

    def test(self, modality: Modality, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        """Every test image: camera by camera, identity by identity, image by image, each ascending."""
        for camera in CAMERAS:
            for identity in self.test_identities:
                for number, source in enumerate(self.files(modality, camera, identity), start=1):
                    yield ImageRecord(self.root / source, source, str(camera), modality, identity, number=number)

    def task(self, protocol: Protocol, setting: Setting = PLAIN) -> Task:
        """Every test image of one modality against one drawn image of each identity and camera of the other.

        With `drawn_queries` visible->infrared has the drawn infrared images as queries and all visible images as
        gallery, as the public script does it since June 2023.
        """
        usual: Direction = "visible->infrared" if protocol.drawn_queries else "infrared->visible"
        direction = setting.direction or usual
        asked = Modality.RGB if direction == "visible->infrared" else Modality.IR
        drawn = asked.other
        sizes = {
            (camera, identity): len(self.files(drawn, camera, identity))
            for camera in CAMERAS
            for identity in self.test_identities
        }
        records = {modality: list(self.test(modality)) for modality in (asked, drawn)}
        everything = np.arange(len(records[asked]))
        picks = (seeded(sizes, self.test_identities, tuple(CAMERAS), 1, trial) for trial in range(protocol.trials))
        drawings = rows_drawn(records[drawn], picks)
        chosen = {"direction": str(direction)}
        if protocol.drawn_queries and direction == "visible->infrared":
            swapped = [Draw(drawing, everything) for drawing in drawings]
            return Task(self.network, chosen, records[drawn], records[asked], swapped)
        draws = [Draw(everything, drawing) for drawing in drawings]
        return Task(self.network, chosen, records[asked], records[drawn], draws).trimmed()

    def passed_over(self) -> Counter[str]:
        """Files in the test's folders that aren't read, by reason."""
        cameras = [self.root / f"test_{FOLDERS[m]}" / f"cam{camera}" for m in Modality for camera in CAMERAS]
        people = (folder / f"{identity:04d}" for folder in cameras for identity in self.test_identities)
        return passed_over(cameras, (), deeper=True) + passed_over(people, (".jpg",))

    def count(self) -> dict[str, int]:
        """Images and identities."""
        training = {m: list(self.records("train", m)) for m in Modality}
        return {
            **{f"train {FOLDERS[m]} images": len(records) for m, records in training.items()},
            "train identities": len({record.identity for records in training.values() for record in records}),
            **{f"test {FOLDERS[m]} images": sum(1 for _ in self.test(m)) for m in Modality},
            "test identities": len(self.test_identities),
        }

    def counts(self) -> list[Count]:
        return compared(self.count(), _PUBLISHED)


def _camera(source: str, file: Path) -> str:
    parts = source.rsplit("/", 1)[-1].split("_")
    if len(parts) < 2 or not (parts[1][:1] == "c" and parts[1][1:].isdecimal()):
        raise BadDataset(f"{file}: {source}: expected a name such as 0001_c01_s185535_f7010_nir.jpg")
    return str(int(parts[1][1:]))
