"""Validation by the real protocol: the identities held back for it, through the same evaluation as a bundle's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from rgbir.index import ImageRecord, Modality
from rgbir.index.datasets import SysuMM01
from rgbir.index.datasets.sysu_mm01 import List
from rgbir.index.evaluation import PROTOCOLS, Features, Report, evaluate, sysu_task
from rgbir.index.evaluation.sources import labelled
from rgbir.training.method import Method
from rgbir.training.source import ImageStore
from rgbir.training.transforms import normalise


@dataclass(frozen=True, slots=True)
class Validation:
    """All-search, single-shot, on the identities of a list (99 of SYSU-MM01's for `val`), galleries drawn by seed."""

    data: SysuMM01
    height: int
    width: int
    of: List = "val"
    image_cmc: bool = False
    batch: int = 64

    def __call__(self, method: Method, device: torch.device) -> Report:
        protocol = replace(PROTOCOLS["sysu-seeded"], cmc="image" if self.image_cmc else "identity")
        task = sysu_task(self.data, protocol, of=self.of)
        probes = self._features(method, task.queries, Modality.IR, device)
        gallery = self._features(method, task.gallery, Modality.RGB, device)
        return evaluate(task, probes, gallery, protocol, method.metric)

    def _features(
        self, method: Method, records: Sequence[ImageRecord], modality: Modality, device: torch.device
    ) -> Features:
        store = ImageStore(records, self.height, self.width, cache=False)
        parts = []
        training = method.training
        method.eval()
        with torch.inference_mode():
            for start in range(0, len(records), self.batch):
                images = np.stack([store[number] for number in range(start, min(start + self.batch, len(records)))])
                parts.append(
                    method.embed(normalise(torch.from_numpy(images).to(device)), modality).float().cpu().numpy()
                )
        method.train(training)
        empty = np.empty((0, method.dimension), np.float32)
        return labelled(np.concatenate([empty, *parts]), records)
