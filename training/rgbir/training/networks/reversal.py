"""An adversary inside one network: what it learns forwards, the layers before it unlearn (beyond.md 9.4).

Source: Ganin, Lempitsky, "Unsupervised Domain Adaptation by Backpropagation", ICML 2015.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: Tensor) -> Tensor:
        ctx.save_for_backward(strength)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (strength,) = ctx.saved_tensors
        return -strength.to(gradient.dtype) * gradient, None


def reversed_gradient(x: Tensor, strength: Tensor) -> Tensor:
    """x as it is, whose gradient comes back with the other sign, times a strength: float of any shape, and a scalar."""
    result: Tensor = _Reversal.apply(x, strength)
    return result
