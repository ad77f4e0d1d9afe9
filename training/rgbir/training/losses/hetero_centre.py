"""Hetero-centre triplet: a person's centres in both modalities near each other, and far from the nearest centre of another person.

Source: Liu, Tan, Zhou, "Parameter Sharing Exploration and Hetero-Center Triplet Loss for Visible-Thermal Person
Re-Identification", IEEE TMM 2021 (beyond.md 7.2).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rgbir.training.losses.hardest import distance_matrix


def hetero_centre_triplet(rgb: Tensor, ir: Tensor, labels: Tensor, margin: float = 0.3) -> Tensor:
    """mean over centres of [margin + |c - c⁺| - min |c - c⁻|]_+, a scalar.

    c⁺ is the centre of the same person in the other modality, c⁻ any centre of another person. All views of a modality make
    its centres. Gradients flow through all of them.

    Args:
        rgb, ir: float (views, n, d), of one view or more.
        labels: int64 (n,), of each view's rows; of two people or more.
        margin: how much nearer the own centre has to be.
    """
    people, person = labels.unique(return_inverse=True)
    weights = F.one_hot(person, len(people)).to(rgb.dtype)
    weights = (weights / weights.sum(dim=0)).T
    centres = torch.cat([weights @ rgb.mean(dim=0), weights @ ir.mean(dim=0)])
    distances = distance_matrix(centres, centres)
    across = torch.cat([distances.diagonal(len(people)), distances.diagonal(-len(people))])
    others = ~torch.eye(len(people), dtype=torch.bool, device=labels.device).repeat(2, 2)
    nearest = distances.masked_fill(~others, torch.inf).amin(dim=1)
    return F.relu(margin + across - nearest).mean()
