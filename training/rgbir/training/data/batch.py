"""What the losses of a method get to see in one update.

Where several processes share a batch of N rows, each has the images of n of them, and the labels of all N. Alone, n = N.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from rgbir.training.data.transforms import Changes
from rgbir.training.device import sent


class PairBatch(NamedTuple):
    """Row i of `rgb` and row i of `ir` show the same person, `labels[i]`.

    Attributes:
        rgb, ir: float32 (n, 3, height, width), normalised.
        labels: int64 (N,), 0 ≤ label < identities.
    """

    rgb: Tensor
    ir: Tensor
    labels: Tensor


class TupleBatch(NamedTuple):
    """N tuples: an anchor, a positive and a negative, each in both modalities.

    Attributes:
        rgb, ir: float32 (3, n, 3, height, width), normalised; the first axis is anchor, positive, negative.
        labels: int64 (N,), the class of anchor and positive, 0 ≤ label < identities. The negatives' classes differ
            from it.
    """

    rgb: Tensor
    ir: Tensor
    labels: Tensor


class MixedBatch(NamedTuple):
    """Images of several people, in any mixture of the modalities.

    Attributes:
        images: float32 (n, 3, height, width), normalised.
        infrared: bool (N,), True where the image is infrared.
        labels: int64 (N,), 0 ≤ label < identities.
    """

    images: Tensor
    infrared: Tensor
    labels: Tensor


class ViewBatch(NamedTuple):
    """One view or two of each of N RGB and N IR images; row i of all of them shows the same person, `labels[i]`.

    Attributes:
        rgb, ir: float32 (views, n, 3, height, width), normalised; the first axis is an image's views, as `recipe.views` has them.
        labels: int64 (N,), 0 ≤ label < identities.
    """

    rgb: Tensor
    ir: Tensor
    labels: Tensor

    @property
    def views(self) -> int:
        """Blocks of N rows, where those of RGB and then of IR images stand after each other."""
        return len(self.rgb) + len(self.ir)


Batch = TupleBatch | PairBatch | ViewBatch | MixedBatch


class RawBatch(NamedTuple):
    """A batch as a loader process hands it on: bytes, and what the device is to do with them.

    Attributes:
        images: uint8 (n, height, width, 3), RGB; where a method's batch has two parts, the RGB images and then the
            infrared ones; of views, those of a part after each other.
        changes: of each of them.
        infrared: bool, True where the image is infrared, of all images of the batch.
        labels: int64, as the method's batch has them.
    """

    images: Tensor
    changes: Changes
    infrared: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> RawBatch:
        """The same on a device, but for the changes: `changed` looks at some of them, and a GPU would have to be waited for."""
        images, infrared, labels = (sent(part, device) for part in (self.images, self.infrared, self.labels))
        return RawBatch(images, self.changes, infrared, labels)
