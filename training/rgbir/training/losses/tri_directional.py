"""HAT's ranking over three modalities, with weights as in AGW's (beyond.md 9.3; a reconstruction).

Source: Ye, Shen, Shao, "Visible-Infrared Person Re-Identification via Homogeneous Augmented Tri-Modal Learning", TIFS 2021.
"""

from __future__ import annotations

from itertools import permutations

import torch
from torch import Tensor
from torch.nn import functional as F

from rgbir.training.losses.hardest import distance_matrix
from rgbir.training.losses.weighted import exact_softmax


def tri_directional(visible: Tensor, infrared: Tensor, grey: Tensor, labels: Tensor) -> Tensor:
    """Over the six orders (a, p, n) of the three: sum of mean_i softplus( Σ_j w+_ij d(a_i, p_j) - Σ_k w-_ik d(a_i, n_k) ).

    w+ is the softmax of d over the person's rows of p, w- that of -d over others' rows of n.

    Args:
        visible, infrared, grey: float (n, d).
        labels: int64 (n,) of each, at least two different.

    Returns:
        A scalar.
    """
    same = labels[:, None] == labels[None, :]
    costs = []
    for anchors, positives, negatives in permutations((visible, infrared, grey)):
        far, near = distance_matrix(anchors, positives), distance_matrix(anchors, negatives)
        pull = (exact_softmax(far, same) * far).sum(dim=1)
        push = (exact_softmax(-near, ~same) * near).sum(dim=1)
        costs.append(F.softplus(pull - push).mean())
    return torch.stack(costs).sum()
