"""Validation by the real protocol: the identities held back for it, through the same evaluation as a bundle's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rgbir.index import ImageRecord, Modality
from rgbir.index.evaluation import Features, Protocol, Report, Task, evaluate
from rgbir.index.evaluation.sources import labelled
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
    """

    protocol: Protocol
    task: Task
    height: int
    width: int
    at_once: int = 64

    def __call__(self, method: Method, device: torch.device, stop: Callable[[], bool] = lambda: False) -> Report | None:
        """The method's numbers; None if `stop`, which is asked again and again, says to give up."""
        probes = self._features(method, self.task.queries, device, stop)
        gallery = None if probes is None else self._features(method, self.task.gallery, device, stop)
        if probes is None or gallery is None:
            return None
        return evaluate(self.task, probes, gallery, self.protocol, method.metric)

    def _features(
        self, method: Method, records: Sequence[ImageRecord], device: torch.device, stop: Callable[[], bool]
    ) -> Features | None:
        modality = records[0].modality or Modality.RGB
        store = ImageStore(records, self.height, self.width, cache=False)
        parts = []
        training = method.training
        method.eval()
        with torch.inference_mode():
            for start in range(0, len(records), self.at_once):
                if stop():
                    break
                images = np.stack([store[number] for number in range(start, min(start + self.at_once, len(records)))])
                parts.append(
                    method.embed(normalise(torch.from_numpy(images).to(device)), modality).float().cpu().numpy()
                )
        method.train(training)
        if stop():
            return None
        empty = np.empty((0, method.dimension), np.float32)
        return labelled(np.concatenate([empty, *parts]), records)
