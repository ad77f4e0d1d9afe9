"""Identity classification (methods.md 1.5, 2.3, 7.10)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.layers import cosine


class SmoothedCrossEntropy(nn.Module):
    """mean of -sum_k q_k log softmax(logits)_k, with q_k = (1 - eps)·1[k = y] + eps/C.

    Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7.
    """

    def __init__(self, eps: float = 0.1) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """logits: float (n, C). labels: int64 (n,), 0 ≤ label < C. A scalar."""
        return F.cross_entropy(logits, labels, label_smoothing=self.eps)


def identity_pair(logits_rgb: Tensor, logits_ir: Tensor, labels: Tensor, eps: float = 0.1) -> Tensor:
    """The anchors of both modalities: each a batch mean, added and not averaged, a scalar.

    Args:
        logits_rgb, logits_ir: float (n, C).
        labels: int64 (n,), 0 ≤ label < C, of both.
        eps: label smoothing.
    """
    loss = SmoothedCrossEntropy(eps)
    total: Tensor = loss(logits_rgb, labels) + loss(logits_ir, labels)
    return total


def cosine_softmax(features: Tensor, weights: Tensor, labels: Tensor, kappa: float) -> Tensor:
    """Cross entropy of kappa · cos(v, w_k), batch mean, no smoothing, a scalar.

    Args:
        features: float (n, d).
        weights: float (C, d).
        labels: int64 (n,), 0 ≤ label < C.
        kappa: the scale.
    """
    return F.cross_entropy(kappa * cosine(features[:, None, :], weights[None, :, :]), labels)
