"""Maps into a space that both modalities have in common: LFDA, CCA and SCM.

Sources: Sugiyama, "Dimensionality Reduction of Multimodal Labeled Data by Local Fisher Discriminant Analysis", JMLR 2007;
Hotelling, "Relations between Two Sets of Variates", Biometrika 1936; Rasiwasia et al., "A New Approach to Cross-Modal
Multimedia Retrieval", ACM MM 2010 (SCM).
"""

from __future__ import annotations

import warnings

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from rgbir.index import Metric
from rgbir.training.errors import BadRecipe
from rgbir.training.handmade.projection import Affine, Projection, linear
from rgbir.training.handmade.recipe import CcaSettings, LfdaSettings, ScmSettings
from rgbir.training.handmade.sides import Floats, Sides, paired_moments


def lfda_scatters(values: Floats, people: NDArray[np.int64], neighbour: int = 7) -> tuple[Floats, Floats]:
    """Local scatter within people and between people, (d, d) each, of vectors (n, d) and who they show.

    Pairs of one person count by how near they are: exp(-|a - b|² / (s_a s_b)), with s the distance to the neighbour of that
    number among the person's own vectors. Pairs of two people count alike.
    """
    count, size = values.shape
    within, between = np.zeros((size, size)), np.zeros((size, size))
    for person in np.unique(people):
        rows = values[people == person]
        affinity = _affinity(rows, neighbour)
        spread = (rows * affinity.sum(axis=1)[:, None]).T @ rows - rows.T @ affinity @ rows
        within += spread / len(rows)
        among = len(rows) * (rows.T @ rows) - np.outer(rows.sum(axis=0), rows.sum(axis=0))
        between += spread * (1 / count - 1 / len(rows)) - among / count
    total = count * (values.T @ values) - np.outer(values.sum(axis=0), values.sum(axis=0))
    return within, between + total / count


def fit_lfda(sides: Sides, settings: LfdaSettings) -> Projection:
    """The same map for both modalities, compared by Euclidean distance."""
    values = np.concatenate([sides.x, sides.z])
    within, between = lfda_scatters(values, np.concatenate([sides.x_people, sides.z_people]), settings.neighbour)
    map_ = leading(between, with_ridge(within, settings.ridge), settings.dimension)
    return linear(map_, map_, Metric.EUCLIDEAN)


def cca_correlations(x: Floats, y: Floats, ridge: float = 0.0) -> Floats:
    """Canonical correlations of rows (n, d) with rows (n, e), largest first."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    count = len(x)
    return _canonical(x.T @ x / count, x.T @ y / count, y.T @ y / count, ridge)[0]


def fit_cca(sides: Sides, settings: CcaSettings) -> Projection:
    """Leading canonical directions of all pairs of one person's images, compared by cosine."""
    mean_x, mean_z, xx, xz, zz = paired_moments(sides)
    _, of_x, of_z = _canonical(xx, xz, zz, settings.ridge)
    of_x, of_z = of_x[:, : settings.dimension], of_z[:, : settings.dimension]
    colour, infrared = Affine(of_x, -mean_x @ of_x), Affine(of_z, -mean_z @ of_z)
    return Projection(colour, infrared, Metric.COSINE, np.ones(of_x.shape[1]))


def fit_scm(sides: Sides, cca: CcaSettings, settings: ScmSettings) -> Projection:
    """Probabilities of the training people, by a regression for each modality; compared by their correlation.

    Raises:
        BadRecipe: scikit-learn isn't installed.
    """
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise BadRecipe(f"scm needs {error.name}: pip install 'rgbir[handmade]'") from error

    before = fit_cca(sides, cca)
    maps = []
    for map_, values, people in (
        (before.colour, sides.x, sides.x_people),
        (before.infrared, sides.z, sides.z_people),
    ):
        mapped = map_(values)
        size = float(np.sqrt(np.square(mapped).mean()))
        regression = LogisticRegression(C=settings.inverse_penalty, max_iter=settings.iterations)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the settings say how long
            regression.fit(mapped / size, people)
        weight, bias = regression.coef_, regression.intercept_
        if sides.people == 2:  # scikit-learn keeps the second one's, beside 0 for the first
            weight, bias = np.concatenate([0 * weight, weight]), np.concatenate([0 * bias, bias])
        maps.append(Affine(map_.matrix @ weight.T / size, map_.offset @ weight.T / size + bias))
    return Projection(maps[0], maps[1], Metric.COSINE, np.ones(sides.people), posterior=True)


def leading(large: Floats, small: Floats, most: int) -> Floats:
    """Directions (d, k) in which `large` is most times `small`, both (d, d), strongest first."""
    axes = scipy.linalg.eigh(large, small)[1][:, ::-1]
    return np.asarray(axes[:, :most], np.float64)


def with_ridge(scatter: Floats, ridge: float) -> Floats:
    """The scatter (d, d) with that share of its mean variance on the diagonal."""
    return np.asarray(scatter + ridge * np.trace(scatter) / len(scatter) * np.eye(len(scatter)), np.float64)


def _canonical(xx: Floats, xz: Floats, zz: Floats, ridge: float) -> tuple[Floats, Floats, Floats]:
    """Correlations (k,), and the directions of each side in columns."""
    left, right = (np.linalg.cholesky(matrix + ridge * np.eye(len(matrix))) for matrix in (xx, zz))
    inner = np.linalg.solve(right, np.linalg.solve(left, xz).T).T
    u, correlations, v = np.linalg.svd(inner, full_matrices=False)
    return correlations, np.linalg.solve(left.T, u), np.linalg.solve(right.T, v.T)


def _affinity(rows: Floats, neighbour: int) -> Floats:
    """Of one person's vectors (n, d) to each other, (n, n)."""
    squares = np.square(rows).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares[None, :] - 2 * rows @ rows.T, 0)
    np.fill_diagonal(apart, 0)
    scale = np.sqrt(np.sort(apart, axis=1)[:, min(neighbour, len(rows) - 1)])
    product = scale[:, None] * scale[None, :]
    return np.where(product > 0, np.exp(-apart / np.where(product > 0, product, 1)), apart == 0).astype(np.float64)
