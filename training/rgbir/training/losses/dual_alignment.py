"""The losses of DFE: stripes classified one by one, their distributions and their correlations aligned.

Source: Hao, Wang, Gao, Li, Wang, "Dual-alignment Feature Embedding for Cross-modality Person Re-identification",
ACM Multimedia 2019 (methods.md 4.3).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def stripe_identity(logits_rgb: Tensor, logits_ir: Tensor, labels: Tensor, eps: float = 0.0) -> Tensor:
    """The sum over stripes and modalities of batch-mean cross entropies, a scalar.

    Args:
        logits_rgb, logits_ir: float (N, K, C), of K stripes and C identities.
        labels: int64 (N,), 0 ≤ label < C.
        eps: label smoothing.
    """
    stripes = logits_rgb.shape[1]
    total: Tensor = sum(
        (
            F.cross_entropy(logits[:, stripe], labels, label_smoothing=eps)
            for logits in (logits_rgb, logits_ir)
            for stripe in range(stripes)
        ),
        start=logits_rgb.new_zeros(()),
    )
    return total


def distribution_gap(parts_rgb: Tensor, parts_ir: Tensor) -> Tensor:
    """L_d: 1/(2N) sum_j |mu_j - mu'_j|² + |sigma_j - sigma'_j|², over the K stripes of each image.

    Parts are float (N, K, D), the gap is a scalar.
    """
    mu, sigma = _moments(parts_rgb)
    mu_ir, sigma_ir = _moments(parts_ir)
    return ((mu - mu_ir).square().sum() + (sigma - sigma_ir).square().sum()) / (2 * parts_rgb.shape[0])


def _moments(parts: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and population deviation over stripes, (N, D) each.

    A variance below 1e-12 counts as 0 and passes no gradient (the guard of methods.md 1.7 would make its deviation 1e-6,
    which 4.9's numbers don't have).
    """
    mu = parts.mean(dim=1)
    variance = (parts - mu[:, None]).square().mean(dim=1)
    return mu, torch.where(variance > 1e-12, variance.clamp_min(1e-12).sqrt(), 0.0)


def correlation_gap(features_rgb: Tensor, features_ir: Tensor) -> Tensor:
    """L_c: |C_rgb - C_ir|_F² / N, where C holds the Pearson correlations of a modality's images.

    Features are float (N, D), the gap is a scalar.
    """
    return (_pearson(features_rgb) - _pearson(features_ir)).square().sum() / features_rgb.shape[0]


def _pearson(features: Tensor) -> Tensor:
    centred = features - features.mean(dim=1, keepdim=True)
    lengths = centred.square().sum(dim=1).clamp_min(1e-24).sqrt()
    return centred @ centred.T / (lengths[:, None] * lengths[None, :]).clamp_min(1e-12)
