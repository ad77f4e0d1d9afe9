"""The losses of Base-Derivative: hardest triplets across modalities, and within each.

Source: Liu, Miao, Yang, Ding, "A Base-Derivative Framework for Cross-Modality RGB-Infrared Person Re-Identification",
ICPR 2020 (methods.md 6.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from rgbir.training.losses.hardest import Reduce, hardest_triplets

Mode = Literal["V", "I", "DV", "DI"]
"""Visible, infrared, and what is derived from each."""
MODES: tuple[Mode, ...] = ("V", "I", "DV", "DI")

PAIRS: dict[int, tuple[tuple[Mode, Mode], ...]] = {
    0: (("V", "I"),),  # baseline B2
    1: (("V", "I"), ("V", "DI")),
    2: (("V", "I"), ("I", "DV")),
    3: (("V", "I"), ("V", "DI"), ("I", "DV"), ("DI", "DV")),
    4: (("V", "I"), ("V", "DI"), ("I", "DV")),
}


def multi_directional(
    features: Mapping[Mode, Tensor], labels: Tensor, variant: int = 4, margin: float = 0.5, reduce: Reduce = "mean"
) -> Tensor:
    """MDL: hardest triplets between the modalities of each of the variant's pairs, both ways, a scalar.

    Args:
        features: float (n, d) of each modality that the variant's pairs name; row i shows person i in all of them.
        labels: int64 (n,).
        variant: 1 to 4 as the paper counts them; 0 is its baseline B2.
        margin: what the negative must be farther by.
        reduce: mean or sum over the anchors of a pair.
    """
    terms = [
        hardest_triplets(features[a], features[b], labels, margin, reduce)
        for pair in PAIRS[variant]
        for a, b in (pair, pair[::-1])
    ]
    return torch.stack(terms).sum()


def multi_mode(features: Mapping[Mode, Tensor], labels: Tensor, margin: float = 0.3, reduce: Reduce = "mean") -> Tensor:
    """MML: hardest triplets within each modality, added up to a scalar; features float (n, d), labels int64 (n,)."""
    return torch.stack([hardest_triplets(x, x, labels, margin, reduce) for x in features.values()]).sum()


def mode_identity(logits: Sequence[Tensor], labels: Tensor, eps: float = 0.0) -> Tensor:
    """Each modality's batch-mean cross entropy, added up to a scalar; logits float (n, C), labels int64 (n,)."""
    return torch.stack([F.cross_entropy(values, labels, label_smoothing=eps) for values in logits]).sum()
