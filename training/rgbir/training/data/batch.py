"""What the losses of a method get to see in one update."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class PairBatch(NamedTuple):
    """Row i of `rgb` and row i of `ir` show the same person, `labels[i]`.

    Attributes:
        rgb, ir: float32 (n, 3, height, width), normalised.
        labels: int64 (n,), 0 ≤ label < identities.
    """

    rgb: Tensor
    ir: Tensor
    labels: Tensor

    def to(self, device: object) -> PairBatch:
        return PairBatch(*_moved(self, device))


class TupleBatch(NamedTuple):
    """N tuples: an anchor, a positive and a negative, each in both modalities.

    Attributes:
        rgb, ir: float32 (3, N, 3, height, width), normalised; the first axis is anchor, positive, negative.
        labels: int64 (N,), the class of anchor and positive, 0 ≤ label < identities. The negatives' classes differ
            from it.
    """

    rgb: Tensor
    ir: Tensor
    labels: Tensor

    def to(self, device: object) -> TupleBatch:
        return TupleBatch(*_moved(self, device))


class MixedBatch(NamedTuple):
    """Images of several people, in any mixture of the modalities.

    Attributes:
        images: float32 (n, 3, height, width), normalised.
        infrared: bool (n,), True where the image is infrared.
        labels: int64 (n,), 0 ≤ label < identities.
    """

    images: Tensor
    infrared: Tensor
    labels: Tensor

    def to(self, device: object) -> MixedBatch:
        return MixedBatch(*_moved(self, device))


Batch = TupleBatch | PairBatch | MixedBatch


def _moved(batch: Batch, device: object) -> tuple[Tensor, Tensor, Tensor]:
    first, second, labels = (part.to(device, non_blocking=True) for part in batch)  # type: ignore[call-overload]
    return first, second, labels
