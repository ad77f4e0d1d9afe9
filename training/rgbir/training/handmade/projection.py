"""What a metric comes down to: an affine map for each modality, and how the mapped vectors are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rgbir.index import Metric, Modality
from rgbir.training.handmade.sides import Floats

ROUNDED = 1e-10
"""An eigenvalue of this share of the largest is 0 but for rounding."""


@dataclass(frozen=True, eq=False)
class Affine:
    """x → x A + b.

    Attributes:
        matrix: A, float64 (d, k).
        offset: b, float64 (k,).
    """

    matrix: Floats
    offset: Floats

    def __call__(self, values: Floats) -> Floats:
        """(n, d) → (n, k)."""
        return values @ self.matrix + self.offset


@dataclass(frozen=True, eq=False)
class Projection:
    """The map of each modality.

    Attributes:
        colour, infrared: the maps.
        metric: of the mapped vectors.
        signs: float64 (k,), 1 or -1, by which each value's squared difference counts in a Euclidean distance.
        posterior: mapped vectors are made to probabilities of people, without their mean, before they are compared.
    """

    colour: Affine
    infrared: Affine
    metric: Metric
    signs: Floats
    posterior: bool = False

    def of(self, modality: Modality) -> Affine:
        """That modality's map."""
        return self.colour if modality is Modality.RGB else self.infrared

    @property
    def one_map(self) -> bool:
        """Whether both modalities have the same map."""
        pairs = ((self.colour.matrix, self.infrared.matrix), (self.colour.offset, self.infrared.offset))
        return all(np.array_equal(*pair) for pair in pairs)

    @property
    def is_a_vector(self) -> bool:
        """Whether no distance can be negative, so that vectors with a metric have all of them."""
        return bool((self.signs > 0).all())


def linear(colour: Floats, infrared: Floats, metric: Metric, signs: Floats | None = None) -> Projection:
    """Maps without an offset, by matrices (d, k)."""
    none = np.zeros(colour.shape[1])
    return Projection(
        Affine(colour, none), Affine(infrared, none), metric, np.ones(colour.shape[1]) if signs is None else signs
    )


def of_quadratic_form(form: Floats, colour: Floats, infrared: Floats) -> Projection:
    """The distance (x C - z I) M (x C - z I)ᵀ as a map: the square root of M's eigenvalues, with their signs.

    Args:
        form: M, float64 (k, k), symmetric.
        colour, infrared: C and I, float64 (d, k).
    """
    values, axes = np.linalg.eigh((form + form.T) / 2)
    kept = np.abs(values) > ROUNDED * np.abs(values).max()
    root = axes[:, kept] * np.sqrt(np.abs(values[kept]))
    return linear(colour @ root, infrared @ root, Metric.EUCLIDEAN, np.sign(values[kept]))
