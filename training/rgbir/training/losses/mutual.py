"""Classifiers of two modalities that teach each other: MPANet (beyond.md 4.3)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

Mutual = Literal["own_other", "other_own"]


def cross_kl(own: Tensor, other: Tensor, order: Mutual = "own_other") -> Tensor:
    """mean_i KL( softmax(own_i) || softmax(other_i) ), a scalar; `other_own` is KL(other || own), the usual distillation.

    Args:
        own: float (n, C), logits that learn.
        other: float (n, C), logits that teach; constants.
        order: which is the first distribution.

    Source: Wu et al., "Discover Cross-Modality Nuances for Visible-Infrared Person Re-Identification", CVPR 2021.
    """
    learner, teacher = own.log_softmax(dim=1), other.detach().log_softmax(dim=1)
    first, second = (learner, teacher) if order == "own_other" else (teacher, learner)
    return F.kl_div(second, first, reduction="batchmean", log_target=True)


def ema_step(average: Tensor, current: Tensor, rate: float | Tensor = 0.2) -> Tensor:
    """(1 - rate) · average + rate · current, of the same shape."""
    return (1 - rate) * average + rate * current
