"""KISSME and XQDA: what differences of one person's images look like, against those of two people's.

Sources: Köstinger et al., "Large Scale Metric Learning from Equivalence Constraints", CVPR 2012 (KISSME); Liao et al.,
CVPR 2015 (XQDA), and their code.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from rgbir.training.errors import BadRecipe
from rgbir.training.handmade.projection import Projection, of_quadratic_form
from rgbir.training.handmade.sides import Floats, Sides, covariances, different_pairs, outer_mean

FLOOR, SMALL = 1e-10, 1e-6
"""Eigenvalues of KISSME's form up to the first become the second, where the form isn't positive definite."""
RIDGE = 1e-3
SINGULAR = 1e12
"""A covariance with axes whose variances differ by more can't be inverted."""
BLOCK = 8192


def kissme(xa: Floats, xb: Floats, same: NDArray[np.bool_]) -> Floats:
    """KISSME's form, (d, d), of pairs of rows.

    Args:
        xa, xb: float64 (n, d).
        same: (n,), True where a pair shows one person.
    """
    differences = xa - xb
    return kissme_of(outer_mean(differences[same]), outer_mean(differences[~same]))


def kissme_of(same: Floats, different: Floats) -> Floats:
    """KISSME's form of two covariances, (d, d) each.

    Raises:
        BadRecipe: one of them can't be inverted.
    """
    form = _inverse(same) - _inverse(different)
    values, axes = np.linalg.eigh((form + form.T) / 2)
    if values[0] > FLOOR:
        return form
    return (axes * np.where(values <= FLOOR, SMALL, values)) @ axes.T


def mahalanobis(x: Floats, y: Floats, form: Floats) -> float:
    """(x - y) M (x - y)ᵀ of two vectors (d,), without a root; negative where M allows it."""
    difference = x - y
    return float(difference @ form @ difference)


def fit_kissme(sides: Sides, seed: int) -> Projection:
    """From all pairs of one person, and as many of two people, drawn by that seed.

    Raises:
        BadRecipe: there are more dimensions than the images can tell apart.
    """
    same, _ = covariances(sides)
    count = int(sides.counts[0] @ sides.counts[1])
    left, right = different_pairs(sides, count, seed)
    different = np.zeros_like(same)
    for start in range(0, count, BLOCK):
        block = slice(start, start + BLOCK)
        apart = sides.x[left[block]] - sides.z[right[block]]
        different += apart.T @ apart
    everything = np.eye(len(same))
    return of_quadratic_form(kissme_of(same, different / count), everything, everything)


def xqda_covariances(
    gallery: Floats, probe: Floats, yg: NDArray[np.int64], yp: NDArray[np.int64], lam: float = RIDGE
) -> tuple[Floats, Floats]:
    """Covariances of differences within people, with lam on its diagonal, and between people, (d, d) each.

    Args:
        gallery, probe: float64 (n, d) and (m, d).
        yg, yp: who they show, from 0 on.
        lam: keeps the first one regular.
    """
    within, between = covariances(Sides(gallery, probe, yg, yp))
    return within + lam * np.eye(len(within)), between


def fit_xqda(
    sides: Sides,
    colour: Floats | None = None,
    infrared: Floats | None = None,
    ridge: float = RIDGE,
    basis: Literal["eigen", "svd"] = "eigen",
) -> Projection:
    """The subspace where people differ more than one person does, and KISSME's form in it, which isn't clipped.

    With `eigen` the form's eigenvalues are 1 - 1/λ, of subspace values λ above 1: no distance is negative. Only where no λ
    is above 1, and one direction is kept all the same, they are. With `svd` they can be in any case.

    Args:
        sides: vectors, mapped already where maps are given.
        colour, infrared: maps (d, k) that were applied to the vectors; none if None.
        ridge: added to the covariance within people.
        basis: eigenvectors, or the left singular vectors of the same product, as the released code has it.

    Raises:
        BadRecipe: the covariance within people isn't regular.
    """
    within, between = xqda_covariances(sides.x, sides.z, sides.x_people, sides.z_people, ridge)
    if basis == "eigen":
        _expect_regular(within)
        values, axes = scipy.linalg.eigh(between, within)
        values, axes = values[::-1], axes[:, ::-1]
    else:
        axes, values, _ = np.linalg.svd(_inverse(within) @ between)
    subspace = axes[:, : max(1, int((values > 1).sum()))]
    form = np.linalg.inv(subspace.T @ within @ subspace) - np.linalg.inv(subspace.T @ between @ subspace)
    left, right = (subspace if map_ is None else map_ @ subspace for map_ in (colour, infrared))
    return of_quadratic_form(form, left, right)


def _inverse(covariance: Floats) -> Floats:
    _expect_regular(covariance)
    return np.asarray(np.linalg.inv(covariance), np.float64)


def _expect_regular(covariance: Floats) -> None:
    variances = np.linalg.eigvalsh(covariance)
    if not variances[0] * SINGULAR > variances[-1]:
        raise BadRecipe(
            f"the differences fill fewer than {len(covariance)} dimensions, so their covariance has no inverse; fit to more"
            " images, or to fewer axes: --set pca.dimension=40"
        )
