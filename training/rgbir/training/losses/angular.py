"""Angular triplets: negatives are pushed to orthogonality and no further, positives pulled to cosine 1.

Source: Ye, Liu, Meng, Li, "Bi-directional Exponential Angular Triplet Loss for RGB-Infrared Person Re-Identification",
IEEE TIP 30:1583-1595, 2021 (methods.md 2.3).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.layers import cosine
from rgbir.training.losses.pairing import PairedLoss, Pairing

Form = Literal["mean_exp", "exp_mean"]


def angular_gap(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """h = [cos(a, n)]_+ - cos(a, p) + xi, one value a tuple: in 0..2 + xi for xi ≥ 1.

    Args:
        anchor, positive, negative: float (N, d).
        margin: xi.

    Returns:
        float32 or better (N,).
    """
    return F.relu(cosine(anchor, negative)) - cosine(anchor, positive) + margin


class CosineTriplet(PairedLoss):
    """The naive form: mean [ cos(a, n) - cos(a, p) + margin ]_+ in each direction.

    The paper doesn't give the margin; 0.3 is the only one it quotes for hinge losses (methods.md 2.7, 6).
    """

    def __init__(self, margin: float = 0.3, pairing: Pairing = "bi") -> None:
        super().__init__(pairing)
        self.margin = margin

    def direction(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.relu(cosine(anchor, negative) - cosine(anchor, positive) + self.margin).mean()


class AngularTriplet(PairedLoss):
    """AT: mean h in each direction, without an outer hinge; with `hinge`, mean [h]_+ (for the margin study, 2.7, 4)."""

    def __init__(
        self, margin: float = 1.0, alpha: float = 1.0, beta: float = 1.0, pairing: Pairing = "bi", hinge: bool = False
    ) -> None:
        super().__init__(pairing)
        self.margin, self.alpha, self.beta, self.hinge = margin, alpha, beta, hinge

    def weights(self) -> tuple[float, float]:
        return self.alpha, self.beta

    def direction(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        gap = angular_gap(anchor, positive, negative, self.margin)
        return (F.relu(gap) if self.hinge else gap).mean()


class ExponentialAngularTriplet(AngularTriplet):
    """expAT. `mean_exp`, as printed: alpha · mean exp(h_rgb) + beta · mean exp(h_ir).

    `exp_mean` with `hinge`, as the released code computes: alpha · exp(mean [h_rgb]_+) + beta · exp(mean [h_ir]_+).
    """

    def __init__(
        self,
        margin: float = 1.0,
        alpha: float = 1.0,
        beta: float = 1.0,
        pairing: Pairing = "bi",
        form: Form = "mean_exp",
        hinge: bool = False,
    ) -> None:
        super().__init__(margin, alpha, beta, pairing, hinge)
        self.form = form

    def direction(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        gap = angular_gap(anchor, positive, negative, self.margin)
        gap = F.relu(gap) if self.hinge else gap
        return gap.exp().mean() if self.form == "mean_exp" else gap.mean().exp()


class BatchHardExponentialAngular(nn.Module):
    """Single-modality expAT: the least similar positive and the most similar negative of each anchor in a P x K batch.

    exp( mean_i [ [cos_neg]_+ - cos_pos + margin ]_+ ), the mean of the exponentials with form `mean_exp`, or no
    exponential at all with form `mean` (AT).
    """

    def __init__(self, margin: float = 1.0, form: Form | Literal["mean"] = "exp_mean") -> None:
        super().__init__()
        self.margin, self.form = margin, form

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """features: float (n, d). labels: int64 (n,); each label at least twice, and at least two labels. A scalar."""
        similarity = cosine(features[:, None, :], features[None, :, :])
        same = labels[:, None] == labels[None, :]
        itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        hardest_positive = similarity.masked_fill(~same | itself, torch.inf).amin(dim=1)
        hardest_negative = similarity.masked_fill(same, -torch.inf).amax(dim=1)
        gap = F.relu(F.relu(hardest_negative) - hardest_positive + self.margin)
        if self.form == "mean":
            return gap.mean()
        return gap.mean().exp() if self.form == "exp_mean" else gap.exp().mean()
