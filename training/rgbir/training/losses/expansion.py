"""DEEN's losses of centres and of branches (beyond.md 3.3).

Source: Zhang, Wang, "Diverse Embedding Expansion Network and Low-Light Cross-Modality Benchmark for Visible-Infrared Person
Re-identification", CVPR 2023.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rgbir.training.losses.hardest import distance_matrix


def centres_of(features: Tensor, labels: Tensor) -> Tensor:
    """The mean of each identity's rows, in the order of their labels.

    Args:
        features: float (n, d).
        labels: int64 (n,).

    Returns:
        float (identities, d).
    """
    same = labels.unique()[:, None] == labels[None, :]
    weights = same.to(features.dtype)
    return weights @ features / weights.sum(dim=1, keepdim=True)


def centre_guided_pairs(
    rgb: Tensor, ir: Tensor, rgb_branch: Tensor, ir_branch: Tensor, labels: Tensor, margin: float = 0.2
) -> Tensor:
    """CPM: a branch's centres of one modality are nearer to the other modality's than to their source, and other people's.

    Args:
        rgb, ir, rgb_branch, ir_branch: float (n, d), rows of the same people.
        labels: int64 (n,), of two people or more.
        margin: by which they are.

    Returns:
        A scalar.
    """
    v, i, v_branch, i_branch = (centres_of(rows, labels) for rows in (rgb, ir, rgb_branch, ir_branch))
    total = v.new_zeros(())
    for source, branch, other in ((v, v_branch, i), (i, i_branch, v)):
        across = _apart(other, branch)
        total = total + F.relu(margin + across - _apart(source, branch).detach()).mean()
        for near in (_nearest(branch), _nearest(source)):
            total = total + F.relu(margin + across - near).mean() / 2
    return total / 2


def _apart(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distance row by row; of coinciding rows 1e-6."""
    return (x - y).square().sum(dim=1).clamp_min(1e-12).sqrt()


def _nearest(centres: Tensor) -> Tensor:
    """Each one's distance to the nearest other."""
    itself = torch.eye(len(centres), dtype=torch.bool, device=centres.device)
    return distance_matrix(centres, centres).masked_fill(itself, torch.inf).amin(dim=1)


def branch_overlap(first: Tensor, second: Tensor) -> Tensor:
    """A third of the mean inner product of two branches' vectors of one image; as released, lengths count.

    Args:
        first, second: float (n, d).

    Returns:
        A scalar.
    """
    return (first * second).sum(dim=1).mean() / 3
