"""The losses of Base-Derivative: hardest triplets across modalities, and within each.

Source: Liu, Miao, Yang, Ding, "A Base-Derivative Framework for Cross-Modality RGB-Infrared Person Re-Identification",
ICPR 2020 (methods.md 6.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Mode = Literal["V", "I", "DV", "DI"]
"""Visible, infrared, and what is derived from each."""
MODES: tuple[Mode, ...] = ("V", "I", "DV", "DI")
Reduce = Literal["mean", "sum"]

PAIRS: dict[int, tuple[tuple[Mode, Mode], ...]] = {
    0: (("V", "I"),),  # baseline B2
    1: (("V", "I"), ("V", "DI")),
    2: (("V", "I"), ("I", "DV")),
    3: (("V", "I"), ("V", "DI"), ("I", "DV"), ("DI", "DV")),
    4: (("V", "I"), ("V", "DI"), ("I", "DV")),
}


def distance_matrix(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean, (n, m), in float32 or better; coinciding vectors give 1e-6 and no gradient (methods.md 1.7)."""
    if x.dtype != torch.float64:
        x, y = x.float(), y.float()
    squares = x.square().sum(1)[:, None] + y.square().sum(1)[None, :] - 2 * x @ y.T
    return squares.clamp_min(1e-12).sqrt()


def hardest_triplets(anchors: Tensor, others: Tensor, labels: Tensor, margin: float, reduce: Reduce = "mean") -> Tensor:
    """[margin + farthest positive - nearest negative]_+ of each anchor among `others`, which have the same labels.

    Positives and negatives are told apart by a mask; the printed product with a 0/1 mask would always find 0 (6.7, 1).

    Args:
        anchors, others: (n, d); the same tensor for triplets within a modality.
        labels: int64 (n,), at least two different.
    """
    distance = distance_matrix(anchors, others)
    same = labels[:, None] == labels[None, :]
    farthest_positive = distance.masked_fill(~same, -torch.inf).amax(dim=1)
    nearest_negative = distance.masked_fill(same, torch.inf).amin(dim=1)
    cost = F.relu(margin + farthest_positive - nearest_negative)
    return cost.mean() if reduce == "mean" else cost.sum()


def multi_directional(
    features: Mapping[Mode, Tensor], labels: Tensor, variant: int = 4, margin: float = 0.5, reduce: Reduce = "mean"
) -> Tensor:
    """MDL: hardest triplets between the modalities of each of the variant's pairs, both ways."""
    terms = [
        hardest_triplets(features[a], features[b], labels, margin, reduce)
        for pair in PAIRS[variant]
        for a, b in (pair, pair[::-1])
    ]
    return torch.stack(terms).sum()


def multi_mode(features: Mapping[Mode, Tensor], labels: Tensor, margin: float = 0.3, reduce: Reduce = "mean") -> Tensor:
    """MML: hardest triplets within each modality, added up."""
    return torch.stack([hardest_triplets(x, x, labels, margin, reduce) for x in features.values()]).sum()


def mode_identity(logits: Sequence[Tensor], labels: Tensor, eps: float = 0.0) -> Tensor:
    """Each modality's batch-mean cross entropy, added up."""
    return torch.stack([F.cross_entropy(values, labels, label_smoothing=eps) for values in logits]).sum()
