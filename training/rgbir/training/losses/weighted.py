"""AGW's weighted regularised triplet (methods.md 7.8).

Source: Ye et al., "Deep Learning for Person Re-identification: A Survey and Outlook", TPAMI 2022.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.losses.hardest import distance_matrix

Weights = Literal["exact", "released"]


class WeightedRegularisedTriplet(nn.Module):
    """mean_i softplus( sum_j w+_ij d_ij - sum_k w-_ik d_ik ): no margin, every pair counts, hard ones more.

    w+ is the softmax of d over positives, w- that of -d over negatives.

    Args:
        include_self: whether an anchor is among its own positives, as in AGW's code.
        weights: the softmax as it is (`exact`), or as AGW's code computes it (`released`, see `released_softmax`).
    """

    def __init__(self, include_self: bool = True, weights: Weights = "exact") -> None:
        super().__init__()
        self.include_self = include_self
        self.softmax = exact_softmax if weights == "exact" else released_softmax

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """features: float (n, d). labels: int64 (n,), at least two, and each twice without `include_self`. A scalar."""
        distance = distance_matrix(features, features)
        same = labels[:, None] == labels[None, :]
        itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        positive = same if self.include_self else same & ~itself
        far, near = self.softmax(distance, positive), self.softmax(-distance, ~same)
        return F.softplus(((far - near) * distance).sum(dim=1)).mean()


def exact_softmax(x: Tensor, mask: Tensor) -> Tensor:
    """The softmax of each row over the places where `mask` is True, 0 elsewhere.

    Args:
        x: float (n, m).
        mask: bool (n, m), True at least once in each row.

    Returns:
        float (n, m), each row of sum 1.
    """
    return x.masked_fill(~mask, -torch.inf).softmax(dim=1)


def released_softmax(x: Tensor, mask: Tensor) -> Tensor:
    """e / (sum of e + 1e-6), e = exp(x - max(x · mask)) · mask: what AGW's code computes in the softmax's place.

    Where all of x is negative, the maximum is that of the masked places, 0. With x = -d the exponentials of far-apart
    negatives then vanish beside 1e-6, and so do their weights.

    Args:
        x: float (n, m).
        mask: bool (n, m).

    Returns:
        float (n, m), each row of sum 1 or less.
    """
    largest = (x * mask).max(dim=1, keepdim=True).values
    exponentials = (x - largest).masked_fill(~mask, -torch.inf).exp()
    return exponentials / (exponentials.sum(dim=1, keepdim=True) + 1e-6)
