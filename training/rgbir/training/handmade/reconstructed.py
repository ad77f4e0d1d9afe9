"""CDFE, GMA and CRAFT: reconstructions, since only the outline of each is known to us.

Sources: Lin and Tang, "Inter-modality Face Recognition", ECCV 2006 (CDFE); Sharma et al., "Generalized Multiview Analysis",
CVPR 2012 (GMA, as GMLDA); Chen et al., "Person Re-Identification by Camera Correlation Aware Feature Augmentation", TPAMI
2018 (CRAFT). What is our reading: docs/methods/handmade.md.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from rgbir.index import Metric
from rgbir.training.handmade.mahalanobis import fit_xqda
from rgbir.training.handmade.projection import Projection, linear
from rgbir.training.handmade.recipe import CdfeSettings, CraftSettings, GmaSettings, XqdaSettings
from rgbir.training.handmade.sides import Floats, Sides, covariances
from rgbir.training.handmade.subspaces import leading, with_ridge

BLOCK = 1024


def fit_cdfe(sides: Sides, settings: CdfeSettings) -> Projection:
    """A map for each modality: two people's images far apart, one person's near, and so are neighbours in a modality.

    A pair is one vector here, (x, -z), and the two maps are one: what it makes of the vector is the difference of the two
    mapped images. Compared by Euclidean distance.
    """
    size = sides.x.shape[1]
    halves = np.eye(size, 2 * size), np.eye(size, 2 * size, size)
    same, different = covariances(Sides(sides.x @ halves[0], sides.z @ halves[1], sides.x_people, sides.z_people))
    local = scipy.linalg.block_diag(*(_neighbourhood(side, settings.neighbours) for side in (sides.x, sides.z)))
    small = same + settings.consistency * local
    map_ = leading(different, with_ridge(small, settings.ridge), settings.dimension)
    return linear(map_[:size], map_[size:], Metric.EUCLIDEAN)


def fit_gma(sides: Sides, settings: GmaSettings) -> Projection:
    """A map for each modality: people far apart within it, one person's means alike across. Compared by cosine.

    Each direction is found once more with the infrared half turned round, where the modalities go against each other: these
    are left out.
    """
    means = [mean - mean.mean(axis=0) for mean in sides.means()]
    crossed = settings.across * means[0].T @ means[1]
    large = np.block([[means[0].T @ means[0], crossed], [crossed.T, means[1].T @ means[1]]])
    within = [_within(values, people) for values, people in ((sides.x, sides.x_people), (sides.z, sides.z_people))]
    small = scipy.linalg.block_diag(*(with_ridge(scatter, settings.ridge) for scatter in within))
    size = sides.x.shape[1]
    map_ = leading(large, small, 2 * size)
    together = np.einsum("ik,ij,jk->k", map_[:size], crossed, map_[size:]) > 0
    map_ = map_[:, together][:, : settings.dimension]
    return linear(map_[:size], map_[size:], Metric.COSINE)


def fit_craft(sides: Sides, settings: CraftSettings, xqda: XqdaSettings) -> Projection:
    """x → (R x, M x) and z → (M z, R z), then XQDA: the less the modalities share, the more each has for itself.

    R = (2 - ω) / s and M = ω / s with s = √((2 - ω)² + ω²), where ω is the mean cosine of the principal angles between the
    two modalities' principal subspaces.
    """
    shared = shared_subspace(sides.x, sides.z, settings.dimension)
    scale = float(np.hypot(2 - shared, shared))
    apart, together = (2 - shared) / scale, shared / scale
    everything = np.eye(sides.x.shape[1])
    colour = np.concatenate([apart * everything, together * everything], axis=1)
    infrared = np.concatenate([together * everything, apart * everything], axis=1)
    augmented = Sides(sides.x @ colour, sides.z @ infrared, sides.x_people, sides.z_people)
    return fit_xqda(augmented, colour, infrared, xqda.ridge, xqda.basis)


def shared_subspace(x: Floats, z: Floats, dimension: int) -> float:
    """The mean cosine, 0 to 1, of the principal angles between the leading principal axes of (n, d) and of (m, d)."""
    axes = [np.linalg.svd(side - side.mean(axis=0), full_matrices=False)[2][:dimension] for side in (x, z)]
    return float(np.linalg.svd(axes[0] @ axes[1].T, compute_uv=False).clip(0, 1).mean())


def _neighbourhood(values: Floats, neighbours: int) -> Floats:
    """The mean of the outer products of differences between each vector of (n, d) and its nearest ones, (d, d)."""
    squares, total = np.square(values).sum(axis=1), np.zeros((values.shape[1],) * 2)
    most = min(neighbours, len(values) - 1)
    for start in range(0, len(values), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(values)))
        apart = squares[None, :] - 2 * values[rows] @ values.T
        apart[np.arange(len(rows)), rows] = np.inf
        nearest = np.argsort(apart, axis=1, kind="stable")[:, :most]
        differences = (values[rows][:, None] - values[nearest]).reshape(-1, values.shape[1])
        total += differences.T @ differences
    return total / max(1, len(values) * most)


def _within(values: Floats, people: NDArray[np.int64]) -> Floats:
    """Scatter around the people's means, (d, d)."""
    centred = values.copy()
    for person in np.unique(people):
        centred[people == person] -= values[people == person].mean(axis=0)
    return centred.T @ centred
