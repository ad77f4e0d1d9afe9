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
