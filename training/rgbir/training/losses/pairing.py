"""Which modality an anchor's positive and negative come from."""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor, nn

Pairing = Literal["bi", "uni"]


class Roles(NamedTuple):
    """Embeddings of the tuples of one modality.

    Attributes:
        anchor, positive, negative: float (N, d).
    """

    anchor: Tensor
    positive: Tensor
    negative: Tensor


class PairedLoss(nn.Module):
    """A triplet loss asked twice: for RGB anchors and for IR anchors.

    With pairing `bi` an anchor's positive and negative come from the other modality, with `uni` from its own.
    Subclasses say what one direction costs, and how the directions add up.
    """

    def __init__(self, pairing: Pairing = "bi") -> None:
        super().__init__()
        self.pairing = pairing

    def direction(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """The scalar cost of one direction; arguments float (N, d).

        Raises:
            TypeError: the subclass defines none.
        """
        raise TypeError(f"{type(self).__name__} defines no direction")

    def weights(self) -> tuple[float, float]:
        """Of the RGB-anchored and of the IR-anchored direction."""
        return 1.0, 1.0

    def forward(self, rgb: Roles, ir: Roles) -> Tensor:
        """The weighted sum of both directions, a scalar."""
        others = (ir, rgb) if self.pairing == "bi" else (rgb, ir)
        of_rgb, of_ir = self.weights()
        return of_rgb * self.direction(rgb.anchor, others[0].positive, others[0].negative) + of_ir * self.direction(
            ir.anchor, others[1].positive, others[1].negative
        )
