"""The losses of LCCRF: enumerated angular triplets, compactness, and distillation between modalities.

Source: Gao, Shao, Wu, Yang, Yu, "Leaning compact and representative features for cross-modality person
re-identification", World Wide Web, 2022 (methods.md 3.3).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.layers import cosine
from rgbir.training.losses.hardest import Reduce
from rgbir.training.losses.pairing import Roles


class EnumeratedAngularTriplet(nn.Module):
    """EAT: a cross-modal positive against a negative of either modality, for anchors of both: four terms.

    t(a, p, n) = [cos(a, n)]_+ - [cos(a, p)]_+ + zeta; each term is mean exp t.

    Args:
        zeta: the margin.
        exponential: off, each term is mean t.
        clamp_positive: as printed; an anchor whose positive stands at an obtuse angle then gets no pull.
    """

    def __init__(self, zeta: float = 1.0, exponential: bool = True, clamp_positive: bool = True) -> None:
        super().__init__()
        self.zeta, self.exponential, self.clamp_positive = zeta, exponential, clamp_positive

    def forward(self, rgb: Roles, ir: Roles) -> Tensor:
        """The sum of the four terms, a scalar; embeddings (N, d)."""
        terms = [
            self._term(roles.anchor, other.positive, negative)
            for roles, other in ((rgb, ir), (ir, rgb))
            for negative in (other.negative, roles.negative)
        ]
        return torch.stack(terms).sum()

    def _term(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        pull = cosine(anchor, positive)
        t = F.relu(cosine(anchor, negative)) - (F.relu(pull) if self.clamp_positive else pull) + self.zeta
        return t.exp().mean() if self.exponential else t.mean()


class ReleasedAngularTriplet(nn.Module):
    """What LCCRF's released code computes: negatives of the anchor's own modality only, exponential of the mean hinge."""

    def __init__(self, zeta: float = 1.0) -> None:
        super().__init__()
        self.zeta = zeta

    def forward(self, rgb: Roles, ir: Roles) -> Tensor:
        """The sum of both directions, a scalar; embeddings (N, d)."""
        return self._direction(rgb, ir.positive) + self._direction(ir, rgb.positive)

    def _direction(self, roles: Roles, positive: Tensor) -> Tensor:
        gap = F.relu(cosine(roles.anchor, roles.negative)) - cosine(roles.anchor, positive) + self.zeta
        return F.relu(gap).mean().exp()


class Compactness(nn.Module):
    """mean exp(sign · cos(x_r, x̄)) over the local descriptors x_r of a feature map and their mean x̄; both modalities.

    The printed sign, +1, drives descriptors away from their mean; -1 draws them together (methods.md 3.7, 4).
    """

    def __init__(self, sign: int = 1, reduce: Reduce = "mean") -> None:
        super().__init__()
        self.sign, self.reduce = sign, reduce

    def forward(self, rgb: Tensor, ir: Tensor) -> Tensor:
        """rgb, ir: float (N, R, channels), the R positions of each anchor's map. A scalar."""
        return self._of(rgb) + self._of(ir)

    def _of(self, descriptors: Tensor) -> Tensor:
        terms = (self.sign * cosine(descriptors, descriptors.mean(dim=1, keepdim=True))).exp()
        return terms.mean() if self.reduce == "mean" else terms.sum()


class CrossModalDistillation(nn.Module):
    """CMKD: the modality-specific maps of an anchor and of its positive in the other modality, squared difference.

    `sum` is the printed norm: summed over each image, mean over the batch.
    """

    def __init__(self, reduce: Reduce = "mean") -> None:
        super().__init__()
        self.reduce = reduce

    def forward(self, anchor_rgb: Tensor, positive_rgb: Tensor, anchor_ir: Tensor, positive_ir: Tensor) -> Tensor:
        """All float (N, …) of the same shape. A scalar."""
        return self._between(anchor_rgb, positive_ir) + self._between(anchor_ir, positive_rgb)

    def _between(self, a: Tensor, b: Tensor) -> Tensor:
        squares = (a.float() - b.float() if a.dtype != torch.float64 else a - b).square()
        return squares.mean() if self.reduce == "mean" else squares.flatten(1).sum(dim=1).mean()
