"""Layers that see the whole batch although each process has a part of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from rgbir.training.layers import BatchNormNeck, WholeDropout
from rgbir.training.method import Method
from rgbir.training.ranks import Ranks


class SynchronisedBatchNorm(_BatchNorm):
    """Batch norm by the mean and the variance of all processes' values; torch's own takes no tensors on a processor.

    From float (n, channels, …) to the same shape; every process has as many rows. In evaluation it is the layer that it
    replaces.

    Args:
        layer: what it replaces, whose parameters and buffers it takes.
        ranks: the processes.
    """

    def __init__(self, layer: _BatchNorm, ranks: Ranks) -> None:
        super().__init__(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        self.weight, self.bias = layer.weight, layer.bias
        self.running_mean, self.running_var = layer.running_mean, layer.running_var
        self.num_batches_tracked = layer.num_batches_tracked
        self.ranks = ranks
        self.train(layer.training)

    def _check_input_dim(self, input: Tensor) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        normalised, mean, variance = _Normalised.apply(input, self.weight, self.bias, self.eps, self.ranks)
        values = input.numel() // input.shape[1] * self.ranks.count
        assert self.momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        with torch.no_grad():
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_((variance * values / (values - 1)).to(self.running_var.dtype), self.momentum)
            self.num_batches_tracked.add_(1)
        return normalised


class _Normalised(torch.autograd.Function):
    """weight · (x - mean) / sqrt(variance + eps) + bias, with the mean and the variance of every process's x."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, ranks: Ranks
    ) -> tuple[Tensor, Tensor, Tensor]:
        over = _over(x)
        precise = _precise(x)
        means, variances = ranks.stacked(torch.stack([precise.mean(over), precise.var(over, unbiased=False)])).unbind(1)
        mean = means.mean(0)
        variance = variances.mean(0) + means.var(0, unbiased=False)  # as many values in every process
        ctx.ranks = ranks
        ctx.save_for_backward(x, weight, mean, (variance + eps).rsqrt())
        ctx.mark_non_differentiable(mean, variance)
        return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps), mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, scale = ctx.saved_tensors
        over, shape = _over(x), (1, -1, *(1 for _ in x.shape[2:]))
        given, standard = _precise(gradients[0]), (_precise(x) - mean.view(shape)) * scale.view(shape)
        sums = torch.stack([given.sum(over), (given * standard).sum(over)])
        of_x = None
        if ctx.needs_input_grad[0]:
            count = x.numel() // x.shape[1] * ctx.ranks.count
            first, second = (ctx.ranks.stacked(sums).sum(0) / count).view(2, *shape).unbind()
            factor = scale if weight is None else scale * weight
            of_x = ((given - first - standard * second) * factor.view(shape)).to(x.dtype)
        of_weight = sums[1].to(weight.dtype) if ctx.needs_input_grad[1] else None
        of_bias = sums[0].to(sums.dtype if weight is None else weight.dtype) if ctx.needs_input_grad[2] else None
        return of_x, of_weight, of_bias, None, None


def _over(x: Tensor) -> list[int]:
    return [0, *range(2, x.ndim)]


def _precise(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def share(method: Method, ranks: Ranks, sync_bn: bool) -> None:
    """Prepares a method for batches of which each process has a part.

    Args:
        method: what is trained.
        ranks: the processes.
        sync_bn: whether its batch norms are synchronised. Necks read gathered vectors, so they see the whole batch anyway.
    """
    method.ranks = ranks
    if ranks.count == 1:
        return
    for parent in list(method.modules()):
        if isinstance(parent, WholeDropout):
            parent.ranks = ranks
        for name, layer in list(parent.named_children()) if sync_bn else ():
            if isinstance(layer, _BatchNorm) and not isinstance(layer, BatchNormNeck):
                setattr(parent, name, SynchronisedBatchNorm(layer, ranks))
