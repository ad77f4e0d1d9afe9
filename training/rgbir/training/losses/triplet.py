"""Euclidean triplets and N-pairs over given tuples (methods.md 2.3)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from rgbir.training.layers import row_distance
from rgbir.training.losses.pairing import PairedLoss, Pairing


class Triplet(PairedLoss):
    """mean [ |a - p| - |a - n| + margin ]_+ in each direction."""

    def __init__(self, margin: float = 0.3, pairing: Pairing = "bi") -> None:
        super().__init__(pairing)
        self.margin = margin

    def direction(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.relu(row_distance(anchor, positive) - row_distance(anchor, negative) + self.margin).mean()


class NPair(PairedLoss):
    """(2+1)-tuple N-pair: mean softplus(a.n - a.p) in each direction, on raw dot products.

    Source: Sohn, "Improved Deep Metric Learning with Multi-class N-pair Loss Objective", NIPS 2016, as expAT compares it.
    """

    def direction(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.softplus((anchor * negative).sum(-1) - (anchor * positive).sum(-1)).mean()
