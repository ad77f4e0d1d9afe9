"""AGW's weighted regularised triplet (methods.md 7.8).

Source: Ye et al., "Deep Learning for Person Re-identification: A Survey and Outlook", TPAMI 2022.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.losses.hardest import distance_matrix


class WeightedRegularisedTriplet(nn.Module):
    """mean_i softplus( sum_j w+_ij d_ij - sum_k w-_ik d_ik ): no margin, every pair counts, hard ones more.

    w+ is the softmax of d over positives, w- that of -d over negatives, both exact; AGW's code adds 1e-6 to the
    denominators, and with large distances its weights don't sum to 1.

    Args:
        include_self: whether an anchor is among its own positives, as in AGW's code.
    """

    def __init__(self, include_self: bool = True) -> None:
        super().__init__()
        self.include_self = include_self

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """features: float (n, d). labels: int64 (n,), at least two, and each twice without `include_self`. A scalar."""
        distance = distance_matrix(features, features)
        same = labels[:, None] == labels[None, :]
        itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        positive = same if self.include_self else same & ~itself
        far = distance.masked_fill(~positive, -torch.inf).softmax(dim=1)
        near = (-distance).masked_fill(same, -torch.inf).softmax(dim=1)
        return F.softplus(((far - near) * distance).sum(dim=1)).mean()
