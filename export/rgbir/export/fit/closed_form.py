"""The map itself, in closed form.

Each modality's mean is taken away. What then still differs within a person, whatever the camera and the modality, is
made equally small in every direction, and the directions in which people differ most are kept: Fisher's discriminant
analysis with a within-class covariance that is shrunk to a multiple of the identity.

Source: Friedman, "Regularized Discriminant Analysis", Journal of the American Statistical Association, 1989, for the
shrinkage.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rgbir.export.fit.labelled import Labelled
from rgbir.index import FittedMap, Modality

Floats = NDArray[np.float64]


class ClosedForm:
    """All maps that labelled sightings give, one for each shrinkage and dimension.

    The two modalities count alike, however many sightings each has: a person's centre is the middle between the means
    of both, and the within-class covariance is the mean of both around that centre.

    Args:
        labelled: people who were each seen in both modalities.

    Attributes:
        means: float64 (d,) of each modality.
        centres: float64 (p, d), of each person, without the modalities' means.
        variances: float64 (d,), the within-class covariance's along its own axes.
        axes: float64 (d, d), these axes in columns.
    """

    means: Mapping[Modality, Floats]
    centres: Floats
    variances: Floats
    axes: Floats

    def __init__(self, labelled: Labelled) -> None:
        people, unit = labelled.people, labelled.unit
        rows = {modality: labelled.of(modality) for modality in Modality}
        self.means = {modality: unit[which].mean(axis=0) for modality, which in rows.items()}
        centred = {modality: unit[which] - self.means[modality] for modality, which in rows.items()}
        numbers = {modality: np.searchsorted(people, labelled.identities[which]) for modality, which in rows.items()}
        self.centres = sum((_means(centred[m], numbers[m], len(people)) for m in Modality), np.zeros(())) / 2
        within = np.zeros((unit.shape[1],) * 2)
        for modality in Modality:
            apart = centred[modality] - self.centres[numbers[modality]]
            within += apart.T @ apart / (2 * len(apart))
        self.variances, self.axes = np.linalg.eigh(within)
        self.variances = np.maximum(self.variances, 0)  # rounding leaves some a little below

    def whitening(self, shrinkage: float) -> Floats:
        """float64 (d, d): the inverse square root of the shrunk within-class covariance, turned to its axes.

        Args:
            shrinkage: above 0 and up to 1, the share of the identity.
        """
        shrunk = (1 - shrinkage) * self.variances + shrinkage * self.variances.mean()
        return self.axes / np.sqrt(np.maximum(shrunk, np.finfo(np.float64).tiny))

    def discriminant(self, shrinkage: float, most: int) -> Floats:
        """float64 (d, k): whitening, then the k directions in which people differ most, strongest first.

        Args:
            shrinkage: see `whitening`.
            most: k is at most that, the dimension, and one less than there are people.
        """
        whitening = self.whitening(shrinkage)
        between = self.centres @ whitening
        directions = np.linalg.svd(between - between.mean(axis=0), full_matrices=False)[2]
        return whitening @ directions[: min(most, len(self.centres) - 1)].T

    def fitted(self, shrinkage: float, most: int) -> FittedMap:
        """The map of that shrinkage and at most that many values, in float32 as a bundle keeps it."""
        matrix = self.discriminant(shrinkage, most)
        scale = np.sqrt(len(self.centres)) / np.linalg.norm(self.centres @ matrix)  # people's centres are 1 long, about
        return FittedMap(self._means(), (matrix * scale).astype(np.float32))

    def centred(self) -> FittedMap:
        """The map that takes the modality's mean away, and does nothing else."""
        return FittedMap(self._means(), None)

    def _means(self) -> dict[Modality, NDArray[np.float32]]:
        return {modality: mean.astype(np.float32) for modality, mean in self.means.items()}


def _means(values: Floats, numbers: NDArray[np.int64], people: int) -> Floats:
    """Of each person's rows."""
    sums = np.zeros((people, values.shape[1]))
    np.add.at(sums, numbers, values)
    return sums / np.bincount(numbers, minlength=people)[:, None]
