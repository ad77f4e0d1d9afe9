"""The hard pentaplet loss of HPILN: an anchor, its hardest pair in the whole batch, and its hardest pair across.

Source: Zhao, Lin, Xuan, Xi, "HPILN: a feature learning framework for cross-modality person re-identification", IET Image
Processing 13(14), 2019 (methods.md 5.3).
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from rgbir.training.losses.hardest import hardest_triplets

Terms = Literal["both", "hgt", "hct"]


class HardPentaplet(nn.Module):
    """(sum HGT + sum HCT) / M over the M images of a batch, each of them an anchor in both sums.

    HGT is the hardest triplet among all images, HCT the one whose positive and negative are of the other modality.

    Args:
        margin: the paper searches 0.3 to 1.8 and doesn't say which won.
        terms: one of the sums alone, to see what it does.
    """

    def __init__(self, margin: float = 0.3, terms: Terms = "both") -> None:
        super().__init__()
        self.margin, self.terms = margin, terms

    def forward(self, features: Tensor, labels: Tensor, infrared: Tensor) -> Tensor:
        """features: float (M, d). labels: int64 (M,). infrared: bool (M,). A scalar."""
        total = features.new_zeros(())
        if self.terms != "hct":
            total = total + self.anywhere(features, labels)
        if self.terms != "hgt":
            total = total + self.across(features, labels, infrared)
        return total / len(labels)

    def anywhere(self, features: Tensor, labels: Tensor) -> Tensor:
        """The sum of HGT, a scalar; arguments as of `forward`."""
        return hardest_triplets(features, features, labels, self.margin, "sum")

    def across(self, features: Tensor, labels: Tensor, infrared: Tensor) -> Tensor:
        """The sum of HCT, a scalar; arguments as of `forward`."""
        sides = [(features[side], labels[side]) for side in (~infrared, infrared)]
        (rgb, of_rgb), (ir, of_ir) = sides
        there = hardest_triplets(rgb, ir, of_rgb, self.margin, "sum", of_ir)
        return there + hardest_triplets(ir, rgb, of_ir, self.margin, "sum", of_rgb)
