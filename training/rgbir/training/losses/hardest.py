"""Hardest triplets of a batch: each anchor's farthest positive and nearest negative (methods.md 5.3, 6.3)."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Reduce = Literal["mean", "sum"]


def distance_matrix(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distance of each row to each; coinciding vectors give 1e-6 and no gradient (methods.md 1.7).

    Args:
        x: float (n, d).
        y: float (m, d).

    Returns:
        float32 or better (n, m).
    """
    if x.dtype != torch.float64:
        x, y = x.float(), y.float()
    squares = x.square().sum(1)[:, None] + y.square().sum(1)[None, :] - 2 * x @ y.T
    return squares.clamp_min(1e-12).sqrt()


class Hardest(NamedTuple):
    """Distances of each anchor.

    Attributes:
        positive: float (n,), to the farthest positive; -inf where there is none.
        negative: float (n,), to the nearest negative; inf where there is none.
    """

    positive: Tensor
    negative: Tensor


def hardest(distance: Tensor, same: Tensor) -> Hardest:
    """Positives and negatives are told apart by a mask; a product with a 0/1 mask would always find 0 (6.7, 1).

    Args:
        distance: float (n, m), of n anchors to m others.
        same: bool (n, m), True where the other is a positive.
    """
    return Hardest(
        distance.masked_fill(~same, -torch.inf).amax(dim=1), distance.masked_fill(same, torch.inf).amin(dim=1)
    )


def hardest_triplets(
    anchors: Tensor,
    others: Tensor,
    labels: Tensor,
    margin: float,
    reduce: Reduce = "mean",
    other_labels: Tensor | None = None,
) -> Tensor:
    """[margin + farthest positive - nearest negative]_+ of each anchor among `others`.

    An anchor without a positive or a negative among them costs nothing. Within one set each anchor is its own positive
    too, at distance 0, which is never the farthest where there is another.

    Args:
        anchors: float (n, d).
        others: float (m, d); the same tensor for triplets within it.
        labels: int64 (n,), of the anchors.
        margin: what the negative must be farther by.
        reduce: mean or sum over the anchors.
        other_labels: int64 (m,), if they aren't the same.

    Returns:
        A scalar.
    """
    if not len(anchors) or not len(others):
        return anchors.new_zeros(())
    same = labels[:, None] == (labels if other_labels is None else other_labels)[None, :]
    positive, negative = hardest(distance_matrix(anchors, others), same)
    cost = F.relu(margin + positive - negative)
    return cost.mean() if reduce == "mean" else cost.sum()


class HardestTriplet(nn.Module):
    """Batch-hard triplets whatever the modality (HT).

    Source: Hermans, Beyer, Leibe, "In Defense of the Triplet Loss for Person Re-Identification", arXiv 1703.07737.
    """

    def __init__(self, margin: float = 0.3, reduce: Reduce = "mean") -> None:
        super().__init__()
        self.margin, self.reduce = margin, reduce

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """features: float (n, d). labels: int64 (n,). A scalar."""
        return hardest_triplets(features, features, labels, self.margin, self.reduce)
