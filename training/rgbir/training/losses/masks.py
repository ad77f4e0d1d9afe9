"""Soft masks of one image that look at different places: MPANet (beyond.md 4.3), SAAI (5.3)."""

from __future__ import annotations

import torch
from torch import Tensor


def mask_overlap(masks: Tensor) -> Tensor:
    """2 / (n P (P - 1)) · sum over images and pairs r < s of <m_r, m_s>, a scalar; it grows with the number of cells.

    Args:
        masks: float (n, P, cells), P ≥ 2, in 0..1.

    Source: Wu et al., "Discover Cross-Modality Nuances for Visible-Infrared Person Re-Identification", CVPR 2021.
    """
    r, s = _pairs(masks)
    return (masks[:, r] * masks[:, s]).sum(dim=2).mean()


def _pairs(masks: Tensor) -> Tensor:
    """int64 (2, P (P - 1) / 2): r and s of all pairs r < s."""
    return torch.triu_indices(masks.shape[1], masks.shape[1], offset=1, device=masks.device)


def prototype_diversity(masks: Tensor, cells: int | None = None) -> Tensor:
    """- mean over images and pairs r < s of sqrt( sum_c (m_r(c) - m_s(c))² / cells ), a scalar in -1..0.

    Equal masks give 1e-6 and no gradient.

    Args:
        masks: float (n, P, cells), P ≥ 2, in 0..1.
        cells: what the squares are divided by, if not by how many there are; the released code always takes 162.

    Source: Fang, Yang, Fu, "Visible-Infrared Person Re-Identification via Semantic Alignment and Affinity Inference", ICCV 2023.
    """
    r, s = _pairs(masks)
    squares = (masks[:, r] - masks[:, s]).square().sum(dim=2) / (cells or masks.shape[2])
    return -squares.clamp_min(1e-12).sqrt().mean()


def prototype_likeness(masks: Tensor) -> Tensor:
    """mean over images and pairs r < s of <m_r, m_s>, and 1 less the masks' mean: a scalar, in `prototype_diversity`'s place.

    Args:
        masks: float (n, P, cells), P ≥ 2, in 0..1.
    """
    return mask_overlap(masks) + 1 - masks.mean()
