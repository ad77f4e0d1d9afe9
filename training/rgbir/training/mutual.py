"""A classifier for everyone, one for each modality, and what the two of them teach each other (MPANet, SAAI)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.layers import ByModality
from rgbir.training.losses.mutual import ema_step

STEADY = 99
"""Epochs, counted from 1, in which averages follow at the full rate."""


class Logits(NamedTuple):
    """What the classifiers make of a batch's visible and then its infrared rows.

    Attributes:
        everyone: float32 (n, C), of the classifier for both.
        specific: float32 (n, C), of each row's modality's classifier; no rows where there is none.
        other: float32 (n, C), of the average of the other modality's, without gradient; likewise.
        visible: how many rows are visible.
    """

    everyone: Tensor
    specific: Tensor
    other: Tensor
    visible: int

    def identity(self, labels: Tensor, weight: float = 1.0, smoothing: float = 0.0) -> Tensor:
        """Cross entropy of all rows, and `weight` times that of the visible and of the infrared ones: each a mean, a scalar.

        Args:
            labels: int64 (n,).
            weight: of the two modalities' classifiers.
            smoothing: share of a label that is spread over all people.
        """
        blocks = [(1.0, self.everyone, labels)]
        if len(self.specific):
            rows = (slice(self.visible), slice(self.visible, None))
            blocks += [(weight, self.specific[side], labels[side]) for side in rows]
        return torch.stack(
            [factor * F.cross_entropy(logits, y, label_smoothing=smoothing) for factor, logits, y in blocks]
        ).sum()


class MutualClassifiers(nn.Module):
    """Linear, without biases. The averages follow their modality's classifier before they teach, in training alone.

    They begin alike. At the rate ρ an average becomes (1 - ρ) A + ρ W: `rate` up to epoch 99, then rate · 100 / (epoch + 1),
    counted from 1. Averages and ρ are buffers: no optimiser has a part in them, a checkpoint keeps them.

    Args:
        channels: of the vectors.
        identities: C.
        rate: see above.
        specific: False: there is only the classifier for everyone.

    Source: Wu et al., "Discover Cross-Modality Nuances for Visible-Infrared Person Re-Identification", CVPR 2021 (beyond.md 4.3).
    """

    def __init__(self, channels: int, identities: int, rate: float, specific: bool = True) -> None:
        super().__init__()
        self.rate = rate
        self.everyone = nn.Linear(channels, identities, bias=False)
        self.specific: ByModality | None = None
        if not specific:
            return
        self.specific = ByModality(*(nn.Linear(channels, identities, bias=False) for _ in range(2)))
        self.share: Tensor
        self.average_rgb: Tensor
        self.average_ir: Tensor
        self.register_buffer("share", torch.tensor(rate))
        self.register_buffer("average_rgb", self.specific.rgb.get_parameter("weight").detach().clone())
        self.register_buffer("average_ir", self.specific.ir.get_parameter("weight").detach().clone())

    def begin(self, epoch: int) -> None:
        """Sets the rate of an epoch, counted from 0."""
        if self.specific is not None:
            self.share.fill_(self.rate * min(1.0, (STEADY + 1) / (epoch + 2)))

    def forward(self, vectors: Tensor, visible: int) -> Logits:
        """vectors: float (n, channels), the visible ones first. visible: how many of them there are."""
        everyone = self.everyone(vectors).float()
        if self.specific is None:
            return Logits(everyone, vectors[:0], vectors[:0], visible)
        rgb, ir = vectors[:visible], vectors[visible:]
        specific = torch.cat([self.specific.rgb(rgb), self.specific.ir(ir)]).float()
        with torch.no_grad():
            if self.training:
                self._follow(self.average_rgb, self.specific.rgb)
                self._follow(self.average_ir, self.specific.ir)
            other = torch.cat([F.linear(rgb, self.average_ir), F.linear(ir, self.average_rgb)]).float()
        return Logits(everyone, specific, other, visible)

    def _follow(self, average: Tensor, classifier: nn.Module) -> None:
        average.copy_(ema_step(average, classifier.get_parameter("weight"), self.share))
