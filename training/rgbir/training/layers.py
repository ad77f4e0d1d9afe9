"""Small parts that several methods share."""

from __future__ import annotations

from copy import deepcopy
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.index import Modality
from rgbir.training.ranks import ALONE, Ranks

NeckKind = Literal["scale", "full", "none", "off"]


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """cos(x, y) = x.y / max(|x| |y|, 1e-8) along the last axis, in float32 or better; 0 for zero vectors.

    The lengths' squares are kept off zero, so the gradient stays finite there (methods.md 1.1, 1.7).

    Args:
        x, y: float (..., d); their leading axes broadcast.

    Returns:
        float32, or float64 of float64; the leading axes, values in -1..1.
    """
    x, y = _precise(x), _precise(y)
    lengths = x.square().sum(-1).clamp_min(1e-24).sqrt() * y.square().sum(-1).clamp_min(1e-24).sqrt()
    return (x * y).sum(-1) / lengths.clamp_min(1e-8)


def row_distance(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distance of corresponding rows; coinciding rows give 1e-6 and no gradient (methods.md 1.7).

    Rows are float (n, d) in both, distances float32 or better, (n,).
    """
    return (_precise(x) - _precise(y)).square().sum(-1).clamp_min(1e-12).sqrt()


def unit(x: Tensor) -> Tensor:
    """Rows of length 1, in float32 or better; rows shorter than 1e-6 become 0 and get no gradient; NaN stays NaN.

    From float (..., d) to the same shape.
    """
    with torch.autocast(x.device.type, enabled=False):
        x = _precise(x)
        lengths = x.square().sum(-1, keepdim=True).clamp_min(1e-12).sqrt()
        return torch.where(lengths <= 1e-6, 0.0, x / lengths)


def _precise(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


class Projection(nn.Sequential):
    """Linear, batch norm, rectifier: float (n, inputs) → float (n, outputs)."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        linear = nn.Linear(inputs, outputs, bias=bias)
        nn.init.normal_(linear.weight, std=0.01)
        if bias:
            nn.init.zeros_(linear.bias)
        super().__init__(linear, nn.BatchNorm1d(outputs), nn.ReLU())


class GlobalAveragePool(nn.Module):
    """The mean over the positions of a map: float (n, c, h, w) → float (n, c)."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.mean(dim=(2, 3))


class GeneralisedMeanPool(nn.Module):
    """GeM: ((mean x^p) + 1e-12)^(1/p) over the positions of a non-negative map, in float32 or better.

    Source: Radenović et al., "Fine-tuning CNN Image Retrieval with No Human Annotation", TPAMI 2019 (methods.md 3.2).

    Args:
        p: 1 is the mean; the larger, the nearer to the maximum.
        learn: whether it is trained.
    """

    def __init__(self, p: float = 3.0, learn: bool = False) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor(p), requires_grad=learn)

    def bound(self) -> None:
        """A trained exponent that fell below 1 becomes 1, since at 0 there is no pooling and no finite gradient."""
        if self.p.requires_grad:
            with torch.no_grad():
                self.p.clamp_(min=1.0)

    def forward(self, maps: Tensor) -> Tensor:
        """float (n, c, h, w) → float32 or better (n, c)."""
        with torch.autocast(maps.device.type, enabled=False):
            return (_precise(maps).flatten(2).pow(self.p).mean(dim=2) + 1e-12).pow(1 / self.p)


class NonLocal(nn.Module):
    """x + BN(W y), y = (theta^T phi / positions) g: every position looks at every other; the identity at the start.

    From maps float (n, channels, h, w) to maps of the same shape.

    Source: Wang et al., "Non-local Neural Networks", CVPR 2018, dot-product form (methods.md 3.2).
    """

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.theta, self.phi, self.g = (nn.Conv2d(channels, inner, 1) for _ in range(3))
        self.w = nn.Conv2d(inner, channels, 1)
        self.bn = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.bn.weight)
        nn.init.zeros_(self.bn.bias)

    def forward(self, x: Tensor) -> Tensor:
        theta, phi, g = (part(x).flatten(2) for part in (self.theta, self.phi, self.g))
        attention = theta.transpose(1, 2) @ phi / theta.shape[2]
        y = (attention @ g.transpose(1, 2)).transpose(1, 2)
        return x + self.bn(self.w(y.unflatten(2, x.shape[2:])))


class ModalityAlleviation(nn.Module):
    """w x + (1 - w) IN(x): how much of each channel's instance normalisation replaces it, w in 0..1, is learnt from its mean.

    From maps float (n, channels, h, w), with two positions or more, to maps of the same shape.

    Source: Wu et al., "Discover Cross-Modality Nuances for Visible-Infrared Person Re-Identification", CVPR 2021 (beyond.md 4.2).
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.up = nn.Conv2d(channels // reduction, channels, 1, bias=False)
        for layer in (self.down, self.up):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        w = self.up(F.relu(self.down(x.mean(dim=(2, 3), keepdim=True)))).sigmoid()
        return w * x + (1 - w) * F.instance_norm(x)


def part_vectors(maps: Tensor, masks: Tensor | None) -> Tensor:
    """The means of the map under each mask, one after another, and then its plain mean; all divide by all positions.

    Args:
        maps: float (n, c, h, w).
        masks: float (n, P, h, w), or none.

    Returns:
        float32 or better (n, (P + 1) · c).
    """
    with torch.autocast(maps.device.type, enabled=False):
        maps = _precise(maps).flatten(2)
        if masks is None:
            return maps.mean(dim=2)
        parts = _precise(masks).flatten(2) @ maps.transpose(1, 2) / maps.shape[2]
        return torch.cat([parts.flatten(1), maps.mean(dim=2)], dim=1)


class ByModality(nn.Module):
    """Two copies of a part, one a modality; tensors of any shape that the part takes."""

    def __init__(self, rgb: nn.Module, ir: nn.Module) -> None:
        super().__init__()
        self.rgb, self.ir = rgb, ir

    def forward(self, x: Tensor, modality: Modality) -> Tensor:
        return self.rgb(x) if modality is Modality.RGB else self.ir(x)


class Shared(nn.Module):
    """One part for both modalities, called as `ByModality` is; tensors of any shape that the part takes."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor, modality: Modality) -> Tensor:
        return self.part(x)


class BatchNormNeck(nn.BatchNorm1d):
    """Batch norm on embeddings that were gathered from all processes: float (n, channels) → the same."""


class WholeDropout(nn.Dropout):
    """Dropout before the processes' rows are gathered: it draws for the rows of all processes, and takes its own.

    From float (n, …) to the same. So a batch that is divided loses the values that the whole one would.
    """

    ranks: Ranks = ALONE

    def forward(self, input: Tensor) -> Tensor:
        if self.ranks.count == 1 or not self.training or not self.p:
            return super().forward(input)
        kept = input.new_ones(len(input) * self.ranks.count, *input.shape[1:])
        if input.ndim == 4 and input.is_contiguous(memory_format=torch.channels_last):
            kept = kept.contiguous(memory_format=torch.channels_last)  # values are lost in the order of the memory
        rows, kept = len(kept), F.dropout(kept, self.p)
        return input * kept[self.ranks.share.of(rows)]


def batch_norm_neck(channels: int, kind: NeckKind = "scale") -> nn.Module:
    """Batch norm on an embedding (methods.md 1.8; CSBN of 2.2).

    `scale`: weight trained from 1, bias fixed at 0. `full`: both trained. `none`: neither. `off`: no layer at all.
    """
    if kind == "off":
        return nn.Identity()
    neck = BatchNormNeck(channels, affine=kind != "none")
    if kind == "scale":
        neck.bias.requires_grad_(False)
    return neck


def necks(channels: int, kind: NeckKind, per_modality: bool) -> ByModality | Shared:
    """A neck for each modality, which begin alike, or one for both."""
    neck = batch_norm_neck(channels, kind)
    return ByModality(neck, deepcopy(neck)) if per_modality else Shared(neck)


def linear_classifier(channels: int, identities: int, std: float = 0.001, bias: bool = False) -> nn.Linear:
    """Weights N(0, std²), without a bias (methods.md 1.8), or with one that starts at 0."""
    classifier = nn.Linear(channels, identities, bias=bias)
    nn.init.normal_(classifier.weight, std=std)
    if bias:
        nn.init.zeros_(classifier.bias)
    return classifier


class CosineClassifier(nn.Module):
    """Logits kappa · cos(v, w_k), kappa = softplus of a free scalar that starts at 0 (methods.md 7.10).

    Source: Wojke & Bewley, "Deep Cosine Metric Learning for Person Re-identification", WACV 2018.
    """

    def __init__(self, channels: int, identities: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(identities, channels))
        nn.init.normal_(self.weight, std=0.001)
        self.free_scale = nn.Parameter(torch.zeros(()))

    @property
    def kappa(self) -> Tensor:
        """The scale, a positive float32 scalar."""
        return F.softplus(self.free_scale)

    def forward(self, embeddings: Tensor) -> Tensor:
        """float (n, channels) → logits float32 or better (n, identities), in -kappa..kappa."""
        return self.kappa * cosine(embeddings[:, None, :], self.weight[None, :, :])
