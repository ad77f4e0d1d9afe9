"""What SYSU-MM01 was published with: one stream, two streams, asymmetric FC, deep zero-padding. Identity loss alone.

Source: Wu, Zheng, Yu, Gong, Lai, "RGB-Infrared Cross-Modality Person Re-Identification", ICCV 2017; backbone and training
are ours (methods.md 7.1 to 7.4). Its readings: docs/methods/baselines.md.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.index import Modality
from rgbir.training.backbones import BACKBONES
from rgbir.training.backbones.pretrained import load_imagenet
from rgbir.training.backbones.stages import TwoStreams
from rgbir.training.data.batch import PairBatch
from rgbir.training.data.transforms import MEAN, STD
from rgbir.training.device import constants
from rgbir.training.layers import ByModality, GlobalAveragePool, linear_classifier
from rgbir.training.method import Losses, Method
from rgbir.training.recipe import BaselineRecipe
from rgbir.training.settings import Settings

PAPER = "A. Wu, W.-S. Zheng, H.-X. Yu, S. Gong, J. Lai, RGB-Infrared Cross-Modality Person Re-Identification, ICCV 2017"


class TwoStream(Settings):
    """Where the streams meet."""

    split: int = Field(1, ge=0, le=4, description="the last stage that each modality has for itself")


class TwoStreamRecipe(BaselineRecipe):
    """As AGW trains.

    Attributes:
        twostream: where the streams meet.
    """

    twostream: TwoStream = TwoStream()


class AsymmetricRecipe(BaselineRecipe):
    """As AGW trains."""

    embedding: int = Field(512, ge=1, description="length of the vector that each modality's last layer gives")


class _Classified(Method):
    """A vector for each image, one classifier, cross entropy."""

    fresh: ClassVar[tuple[str, ...]] = ("classifier",)

    def __init__(self, recipe: BaselineRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.pool = GlobalAveragePool()

    @property
    def dimension(self) -> int:
        return self.classifier.in_features

    classifier: nn.Linear

    @abstractmethod
    def both(self, rgb: Tensor, ir: Tensor) -> Tensor:
        """Vectors of the RGB images and then of the IR images, which share the shared layers' forward pass.

        From float32 (n, 3, h, w), normalised, of each modality to float (2 · n, dimension).
        """

    def losses(self, batch: PairBatch) -> Losses:
        logits = self.classifier(self.gathered(self.both(batch.rgb, batch.ir), blocks=2))
        with torch.autocast(batch.rgb.device.type, enabled=False):
            smoothing = self.recipe.label_smoothing
            return {"identity": F.cross_entropy(logits.float(), batch.labels.repeat(2), label_smoothing=smoothing)}


class OneStreamNetwork(_Classified):
    """Everything shared."""

    one_stream = True

    def __init__(self, recipe: BaselineRecipe, identities: int) -> None:
        super().__init__(recipe)
        self.backbone = BACKBONES[recipe.backbone]()
        self.classifier = linear_classifier(self.backbone.channels, identities)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.pool(self.backbone(images))

    def both(self, rgb: Tensor, ir: Tensor) -> Tensor:
        return self.embed(torch.cat([rgb, ir]), Modality.RGB)


class TwoStreamNetwork(_Classified):
    """Early stages for each modality."""

    one_stream = False

    def __init__(self, recipe: TwoStreamRecipe, identities: int) -> None:
        super().__init__(recipe)
        backbone = BACKBONES[recipe.backbone]()
        self.streams = TwoStreams(backbone, recipe.twostream.split)
        self.classifier = linear_classifier(backbone.channels, identities)

    def start_from_imagenet(self, file: Path) -> None:
        self.streams.start_from_imagenet(BACKBONES[self.recipe.backbone](), file)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.pool(self.streams(images, modality))

    def both(self, rgb: Tensor, ir: Tensor) -> Tensor:
        return self.pool(self.streams.both(rgb, ir))


class AsymmetricNetwork(_Classified):
    """Every convolution shared, the last embedding layer not."""

    one_stream = False
    fresh = ("embedding", "classifier")

    def __init__(self, recipe: AsymmetricRecipe, identities: int) -> None:
        super().__init__(recipe)
        self.backbone = BACKBONES[recipe.backbone]()
        layers = [nn.Linear(self.backbone.channels, recipe.embedding) for _ in Modality]
        self.embedding = ByModality(*layers)
        self.classifier = linear_classifier(recipe.embedding, identities)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.embedding(self.pool(self.backbone(images)), modality)

    def both(self, rgb: Tensor, ir: Tensor) -> Tensor:
        of_rgb, of_ir = self.pool(self.backbone(torch.cat([rgb, ir]))).split(len(rgb))
        return torch.cat([self.embedding(of_rgb, Modality.RGB), self.embedding(of_ir, Modality.IR)])


class ZeroPaddingNetwork(_Classified):
    """One network of two input channels, grey and infrared; the one that an image lacks is zero."""

    one_stream = False

    def __init__(self, recipe: BaselineRecipe, identities: int) -> None:
        super().__init__(recipe)
        self.backbone = BACKBONES[recipe.backbone](inputs=2)
        self.classifier = linear_classifier(self.backbone.channels, identities)

    def start_from_imagenet(self, file: Path) -> None:
        """Each input channel starts with the sum of the first layer's weights over red, green and blue."""
        whole = BACKBONES[self.recipe.backbone]()
        load_imagenet(whole, file)
        given, first = whole.state_dict(), whole.FIRST
        given[first] = given[first].sum(dim=1, keepdim=True).repeat(1, 2, 1, 1)
        self.backbone.load_state_dict(given)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.pool(self.backbone(padded(images, modality)))

    def both(self, rgb: Tensor, ir: Tensor) -> Tensor:
        return self.pool(self.backbone(torch.cat([padded(rgb, Modality.RGB), padded(ir, Modality.IR)])))


def padded(images: Tensor, modality: Modality) -> Tensor:
    """float32 (n, 3, h, w), normalised → float32 (n, 2, h, w): [grey, 0] of a colour image, [0, ir] of an infrared one.

    Grey is 0.299 R + 0.587 G + 0.114 B of the pixels in 0..1, then (x - 0.449) / 0.226; the other channel is exactly 0.
    """
    mean, std, share = (
        constants(values, images.device, images.dtype)[:, None, None] for values in (MEAN, STD, (0.299, 0.587, 0.114))
    )
    pixels = images * std + mean
    channel = (pixels * share).sum(1, keepdim=True) if modality is Modality.RGB else pixels[:, :1]
    channel = (channel - 0.449) / 0.226
    empty = torch.zeros_like(channel)
    return torch.cat([channel, empty] if modality is Modality.RGB else [empty, channel], dim=1)


IDEAS = {
    "one_stream": "one network for both modalities, identities alone",
    "two_stream": "early stages for each modality, identities alone",
    "asymmetric_fc": "one network, a last layer for each modality, identities alone",
    "zero_padding": "grey and infrared as two input channels, the missing one zero; identities alone",
}

_SMALL = "published with a small network, not ResNet-50"
PUBLISHED = {
    "one_stream": (f"SYSU-MM01 all-search single-shot: R1 12.04  R10 49.68  R20 66.74  mAP 13.67 ({_SMALL})",),
    "two_stream": (f"SYSU-MM01 all-search single-shot: R1 11.65  R10 47.99  R20 65.50  mAP 12.85 ({_SMALL})",),
    "asymmetric_fc": (f"SYSU-MM01 all-search single-shot: R1 9.30  R10 43.26  R20 60.38  mAP 10.82 ({_SMALL})",),
    "zero_padding": (f"SYSU-MM01 all-search single-shot: R1 14.80  R10 54.12  R20 71.33  mAP 15.95 ({_SMALL})",),
}
VARIANTS: dict[str, dict[str, Any]] = {"paper": {}}
SPLITS: dict[str, dict[str, Any]] = {f"split.stage{stage}": {"twostream.split": stage} for stage in range(5)}
