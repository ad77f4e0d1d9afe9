"""One prediction taught by another, which gets no gradient (beyond.md 2.3).

Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", arXiv 1503.02531; as CAJ+ uses it.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def soft_cross_entropy(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean cross entropy of the student's softmax to the teacher's.

    Args:
        student, teacher: logits, float (n, classes).

    Returns:
        A scalar.
    """
    return -(teacher.detach().softmax(dim=1) * F.log_softmax(student, dim=1)).sum(dim=1).mean()


def distil_kl(student: Tensor, teacher: Tensor, temperature: float = 3.0) -> Tensor:
    """T² times the mean divergence of the student's softened prediction from the teacher's, whose guard is 1e-7.

    Args:
        student, teacher: logits, float (n, classes).
        temperature: T, which both are divided by.

    Returns:
        A scalar.
    """
    target = (teacher.detach() / temperature).softmax(dim=1) + 1e-7
    prediction = F.log_softmax(student / temperature, dim=1)
    return temperature**2 * (target * (target.log() - prediction)).sum(dim=1).mean()
