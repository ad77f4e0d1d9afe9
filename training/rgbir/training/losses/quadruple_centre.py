"""Quadruple-centre loss: each vector near its person's centre in the other modality, far from others' (beyond.md 12.3).

Source: Hua, Cheng, Lu, Tu, Wang, Wang, "MSCMNet: Multi-scale Semantic Correlation Mining for Visible-Infrared Person
Re-Identification", Pattern Recognition 2025.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.layers import row_distance
from rgbir.training.losses.hardest import distance_matrix


class QuadrupleCentre(nn.Module):
    """½ [ (1 - a) mean |f - m| + a mean |f - o| + mean_r mean_{j: y_j ≠ y_r} [margin - |f_r - c_{y_j}|]_+ ].

    m is the centre of the row's person over all views of the other modality, o that over the row's view alone, c_k that of
    person k over everything. Gradients flow through the centres. A collapsed embedding costs half of the margin.

    Args:
        margin: a person's centre costs the others nothing from there on.
        alpha: a, how much of the pull is to the row's own view.
    """

    def __init__(self, margin: float = 0.7, alpha: float = 0.0) -> None:
        super().__init__()
        self.margin, self.alpha = margin, alpha

    def forward(self, rgb: Tensor, ir: Tensor, labels: Tensor) -> Tensor:
        """A scalar.

        Args:
            rgb, ir: float (views, n, d), of one view or more.
            labels: int64 (n,), of each view's rows.
        """
        features = torch.cat([rgb.flatten(0, 1), ir.flatten(0, 1)])
        views = torch.arange(len(rgb) + len(ir), device=labels.device).repeat_interleave(len(labels))
        everybody = labels.repeat(len(rgb) + len(ir))
        same, infrared = everybody[:, None] == everybody[None, :], views >= len(rgb)
        across = _centres(features, same & (infrared[:, None] != infrared[None, :]))
        pull = (1 - self.alpha) * row_distance(features, across).mean()
        if self.alpha:  # else a weight of zero could meet a distance of zero
            within = _centres(features, same & (views[:, None] == views[None, :]))
            pull = pull + self.alpha * row_distance(features, within).mean()
        short = F.relu(self.margin - distance_matrix(features, _centres(features, same))).masked_fill(same, 0.0)
        push = short.sum(dim=1) / (~same).sum(dim=1).clamp_min(1)
        return (pull + push.mean()) / 2


def _centres(features: Tensor, of: Tensor) -> Tensor:
    """The mean of the rows that each row of bool (n, n) marks, of features float (n, d): float (n, d)."""
    weights = of.to(features.dtype)
    return weights @ features / weights.sum(dim=1, keepdim=True)
