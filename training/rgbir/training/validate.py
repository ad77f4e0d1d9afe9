"""Validation by the real protocol: the identities held back for it, through the same evaluation as a bundle's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rgbir.index import ImageRecord, Modality, Resize
from rgbir.index.evaluation import Features, Protocol, Report, Task, evaluate
from rgbir.training.data.store import ImageStore
from rgbir.training.data.transforms import normalise
from rgbir.training.method import Method


@dataclass(frozen=True, slots=True)
class Validation:
    """Measures a method on people that its data set holds back (99 of SYSU-MM01's).

    Attributes:
        protocol: by which.
        task: the queries, the gallery and the trials.
        height: of the network's images, pixels.
        width: of the network's images, pixels.
        at_once: images that are embedded together.
        resize: the filter that makes images of that size.
    """

    protocol: Protocol
    task: Task
    height: int
    width: int
    at_once: int = 64
    resize: Resize = "bilinear"

    def __call__(self, method: Method, device: torch.device) -> Report:
        probes, gallery = (
            self._features(method, records, device) for records in (self.task.queries, self.task.gallery)
        )
        return evaluate(self.task, probes, gallery, self.protocol, method.metric)

    def _features(self, method: Method, records: Sequence[ImageRecord], device: torch.device) -> Features:
        modality = records[0].modality or Modality.RGB
        store = ImageStore(records, self.height, self.width, self.resize, cache=False)
        parts = []
        training = method.training
        method.eval()
        with torch.inference_mode():
            for start in range(0, len(records), self.at_once):
                images = np.stack([store[number] for number in range(start, min(start + self.at_once, len(records)))])
                parts.append(
                    method.embed(normalise(torch.from_numpy(images).to(device)), modality).float().cpu().numpy()
                )
        method.train(training)
        empty = np.empty((0, method.dimension), np.float32)
        return Features.of_images(np.concatenate([empty, *parts]), records)
