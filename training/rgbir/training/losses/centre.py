"""Centre loss: each feature near the trained centre of its identity (methods.md 2.6, 5.3).

Source: Wen et al., "A Discriminative Feature Learning Approach for Deep Face Recognition", ECCV 2016.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def centre_loss(features: Tensor, labels: Tensor, centres: Tensor, factor: float = 0.5) -> Tensor:
    """factor · mean |x - c_y|², a scalar.

    Args:
        features: float (n, d).
        labels: int64 (n,), 0 ≤ y < C.
        centres: float (C, d).
        factor: a half in the paper; expAT's released code has none.
    """
    return factor * (features - centres[labels]).square().sum(dim=1).mean()


class Centres(nn.Module):
    """The loss, and its centres, which follow by plain gradient descent on it, unweighted, at a rate of their own.

    They are a buffer: the optimiser of the network has no part in them, a checkpoint keeps them.

    Args:
        identities: how many centres.
        dimension: length of each.
        rate: of their descent.
        factor: of the loss, and so of their gradient; see `centre_loss`.
    """

    def __init__(self, identities: int, dimension: int, rate: float = 0.5, factor: float = 0.5) -> None:
        super().__init__()
        self.rate, self.factor = rate, factor
        self.centres: Tensor
        self.register_buffer("centres", torch.randn(identities, dimension))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """features: float32 (n, d). labels: int64 (n,). A scalar.

        In training the centres take their step after the loss is known.
        """
        loss = centre_loss(features, labels, self.centres.clone(), self.factor)
        if self.training:
            with torch.no_grad():
                pull = 2 * self.factor * (features - self.centres[labels]).detach() / len(labels)
                self.centres.index_add_(0, labels, pull, alpha=self.rate)
        return loss
