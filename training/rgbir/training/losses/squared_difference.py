"""CAJ's ranking: AGW's, with the squared difference in the difference's place (beyond.md 2.3).

Source: Ye, Ruan, Du, Shou, "Channel Augmented Joint Learning for Visible-Infrared Recognition", ICCV 2021.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.losses.hardest import distance_matrix
from rgbir.training.losses.weighted import Weights, exact_softmax, released_softmax


class EnhancedSquaredDifference(nn.Module):
    """mean_i softplus( s_i min(gamma (p_i - q_i)^2, cap) ), s_i = 1 where p_i > q_i, else -1.

    p is the weighted mean distance to all positives, the anchor itself among them, by the softmax of alpha d; q that to all
    negatives, by the softmax of -alpha d. An anchor that is wrong by more than sqrt(cap / gamma) has no gradient.

    Args:
        alpha: how much farther positives and nearer negatives weigh more.
        gamma: of the squared difference.
        cap: its largest value.
        weights: the softmax as it is (`exact`), or as AGW's and CAJ's code computes it (`released`).
    """

    def __init__(self, alpha: float = 1.0, gamma: float = 1.0, cap: float = 88.0, weights: Weights = "exact") -> None:
        super().__init__()
        self.alpha, self.gamma, self.cap = alpha, gamma, cap
        self.softmax = exact_softmax if weights == "exact" else released_softmax

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """features: float (n, d). labels: int64 (n,), at least two. A scalar."""
        distance = distance_matrix(features, features)
        same = labels[:, None] == labels[None, :]
        far = (self.softmax(self.alpha * distance, same) * distance).sum(dim=1)
        near = (self.softmax(-self.alpha * distance, ~same) * distance).sum(dim=1)
        squared = (self.gamma * (far - near).square()).clamp_max(self.cap)
        return F.softplus(torch.where(far > near, squared, -squared)).mean()
