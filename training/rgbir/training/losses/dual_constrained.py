"""Ranking between visible and thermal features: contrastive, top-ranking, and dual-constrained (methods.md 7.5, 7.6).

All of them look at unit vectors and begin by making them so. Rows i of both modalities show the same person.

Source: Ye, Lan, Li, Yuen, "Hierarchical Discriminative Learning for Visible Thermal Person Re-Identification", AAAI 2018;
Ye, Wang, Lan, Yuen, "Visible Thermal Person Re-Identification via Dual-Constrained Top-Ranking", IJCAI 2018.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.layers import row_distance, unit
from rgbir.training.losses.hardest import distance_matrix, hardest


def contrastive(rgb: Tensor, ir: Tensor, same: Tensor, margin: float = 0.5) -> Tensor:
    """0.5 mean( s d² + (1 - s) [margin - d]_+² ) over pairs of rows, a scalar.

    Unit length along the features; the released code of TONE normalises along the batch.

    Args:
        rgb, ir: float (n, d).
        same: float (n,), 1 where a row's images show the same person, 0 where not.
        margin: d of two people costs nothing from there on.
    """
    distance = row_distance(unit(rgb), unit(ir))
    return 0.5 * (same * distance.square() + (1 - same) * F.relu(margin - distance).square()).mean()


class DualConstrained(nn.Module):
    """BDTR: positives nearer than negatives across modalities, and apart from them within the gallery's modality.

    L_cross = mean_i [margin + d(v_i, t_p) - d(v_i, t_n)]_+ and the same with the roles exchanged, p the farthest positive
    and n the nearest negative; L_intra = mean_i [intra_margin - d(t_p, t_n)]_+ and exchanged.
    L_cross + weight · L_intra.

    Args:
        directions: `both`, or visible anchors only (the uni-directional "Top-Ranking" row).
        weight: of L_intra; 0 gives the rows without it (BCTR).
    """

    def __init__(
        self,
        margin: float = 0.5,
        intra_margin: float = 0.1,
        weight: float = 0.1,
        directions: Literal["both", "one"] = "both",
    ) -> None:
        super().__init__()
        self.margin, self.intra_margin, self.weight, self.directions = margin, intra_margin, weight, directions

    def forward(self, rgb: Tensor, ir: Tensor, labels: Tensor) -> Tensor:
        """rgb, ir: float (n, d). labels: int64 (n,), at least two different. A scalar."""
        rgb, ir = unit(rgb), unit(ir)
        pairs = [(rgb, ir), (ir, rgb)] if self.directions == "both" else [(rgb, ir)]
        return torch.stack([self._direction(anchors, gallery, labels) for anchors, gallery in pairs]).sum()

    def _direction(self, anchors: Tensor, gallery: Tensor, labels: Tensor) -> Tensor:
        distance = distance_matrix(anchors, gallery)
        same = labels[:, None] == labels[None, :]
        positive, negative = hardest(distance, same)
        cross = F.relu(self.margin + positive - negative).mean()
        if not self.weight:
            return cross
        p = distance.masked_fill(~same, -torch.inf).argmax(dim=1)
        n = distance.masked_fill(same, torch.inf).argmin(dim=1)
        return cross + self.weight * F.relu(self.intra_margin - row_distance(gallery[p], gallery[n])).mean()


class CentredRanking(nn.Module):
    """eBDTR, a reconstruction: positives across modalities nearer than any negative is to the pair's centre.

    With c_i = (v_i + t_i)/2: mean_i [margin + d(v_i, t_p) - min d(c_i, x_j)]_+ over negatives x_j of both modalities, and
    the same with the roles exchanged. The exact formula could not be verified.
    """

    def __init__(self, margin: float = 0.5) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, rgb: Tensor, ir: Tensor, labels: Tensor) -> Tensor:
        """rgb, ir: float (n, d). labels: int64 (n,), at least two different. A scalar."""
        rgb, ir = unit(rgb), unit(ir)
        same = labels[:, None] == labels[None, :]
        centres = (rgb + ir) / 2
        to_all = torch.cat([distance_matrix(centres, rgb), distance_matrix(centres, ir)], dim=1)
        negative = to_all.masked_fill(torch.cat([same, same], dim=1), torch.inf).amin(dim=1)
        positives = [hardest(distance_matrix(a, b), same).positive for a, b in ((rgb, ir), (ir, rgb))]
        return torch.stack([F.relu(self.margin + positive - negative).mean() for positive in positives]).sum()
