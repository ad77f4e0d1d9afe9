"""What a method is: embeddings for everyone, losses for the training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from rgbir.index import Metric, Modality, Tta, did_you_mean, listed
from rgbir.training.backbones import load_imagenet
from rgbir.training.errors import BadRecipe
from rgbir.training.layers import unit
from rgbir.training.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from rgbir.training.data.source import Source

Losses = dict[str, Tensor]


class Method(nn.Module, ABC):
    """`embed` is all that validation and export see, through `tested`; `losses` is all that the training loop sees."""

    metric: ClassVar[Metric] = Metric.EUCLIDEAN
    """How its embeddings are compared at test time."""

    fresh: ClassVar[tuple[str, ...]] = ()
    """Its parts that no ImageNet checkpoint brings; some optimisers let them learn faster."""

    of_identities: ClassVar[tuple[str, ...]] = ("classifier", "classifiers", "centres")
    """Its parts that have a row for each person of the training."""

    vectors: tuple[str, ...] = ()
    """Names of the vectors that an embedding is made of, one after another, if of more than one."""

    mirrored: Tta = "none"
    """What is done with mirror images at test time; a run sets it by its recipe."""

    frozen: tuple[str, ...] = ()
    """Its parts at rest; `freeze` sets them."""

    ranks: Ranks = ALONE
    """The processes that share its batches."""

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

    def updated(self, epoch: int) -> None:
        """Called after each update; most methods have nothing to do."""

    def finish(self, source: Source, device: torch.device) -> None:
        """Called after the last update: what gradients don't learn is fitted to the training images here."""

    def start_from_imagenet(self, file: Path) -> None:
        """Loads torchvision's checkpoint into the backbone; methods that split it load each part.

        Raises:
            BadCheckpoint: it doesn't fit.
        """
        load_imagenet(self.get_submodule("backbone"), file)

    def freeze(self, names: Sequence[str]) -> None:
        """Lets parts rest: their parameters don't train, and their batch norms stay as in evaluation.

        Args:
            names: of parts or single parameters, such as `backbone.layer1`.

        Raises:
            BadRecipe: the network has no such part, or nothing is left to train.
        """
        known = {name for name, _ in (*self.named_modules(), *self.named_parameters()) if name}
        for name in names:
            if name not in known:
                parts = ", ".join(part for part, _ in self.named_children())
                hint = did_you_mean(name, known) or f"; it is made of {parts}"
                raise BadRecipe(f"freeze: this network has no part {name!r}{hint}")
        self.frozen = tuple(names)
        for name, parameter in self.named_parameters():
            if self._rests(name):
                parameter.requires_grad_(False)
        if not any(parameter.requires_grad for parameter in self.parameters()):
            raise BadRecipe(f"freeze: nothing is left to train without {listed(names)}")

    def train(self, mode: bool = True) -> Self:
        """As every module's; batch norms at rest stay in evaluation mode."""
        super().train(mode)
        for name, module in self.named_modules() if self.frozen else ():
            if isinstance(module, _BatchNorm) and (self._rests(name) or self._rests(f"{name}.weight")):
                module.eval()
        return self

    def _rests(self, name: str) -> bool:
        return any(name == part or name.startswith(f"{part}.") for part in self.frozen)

    @abstractmethod
    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        """float32 (n, 3, height, width), normalised → float (n, dimension); all images are of that modality."""

    def tested(self, images: Tensor, modality: Modality) -> Tensor:
        """`embed`, with what the recipe does at test time: what is validated and served.

        float32 (n, 3, height, width), normalised → float (n, dimension); all images are of that modality.
        """
        if self.mirrored == "none":
            return self.embed(images, modality)
        both = self.embed(torch.cat([images, images.flip(3)]), modality)
        image, mirror = both[: images.shape[0]], both[images.shape[0] :]  # which a tracer follows, as it doesn't len
        return image + mirror if self.mirrored == "flip-sum" else unit(unit(image) + unit(mirror))

    @abstractmethod
    def losses(self, batch: Any) -> Losses:
        """The terms of the objective by name, each a scalar; the loop adds them up.

        The batch is of the kind its recipe asks for. Where several processes share it, each has some of its images and all of
        its labels: `gathered` makes all rows of what the network made of the images, and the losses are the whole batch's.
        """

    def gathered(self, rows: Tensor, blocks: int = 1) -> Tensor:
        """What the network made of all images of the batch, in its order; the same tensor where one process trains.

        Args:
            rows: float (blocks · n, …), of this process's images.
            blocks: that stand after each other in the rows, such as those of RGB and of IR images.

        Returns:
            float (blocks · N, …), N of the whole batch.
        """
        return self.ranks.gathered(rows, blocks)

    def overall(self, loss: Tensor, reduce: Literal["mean", "sum"] = "mean") -> Tensor:
        """The whole batch's loss of the one of this process's images, where rows don't depend on each other: both scalars."""
        if self.ranks.count == 1:
            return loss
        losses = self.gathered(loss[None])
        return losses.mean() if reduce == "mean" else losses.sum()
