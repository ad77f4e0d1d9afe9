"""Validation by the real protocol: the identities held back for it, through the same evaluation as a bundle's."""

from __future__ import annotations

import numpy as np
import torch

from rgbir.index import Modality, Resize
from rgbir.index.evaluation import Features, Protocol, Report, Task, evaluate
from rgbir.training.data.store import ImageStore
from rgbir.training.data.transforms import normalise
from rgbir.training.method import Method


class Validation:
    """Measures a method on people that its data set holds back (99 of SYSU-MM01's).

    Args:
        protocol: by which.
        task: the queries, the gallery and the trials.
        height, width: of the network's images, in pixels.
        resize: the filter that makes them so.
        at_once: images that are embedded together.
    """

    def __init__(
        self, protocol: Protocol, task: Task, height: int, width: int, resize: Resize = "bilinear", at_once: int = 64
    ) -> None:
        self.protocol, self.task, self.at_once = protocol, task, at_once
        self.stores = [ImageStore(records, height, width, resize) for records in (task.queries, task.gallery)]
        """Of the queries and the gallery, for `ImageStore.fill`."""

    def __call__(self, method: Method, device: torch.device) -> Report:
        probes, gallery = (self._features(method, store, device) for store in self.stores)
        return evaluate(self.task, probes, gallery, self.protocol, method.metric)

    def _features(self, method: Method, store: ImageStore, device: torch.device) -> Features:
        modality = store.records[0].modality or Modality.RGB
        parts = []
        training = method.training
        method.eval()
        with torch.inference_mode():
            for start in range(0, len(store), self.at_once):
                images = np.stack([store[number] for number in range(start, min(start + self.at_once, len(store)))])
                parts.append(
                    method.embed(normalise(torch.from_numpy(images).to(device)), modality).float().cpu().numpy()
                )
        method.train(training)
        empty = np.empty((0, method.dimension), np.float32)
        return Features.of_images(np.concatenate([empty, *parts]), store.records)
