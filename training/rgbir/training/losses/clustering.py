"""Each image near the centre of its person in the batch, and the centres apart: MPANet (beyond.md 4.3), SAAI (5.3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rgbir.training.layers import row_distance


def centre_cluster(features: Tensor, labels: Tensor, margin: float = 0.7, slack: float = 0.0) -> Tensor:
    """mean_i [|f_i - c_y| - slack]_+  +  mean_k mean_{j: y_j ≠ k} [margin - |c_k - c_{y_j}|]_+, a scalar.

    c_k is the mean of all rows of identity k in the batch, whatever their modality; gradients go through it. Distances are
    Euclidean and not squared. Alone in a batch, a person pushes nobody.

    Args:
        features: float (n, d), as they are.
        labels: int64 (n,).
        margin: what centres of two people are apart by, at least.
        slack: how far from its centre an image may be for nothing; SAAI's is 0.01.

    Source: Wu et al., "Discover Cross-Modality Nuances for Visible-Infrared Person Re-Identification", CVPR 2021.
    """
    _, rows, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    of_person = F.one_hot(rows, len(counts)).to(features.dtype)
    centres = of_person.T @ features / counts[:, None]
    pull = F.relu(row_distance(features, centres[rows]) - slack).mean()
    if len(counts) < 2:
        return pull
    near = F.relu(margin - row_distance(centres[:, None], centres[None]))
    others = counts * ~torch.eye(len(counts), dtype=torch.bool, device=counts.device)  # images of each other person
    return pull + ((others * near).sum(dim=1) / others.sum(dim=1)).mean()
