"""Classifiers of two modalities that teach each other: MPANet (beyond.md 4.3)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

Mutual = Literal["own_other", "other_own"]


def cross_kl(learner: Tensor, teacher: Tensor, order: Mutual = "own_other") -> Tensor:
    """mean_i KL( softmax(learner_i) || softmax(teacher_i) ), a scalar; `other_own` is the other way round, as one distils.

    Args:
        learner: float (n, C), logits, in MPANet of each row's own modality's classifier.
        teacher: float (n, C), logits of the other's; constants.
        order: which is the first distribution.

    Source: Wu et al., "Discover Cross-Modality Nuances for Visible-Infrared Person Re-Identification", CVPR 2021.
    """
    p, q = learner.log_softmax(dim=1), teacher.detach().log_softmax(dim=1)
    first, second = (p, q) if order == "own_other" else (q, p)
    return F.kl_div(second, first, reduction="batchmean", log_target=True)


def ema_step(average: Tensor, current: Tensor, rate: float | Tensor = 0.2) -> Tensor:
    """(1 - rate) · average + rate · current: float (C, d) all."""
    return (1 - rate) * average + rate * current
