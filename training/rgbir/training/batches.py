"""What the losses of a method get to see in one update."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class TupleBatch(NamedTuple):
    """N tuples: an anchor, a positive and a negative, each in both modalities.

    rgb, ir: float32 (3, N, 3, height, width), normalised; the first axis is anchor, positive, negative.
    labels: int64 (N,), the class of anchor and positive, 0 ≤ label < identities. The negatives' classes differ from it.
    """

    rgb: Tensor
    ir: Tensor
    labels: Tensor

    def to(self, device: object) -> TupleBatch:
        rgb, ir, labels = (part.to(device, non_blocking=True) for part in self)  # type: ignore[call-overload]
        return TupleBatch(rgb, ir, labels)
