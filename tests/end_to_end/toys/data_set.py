"""Toy: `toy_rgb/<identity>_<number>.jpg` and `toy_ir/…`; people of even numbers train, the others are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

from rgbir.index.cameras import Modality
from rgbir.index.datasets.dataset import PLAIN, Count, DataSet, Setting, compared
from rgbir.index.datasets.lists import jpegs
from rgbir.index.datasets.passed import passed_over
from rgbir.index.datasets.protocol import Protocol
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.task import Task


class Toy(DataSet):
    """Two folders of images, one for each modality."""

    names: ClassVar = ("Toy",)
    layout: ClassVar = "toy"
    signs: ClassVar = ("toy_rgb",)
    folders: ClassVar = ("toy_rgb", "toy_ir")
    holds: ClassVar = "toy_rgb and toy_ir"
    protocols: ClassVar = (Protocol("toy", data="Toy", selection="everything", hiding="nothing", trials=1),)

    def training(self, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        return (record for modality in Modality for record in self._of(modality, rest=0))

    def test(self, modality: Modality, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        return self._of(modality, rest=1)

    def task(self, protocol: Protocol, setting: Setting = PLAIN) -> Task:
        return Task.of_everything(self.network, {}, list(self.test(Modality.IR)), list(self.test(Modality.RGB)))

    def counts(self) -> list[Count]:
        return compared({f"toy_{m} images": len(jpegs(self.root / f"toy_{m}")) for m in Modality}, {})

    def passed_over(self) -> Counter[str]:
        return passed_over((self.root / f"toy_{m}" for m in Modality), (".jpg",))

    def _of(self, modality: Modality, rest: int) -> Iterator[ImageRecord]:
        for name in jpegs(self.root / f"toy_{modality}"):
            identity, source = int(name.split("_")[0]), f"toy_{modality}/{name}"
            if identity % 2 == rest:
                yield ImageRecord(self.root / source, source, str(modality), modality, identity)
