"""What a method is: embeddings for everyone, losses for the training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from rgbir.index import Metric, Modality
from rgbir.training.backbones import load_imagenet

if TYPE_CHECKING:
    from rgbir.training.data.source import Source

Losses = dict[str, Tensor]


class Method(nn.Module, ABC):
    """`embed` is all that validation and export see; `losses` is all that the training loop sees."""

    metric: ClassVar[Metric] = Metric.EUCLIDEAN
    """How its embeddings are compared at test time."""

    fresh: ClassVar[tuple[str, ...]] = ()
    """Its parts that no ImageNet checkpoint brings; some optimisers let them learn faster."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Length of an embedding."""

    @property
    @abstractmethod
    def one_stream(self) -> bool:
        """Whether both modalities go through the same graph at test time."""

    def begin(self, epoch: int) -> None:
        """Called before the first update of each epoch, counted from 0; most methods have nothing to do."""

    def finish(self, source: Source, device: torch.device) -> None:
        """Called after the last update: what gradients don't learn is fitted to the training images here."""

    def start_from_imagenet(self, file: Path) -> None:
        """Loads torchvision's checkpoint into the backbone; methods that split it load each part.

        Raises:
            BadCheckpoint: it doesn't fit.
        """
        load_imagenet(self.get_submodule("backbone"), file)

    @abstractmethod
    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        """float32 (n, 3, height, width), normalised → float (n, dimension); all images are of that modality."""

    @abstractmethod
    def losses(self, batch: Any) -> Losses:
        """The terms of the objective by name, each a scalar; the loop adds them up.

        The batch is of the kind its recipe asks for.
        """
