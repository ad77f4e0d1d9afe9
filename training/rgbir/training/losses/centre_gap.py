"""Gaps between the centres that a person has in two modalities (beyond.md 9.2, 9.6).

Sources: Li, Wei, Hong, Gong, "Infrared-Visible Cross-Modal Person Re-Identification with an X Modality", AAAI 2020, and its
authors' program; Feng, Lai, Xie, "Learning Modality-Specific Representations for Visible-Infrared Person Re-Identification",
TIP 2020.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CentreGap(nn.Module):
    """XIV: mean_k [margin + d_kk - min over l ≠ k of d_kl and d_lk]_+, d_kl = |c^a_k - c^b_l|, c the mean of a person's rows.

    Args:
        margin: what others' centres must be farther by.
        distance: `euclidean`, or as the program has it (`released`): the squared lengths of both centres change places,
            d_kl² = |c^a_l|² + |c^b_k|² - 2 c^a_k.c^b_l, which is right where k = l alone.
    """

    def __init__(self, margin: float = 0.5, distance: Literal["euclidean", "released"] = "euclidean") -> None:
        super().__init__()
        self.margin, self.distance = margin, distance

    def forward(self, a: Tensor, b: Tensor, labels: Tensor) -> Tensor:
        """a, b: float (n, d), of two modalities. labels: int64 (n,) of both, at least two different. A scalar."""
        a, b = _centres(a, labels), _centres(b, labels)
        lengths = a.square().sum(1)[:, None] + b.square().sum(1)[None, :]
        if self.distance == "released":
            lengths = lengths.T
        distance = (lengths - 2 * a @ b.T).clamp_min(1e-12).sqrt()
        itself = torch.eye(len(a), dtype=torch.bool, device=labels.device)
        nearest = torch.minimum(distance, distance.T).masked_fill(itself, torch.inf).amin(dim=1)
        return F.relu(self.margin + distance.diagonal() - nearest).mean()


def modality_gap(a: Tensor, b: Tensor, labels: Tensor) -> Tensor:
    """mean_k |c^a_k - c^b_k|², a scalar; MSR's constraint, a reconstruction.

    Args:
        a, b: float (n, d), of two modalities.
        labels: int64 (n,) of both.
    """
    return (_centres(a, labels) - _centres(b, labels)).square().sum(dim=1).mean()


def _centres(features: Tensor, labels: Tensor) -> Tensor:
    """The mean of each person's rows, people by number: float (n, d) → float (people, d)."""
    people, which = labels.unique(return_inverse=True)
    of = F.one_hot(which, len(people)).T.to(features.dtype)
    return (of / of.sum(dim=1, keepdim=True)) @ features
