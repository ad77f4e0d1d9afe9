"""Hand-made descriptors and metrics: worked numbers, scikit-image, slow loops."""

from __future__ import annotations

import colorsys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from skimage.feature import hog

from rgbir.index import Metric
from rgbir.training.errors import BadRecipe
from rgbir.training.handmade.axes import principal_axes
from rgbir.training.handmade.colours import grey_of, hsv_code, hsv_eighths
from rgbir.training.handmade.hog import Hog
from rgbir.training.handmade.lomo import Lomo, siltp
from rgbir.training.handmade.mahalanobis import (
    fit_kissme,
    fit_xqda,
    kissme,
    mahalanobis,
    xqda_covariances,
)
from rgbir.training.handmade.projection import Projection, of_quadratic_form
from rgbir.training.handmade.recipe import (
    METRICS,
    CcaSettings,
    CdfeSettings,
    CraftSettings,
    GmaSettings,
    LfdaSettings,
    LomoSettings,
    ScmSettings,
    XqdaSettings,
    system_named,
)
from rgbir.training.handmade.reconstructed import fit_cdfe, fit_craft, fit_gma, shared_subspace
from rgbir.training.handmade.retinex import multi_scale
from rgbir.training.handmade.sides import Sides, covariances, different_pairs, paired_moments
from rgbir.training.handmade.subspaces import cca_correlations, fit_cca, fit_lfda, fit_scm, lfda_scatters

G3 = [[0.2, 0.4, 0.6], [0.1, 0.5, 0.5], [0.9, 0.3, 0.52]]
G7 = [
    [0.5, 0.5, 0.5, 0.5, 0.5],
    [0.5, 0.9, 0.5, 0.2, 0.5],
    [0.5, 0.4, 0.6, 0.8, 0.1],
    [0.3, 0.5, 0.7, 0.5, 0.5],
    [0.9, 0.5, 0.5, 0.6, 0.4],
]
KA = np.array([[0, 0], [1, 0], [0, 1], [2, 2], [3, 1], [1, 3]], float)
KB = np.array([[0.2, 0.1], [1.3, -0.2], [-0.1, 1.2], [0, 0], [0, 2], [3, 0]])
XG = np.array([[1, 0, 0.5], [0, 1, 0.2], [2, 1, 0], [0.3, 0.4, 1]])
XP = np.array([[0.8, 0.1, 0.6], [0.1, 1.3, 0], [1.7, 0.9, 0.3], [0.5, 0.2, 0.7]])


# --- worked numbers


@pytest.mark.proves("worked numbers", *(f"lomo+{metric}" for metric in METRICS))
@pytest.mark.parametrize(
    ("grey", "radius", "expected"),
    [
        (G3, 1, [[29, 11, 9], [62, 36, 0], [4, 26, 9]]),
        (
            G7,
            2,
            [[0, 0, 0, 54, 27], [27, 40, 54, 80, 0], [54, 2, 1, 13, 78], [62, 15, 9, 3, 18], [4, 18, 18, 7, 3]],
        ),
    ],
)
def test_textures_are_the_worked_numbers(grey: list[list[float]], radius: int, expected: list[list[int]]) -> None:
    assert siltp(torch.tensor([grey], dtype=torch.float64), radius)[0].tolist() == expected


@pytest.mark.parametrize(("hue", "saturation", "value", "code"), [(0.3, 0.5, 0.99, 482), (0.0, 0.0, 0.4, 192)])
def test_a_colour_has_one_of_512_codes(hue: float, saturation: float, value: float, code: int) -> None:
    assert hsv_code(*(torch.tensor(v, dtype=torch.float64) for v in (hue, saturation, value))).item() == code


@pytest.mark.proves("worked numbers", "hog+kissme", "lomo+kissme")
def test_kissmes_form_is_the_worked_one_and_is_clipped() -> None:
    same = np.array([1, 1, 1, 0, 0, 0], bool)

    assert_allclose(kissme(KA, KB, same), [[29.802817, 19.929577], [19.929577, 46.427230]], atol=1e-6)
    assert_allclose(kissme(KB, KA, ~same), 1e-6 * np.eye(2), atol=1e-12)


def test_a_form_may_give_negative_distances() -> None:
    assert mahalanobis(np.array([1.0, 2]), np.zeros(2), np.array([[2.0, 1], [1, -1]])) == pytest.approx(2, abs=1e-6)
    assert mahalanobis(np.array([0.0, 1]), np.zeros(2), np.array([[2.0, 1], [1, -1]])) == -1


@pytest.mark.proves("worked numbers", "hog+xqda", "lomo+xqda")
def test_xqdas_covariances_are_the_worked_ones() -> None:
    within, between = xqda_covariances(XG, XP, np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]))

    expected = [[0.885, -0.264, 0.03], [-0.264, 0.193, -0.064], [0.03, -0.064, 0.071]]
    assert_allclose(within, expected, atol=1e-6)
    expected = [
        [0.967273, 0.133636, -0.194545],
        [0.133636, 0.534545, -0.317273],
        [-0.194545, -0.317273, 0.284545],
    ]
    assert_allclose(between, expected, atol=1e-6)


@pytest.mark.proves("worked numbers", "hog+cca", "lomo+cca")
@pytest.mark.parametrize(("ridge", "expected"), [(0.0, [0.589744, 0.429844]), (0.1, [0.538719, 0.373812])])
def test_canonical_correlations_are_the_worked_ones(ridge: float, expected: list[float]) -> None:
    assert_allclose(cca_correlations(KA, KB, ridge), expected, atol=1e-6)


# --- descriptors


def pictures(rng: np.random.Generator, count: int, height: int = 128, width: int = 48) -> NDArray[np.uint8]:
    """Noise, soft shapes, infrared-like greys, black and white."""
    noise = rng.integers(0, 256, (count, height, width, 3), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    waves = [128 + 120 * np.sin(rows / (4 + k) + k) * np.cos(columns / (7 - k)) for k in range(3)]
    noise[0] = np.stack(waves, axis=-1).astype(np.uint8)
    noise[1] = noise[0, :, :, :1]
    noise[2] = np.repeat(noise[0].reshape(height // 8, 8, width, 3)[:, :1], 8, axis=1).reshape(height, width, 3)
    noise[3], noise[4] = 0, 255
    return noise


@pytest.mark.proves("worked numbers", *(f"hog+{metric}" for metric in METRICS))
def test_hog_is_scikit_images(rng: np.random.Generator) -> None:
    images = pictures(rng, 6)

    described = Hog()(torch.from_numpy(images)).numpy()

    assert described.shape == (6, 2700)
    grey = grey_of(torch.from_numpy(images).double()).numpy()
    for image, ours in zip(grey, described, strict=True):
        theirs = hog(
            image, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2), block_norm="L2-Hys",
            transform_sqrt=False,
        )  # fmt: skip
        assert_allclose(ours, theirs, atol=2e-6)


def test_a_gradient_has_one_orientation_in_float32_and_in_float64() -> None:
    """All gradients of whole numbers: none lies so near the border of two orientations that rounding decides."""
    steps = torch.arange(-255, 256)
    y, x = (side.flatten() for side in torch.meshgrid(steps, steps, indexing="ij"))
    below = (y < 0) | ((y == 0) & (x < 0))
    x, y = torch.where(below, -x, x), torch.where(below, -y, y)
    sides = []
    for kind in (torch.float32, torch.float64):
        turns = Hog().turns.double() if kind is torch.float64 else Hog().turns
        sides.append(y.to(kind)[:, None] * turns[:, 0] - x.to(kind)[:, None] * turns[:, 1] >= 0)

    assert torch.equal(*sides)
    exact = np.degrees(np.arctan2(y.double().numpy(), x.double().numpy()))
    there = (x != 0) | (y != 0)
    assert_allclose(sides[0].sum(dim=1)[there].numpy(), exact[there.numpy()] // 20)


def slow_lomo(image: NDArray[np.uint8], colour: bool) -> NDArray[np.float64]:
    """By the definition, pixel by pixel and window by window, in fractions."""
    grey = np.array(
        [[(2989 * int(r) + 5870 * int(g) + 1140 * int(b) + 5000) // 10_000 for r, g, b in row] for row in image]
    )
    codes: list[list[NDArray[Any]]] = [[], [], []]
    channels: NDArray[Any] = np.empty((3, *grey.shape), int)
    for place in np.ndindex(grey.shape):
        red, green, blue = (int(v) for v in image[place]) if colour else (int(grey[place]),) * 3
        high, low = max(red, green, blue), min(red, green, blue)
        spread = high - low
        hue = Fraction(0)
        if spread:
            hue = (
                Fraction(green - blue, spread) % 6
                if high == red
                else Fraction(blue - red, spread) + 2
                if high == green
                else Fraction(red - green, spread) + 4
            ) / 6
        value = Fraction(high, 255)
        saturation = Fraction(spread, high) if high else Fraction(0)
        if place[1] == 7:
            theirs = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
            assert_allclose([float(hue), float(saturation), float(value)], theirs, atol=1e-12)
        for number, channel in enumerate((hue, saturation, value)):
            channels[(number, *place)] = min(int(8 * channel), 7)
    shades: Any = grey.astype(object)
    for scale in range(3):
        if scale:
            channels = np.sum([channels[:, i::2, j::2] for i in (0, 1) for j in (0, 1)], axis=0) // 4
            shades = sum(shades[i::2, j::2] for i in (0, 1) for j in (0, 1)) * Fraction(1, 4)
        codes[0].append(64 * channels[2] + 8 * channels[1] + channels[0])
        height, width = shades.shape
        for part, radius in ((1, 3), (2, 5)):
            code = np.zeros(shades.shape, int)
            for y, x in np.ndindex(shades.shape):
                centre = shades[y, x]
                for digit, (dy, dx) in enumerate(((0, 1), (-1, 0), (0, -1), (1, 0))):
                    near = shades[min(max(y + radius * dy, 0), height - 1), min(max(x + radius * dx, 0), width - 1)]
                    darker, lighter = near < Fraction(7, 10) * centre, near > Fraction(13, 10) * centre
                    code[y, x] += 3**digit * (1 if darker else 2 if lighter else 0)
            codes[part].append(code)
    parts = []
    for scales, bins in zip(codes, (512, 81, 81), strict=True):
        rows = []
        for code in scales:
            for top in range(0, code.shape[0] - 9, 5):
                windows = [
                    np.bincount(code[top : top + 10, left : left + 10].ravel(), minlength=bins)
                    for left in range(0, code.shape[1] - 9, 5)
                ]
                rows.append(np.max(windows, axis=0))
        values = np.log(1 + np.concatenate(rows))
        parts.append(values / np.linalg.norm(values))
    return np.concatenate(parts)


@pytest.mark.proves("worked numbers", *(f"lomo+{metric}" for metric in METRICS))
@pytest.mark.parametrize("seen", ["colour", "grey"])
@pytest.mark.slow
def test_lomo_is_that_of_a_slow_loop(rng: np.random.Generator, seen: Any) -> None:
    images = pictures(rng, 6)[[2, 5]] if seen == "colour" else pictures(rng, 6)[[2]]

    described = Lomo(LomoSettings(input=seen))(torch.from_numpy(images)).numpy()

    assert described.shape == (len(images), 26_960)
    for image, ours in zip(images, described, strict=True):
        assert_allclose(ours, slow_lomo(image, seen == "colour"), atol=2e-7)


def test_colours_and_textures_don_t_depend_on_the_precision() -> None:
    rng = np.random.default_rng(5)
    images = torch.from_numpy(pictures(rng, 6))
    assert torch.equal(hsv_eighths(images.float()).double(), hsv_eighths(images.double()))
    grey = torch.from_numpy(rng.integers(0, 256, (4, 64, 24)) / 16)
    assert torch.equal(siltp(grey.float(), 3).double(), siltp(grey, 3))


def test_an_infrared_image_fills_eight_colours_at_most(rng: np.random.Generator) -> None:
    """It has neither hue nor saturation."""
    infrared = torch.from_numpy(np.repeat(rng.integers(0, 256, (2, 128, 48, 1), np.uint8), 3, axis=3))
    colours = Lomo(LomoSettings())(infrared)[:, : 40 * 512].unflatten(1, (40, 512))
    filled = colours.amax(dim=1) > 0
    assert filled.nonzero()[:, 1].unique().tolist() == [64 * value for value in range(8)]


def test_retinex_is_that_of_the_formula(rng: np.random.Generator) -> None:
    image = pictures(rng, 6)[0, :40, :30].astype(float)
    intensity = (image + 1).mean(axis=2)
    logs = []
    for sigma in (5, 20):
        reach = np.arange(-4 * sigma, 4 * sigma + 1)
        weights = np.exp(-(reach**2) / (2 * sigma**2)) / np.exp(-(reach**2) / (2 * sigma**2)).sum()
        light = np.pad(intensity, 4 * sigma, mode="edge")
        light = np.array([np.convolve(row, weights, mode="valid") for row in light])
        light = np.array([np.convolve(column, weights, mode="valid") for column in light.T]).T
        logs.append(np.log10(intensity) - np.log10(light))
    low, high = np.percentile(sum(logs) / 2, 10), np.percentile(sum(logs) / 2, 90)
    wanted = 1 + 255 * np.clip((sum(logs) / 2 - low) / (high - low), 0, 1)
    expected = np.empty_like(image)
    for y, x in np.ndindex(intensity.shape):
        gain = min(256 / (image[y, x].max() + 1), wanted[y, x] / intensity[y, x])
        expected[y, x] = np.clip((image[y, x] + 1) * gain - 1, 0, 255)

    assert_allclose(multi_scale(image[None])[0], expected, atol=1e-8)
    assert (multi_scale(np.full((1, 8, 8, 3), 7.0)) == 7).all()


# --- what metrics are fitted to


def two_sides(seed: int = 3, people: int = 5, size: int = 4) -> Sides:
    """People with other numbers of images each, and a modality with its own shift."""
    rng = np.random.default_rng(seed)
    x_people, z_people = (
        rng.permutation(np.repeat(np.arange(people), np.arange(3, people + 3))),
        np.arange(3 * people) % people,
    )
    centres = rng.normal(size=(people, size)) * 2
    x = centres[x_people] + rng.normal(size=(len(x_people), size))
    z = centres[z_people] @ rng.normal(size=(size, size)) * 0.7 + rng.normal(size=(len(z_people), size)) + 1
    return Sides(x, z, x_people, z_people)


def test_covariances_over_all_pairs_are_those_of_a_slow_loop() -> None:
    sides = two_sides()
    same: list[NDArray[Any]] = []
    different: list[NDArray[Any]] = []
    for x, person in zip(sides.x, sides.x_people, strict=True):
        for z, other in zip(sides.z, sides.z_people, strict=True):
            (same if person == other else different).append(np.outer(x - z, x - z))

    for ours, loop in zip(covariances(sides), (same, different), strict=True):
        assert_allclose(ours, np.mean(loop, axis=0), atol=1e-12)


def test_moments_over_all_pairs_of_a_person_are_those_of_a_slow_loop() -> None:
    sides = two_sides()
    rows = [(x, z) for x, p in zip(sides.x, sides.x_people, strict=True)
            for z, q in zip(sides.z, sides.z_people, strict=True) if p == q]  # fmt: skip
    x, z = (np.array(side) for side in zip(*rows, strict=True))
    both = np.cov(x.T, z.T, bias=True)

    mean_x, mean_z, xx, xz, zz = paired_moments(sides)

    assert_allclose(mean_x, x.mean(axis=0), atol=1e-12)
    assert_allclose(mean_z, z.mean(axis=0), atol=1e-12)
    assert_allclose(np.block([[xx, xz], [xz.T, zz]]), both, atol=1e-12)


def test_different_pairs_are_of_two_people_and_the_same_for_a_seed() -> None:
    sides = two_sides()
    rows, columns = different_pairs(sides, 500, seed=1)

    assert len(rows) == len(columns) == 500
    assert (sides.x_people[rows] != sides.z_people[columns]).all()
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) > 150
    again = different_pairs(sides, 500, seed=1)
    assert (rows == again[0]).all()
    assert (rows != different_pairs(sides, 500, seed=2)[0]).any()


def test_lfdas_scatters_are_those_of_a_slow_loop() -> None:
    sides = two_sides(people=3)
    values, people = np.concatenate([sides.x, sides.z]), np.concatenate([sides.x_people, sides.z_people])
    n = len(values)
    within, between = np.zeros((4, 4)), np.zeros((4, 4))

    def scale(i: int) -> float:
        return float(sorted(np.linalg.norm(values[people == people[i]] - values[i], axis=1))[5])

    for i in range(n):
        for j in range(n):
            apart = values[i] - values[j]
            if people[i] == people[j]:
                near, count = np.exp(-(apart @ apart) / (scale(i) * scale(j))), (people == people[i]).sum()
                within += near / count * np.outer(apart, apart) / 2
                between += near * (1 / n - 1 / count) * np.outer(apart, apart) / 2
            else:
                between += np.outer(apart, apart) / n / 2

    for ours, loop in zip(lfda_scatters(values, people, 5), (within, between), strict=True):
        assert_allclose(ours, loop, atol=1e-10)


# --- metrics


def distances(projection: Projection, sides: Sides) -> NDArray[np.float64]:
    """Between all of x and all of z, squared where they are Euclidean: (n, m)."""
    x, z = projection.colour(sides.x), projection.infrared(sides.z)
    if projection.metric is Metric.COSINE:
        x, z = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (x, z))
        return 1 - x @ z.T
    return ((x[:, None] - z[None]) ** 2 * projection.signs).sum(axis=2)


def of_form(form: NDArray[np.float64], sides: Sides) -> NDArray[np.float64]:
    return np.array([[mahalanobis(x, z, form) for z in sides.z] for x in sides.x])


def test_kissme_s_map_has_the_distances_of_its_form() -> None:
    sides = two_sides()
    same = [(i, j) for i, p in enumerate(sides.x_people) for j, q in enumerate(sides.z_people) if p == q]
    different = list(zip(*different_pairs(sides, len(same), seed=4), strict=True))
    rows, columns = np.array(same + different).T
    form = kissme(sides.x[rows], sides.z[columns], np.arange(len(rows)) < len(same))

    projection = fit_kissme(sides, seed=4)

    assert projection.is_a_vector
    assert_allclose(distances(projection, sides), of_form(form, sides), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("basis", ["eigen", "svd"])
def test_xqda_s_map_has_the_distances_of_its_form(basis: Any) -> None:
    sides = two_sides(size=6)
    within, between = xqda_covariances(sides.x, sides.z, sides.x_people, sides.z_people)
    if basis == "eigen":
        values, axes = np.linalg.eig(np.linalg.solve(within, between))
    else:
        axes, values, _ = np.linalg.svd(np.linalg.solve(within, between))
    subspace = axes[:, values > 1].real
    assert subspace.shape[1] > 0
    form = np.linalg.inv(subspace.T @ within @ subspace) - np.linalg.inv(subspace.T @ between @ subspace)

    projection = fit_xqda(sides, basis=basis)

    assert_allclose(distances(projection, sides), of_form(subspace @ form @ subspace.T, sides), rtol=1e-6, atol=1e-8)


def test_xqda_s_form_is_positive_in_eigenvectors_and_needn_t_be_in_singular_ones() -> None:
    fitted = {
        basis: [fit_xqda(two_sides(seed, size=6), basis=basis) for seed in range(20)] for basis in ("eigen", "svd")
    }

    assert all(projection.is_a_vector for projection in fitted["eigen"])
    assert not all(projection.is_a_vector for projection in fitted["svd"])


def test_xqda_keeps_one_direction_where_none_parts_people() -> None:
    """Everybody looks alike, and each person differs from camera to camera: the form is negative, and not clipped."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 3))
    people = np.arange(30)
    sides = Sides(x, -x + 1e-3 * rng.normal(size=x.shape), people, people)

    projection = fit_xqda(sides)

    assert projection.signs.tolist() == [-1]


def test_a_form_is_its_map_with_the_signs_of_its_eigenvalues() -> None:
    rng = np.random.default_rng(1)
    form = rng.normal(size=(4, 4))
    form = form + form.T
    colour, infrared = rng.normal(size=(2, 3, 4))
    sides = Sides(rng.normal(size=(5, 3)), rng.normal(size=(6, 3)), np.arange(5), np.arange(6))

    projection = of_quadratic_form(form, colour, infrared)

    expected = [[mahalanobis(x @ colour, z @ infrared, form) for z in sides.z] for x in sides.x]
    assert_allclose(distances(projection, sides), expected, atol=1e-10)
    assert set(projection.signs) == {-1.0, 1.0}
    assert not projection.is_a_vector


def test_images_that_fill_fewer_dimensions_are_refused_with_what_to_do() -> None:
    sides = two_sides(people=3, size=30)
    with pytest.raises(BadRecipe, match=r"fill fewer than 30 dimensions.* --set pca.dimension=40"):
        fit_kissme(sides, seed=0)


def test_lfda_s_directions_are_its_scatters_own() -> None:
    sides = two_sides()
    values, people = np.concatenate([sides.x, sides.z]), np.concatenate([sides.x_people, sides.z_people])
    within, between = lfda_scatters(values, people)
    expected = np.sort(scipy.linalg.eigvals(between, within + 1e-3 * np.trace(within) / 4 * np.eye(4)).real)[::-1]

    matrix = fit_lfda(sides, LfdaSettings(dimension=2)).colour.matrix

    quotients = [(w @ between @ w) / (w @ (within + 1e-3 * np.trace(within) / 4 * np.eye(4)) @ w) for w in matrix.T]
    assert_allclose(quotients, expected[:2], rtol=1e-8)


def test_cca_s_directions_have_its_correlations() -> None:
    sides = two_sides()
    rows = [(x, z) for x, p in zip(sides.x, sides.x_people, strict=True)
            for z, q in zip(sides.z, sides.z_people, strict=True) if p == q]  # fmt: skip
    x, z = (np.array(side) for side in zip(*rows, strict=True))

    projection = fit_cca(sides, CcaSettings(ridge=0, dimension=3))

    expected = cca_correlations(x, z)[:3]
    directions = zip(projection.colour(x).T, projection.infrared(z).T, strict=True)
    assert_allclose([np.corrcoef(*pair)[0, 1] for pair in directions], expected, atol=1e-9)
    assert_allclose(projection.colour(x).mean(axis=0), 0, atol=1e-9)


@pytest.mark.parametrize("people", [2, 5])
def test_scm_compares_who_it_would_be(people: int) -> None:
    from sklearn.linear_model import LogisticRegression

    sides = two_sides(people=people)
    before = fit_cca(sides, CcaSettings())

    projection = fit_scm(sides, CcaSettings(), ScmSettings(iterations=2000))

    assert projection.posterior
    mapped = before.infrared(sides.z)
    scaled = mapped / np.sqrt((mapped**2).mean())
    theirs = LogisticRegression(max_iter=2000).fit(scaled, sides.z_people).predict_proba(scaled)
    powers = np.exp(projection.infrared(sides.z))
    assert_allclose(powers / powers.sum(axis=1, keepdims=True), theirs, atol=1e-6)


def turned(sides: Sides, seed: int = 0) -> Sides:
    """The same infrared side, seen through another matrix: no distance without a map for each modality helps."""
    rng = np.random.default_rng(seed)
    return Sides(sides.x, sides.z @ rng.normal(size=(sides.x.shape[1],) * 2), sides.x_people, sides.z_people)


def shared_people(people: int = 12, size: int = 8, seed: int = 0, noise: float = 0.15) -> Sides:
    """People who look alike in both modalities, and each modality adds a little of its own."""
    rng = np.random.default_rng(seed)
    numbers = np.repeat(np.arange(people), 6)
    centres = rng.normal(size=(people, size))
    x, z = (centres[numbers] + noise * rng.normal(size=(len(numbers), size)) for _ in range(2))
    return Sides(x, z, numbers, numbers)


def found(projection: Projection, sides: Sides) -> float:
    """The share of infrared images whose nearest colour image shows the same person."""
    nearest = distances(projection, sides).argmin(axis=0)
    return float((sides.x_people[nearest] == sides.z_people).mean())


@pytest.mark.parametrize("metric", ["cdfe", "gma", "cca", "scm", "craft"])
def test_a_map_for_each_modality_finds_people_that_no_common_one_does(metric: str) -> None:
    sides = turned(shared_people())
    fits = {
        "cdfe": lambda: fit_cdfe(sides, CdfeSettings()),
        "gma": lambda: fit_gma(sides, GmaSettings()),
        "cca": lambda: fit_cca(sides, CcaSettings()),
        "scm": lambda: fit_scm(sides, CcaSettings(), ScmSettings()),
        "craft": lambda: fit_craft(sides, CraftSettings(dimension=3), XqdaSettings()),
    }
    everything = np.eye(8)

    projection = fits[metric]()

    assert found(of_quadratic_form(everything, everything, everything), sides) < 0.35
    assert found(projection, sides) > 0.8


def test_cdfe_s_and_gma_s_maps_are_stationary_points_of_their_quotients() -> None:
    """What is large over what is small, written from the definition, pair by pair."""
    sides = two_sides()
    size, ridge = 4, 1e-3
    settings = CdfeSettings(neighbours=2, consistency=0.7, dimension=1, ridge=ridge)
    projection = fit_cdfe(sides, settings)
    same: list[NDArray[Any]] = []
    different: list[NDArray[Any]] = []
    for x, p in zip(sides.x, sides.x_people, strict=True):
        for z, q in zip(sides.z, sides.z_people, strict=True):
            pair = np.concatenate([x, -z])
            (same if p == q else different).append(np.outer(pair, pair))
    local = np.zeros((8, 8))
    for place, side in ((slice(0, 4), sides.x), (slice(4, 8), sides.z)):
        near = []
        for row in side:
            order = np.argsort(np.linalg.norm(side - row, axis=1), kind="stable")
            near += [np.outer(row - side[k], row - side[k]) for k in order[1:3]]
        local[place, place] = np.mean(near, axis=0)
    small: Any = np.mean(same, axis=0) + 0.7 * local
    small += ridge * np.trace(small) / 8 * np.eye(8)
    largest = scipy.linalg.eigh(np.mean(different, axis=0), small, eigvals_only=True)[-1]
    w = np.concatenate([projection.colour.matrix[:, 0], projection.infrared.matrix[:, 0]])
    assert (w @ np.mean(different, axis=0) @ w) / (w @ small @ w) == pytest.approx(largest, rel=1e-9)

    gma = fit_gma(sides, GmaSettings(dimension=1, across=0.5, ridge=ridge))
    blocks, centres = [], []
    for side, people in ((sides.x, sides.x_people), (sides.z, sides.z_people)):
        means = np.array([side[people == p].mean(axis=0) for p in range(5)])
        scatter = sum(np.outer(v - means[p], v - means[p]) for v, p in zip(side, people, strict=True))
        blocks.append(scatter + ridge * np.trace(scatter) / size * np.eye(size))
        centres.append(means - means.mean(axis=0))
    crossed = 0.5 * centres[0].T @ centres[1]
    large = np.block([[centres[0].T @ centres[0], crossed], [crossed.T, centres[1].T @ centres[1]]])
    small = scipy.linalg.block_diag(*blocks)
    w = np.concatenate([gma.colour.matrix[:, 0], gma.infrared.matrix[:, 0]])
    largest = scipy.linalg.eigh(large, small, eigvals_only=True)[-1]
    assert (w @ large @ w) / (w @ small @ w) == pytest.approx(largest, rel=1e-9)


def test_craft_shares_as_much_as_the_modalities_do() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 6)) * [9, 8, 7, 0.1, 0.1, 0.1]

    assert shared_subspace(x, x[::-1], 3) == pytest.approx(1)
    assert shared_subspace(x, x[:, ::-1], 3) < 0.1

    alike = fit_craft(Sides(x, x.copy(), np.arange(50), np.arange(50)), CraftSettings(dimension=3), XqdaSettings())
    assert_allclose(alike.colour.matrix, alike.infrared.matrix, atol=1e-6)


def test_principal_axes_are_those_of_the_covariance_and_always_point_alike(rng: np.random.Generator) -> None:
    values = (rng.normal(size=(60, 5000)) * np.linspace(3, 0.1, 5000)).astype(np.float32)

    mean, axes = principal_axes(values, 7)

    assert_allclose(mean, values.astype(float).mean(axis=0), atol=1e-6)
    assert_allclose(axes.T @ axes, np.eye(7), atol=1e-5)
    strengths = np.linalg.svd(values - values.mean(axis=0), compute_uv=False)[:7]
    assert_allclose(np.linalg.norm((values - mean) @ axes, axis=0), strengths, rtol=1e-4)
    assert (axes[np.abs(axes).argmax(axis=0), range(7)] > 0).all()
    assert principal_axes(np.ones((9, 4), np.float32) * np.arange(9, dtype=np.float32)[:, None], 4)[1].shape == (4, 1)


# --- settings


def test_a_setting_without_effect_is_refused_by_name() -> None:
    assert system_named("hog+craft").resolve({"xqda.basis": "svd", "craft.dimension": 4}).xqda.basis == "svd"
    with pytest.raises(BadRecipe, match=r"xqda.ridge has no effect on lomo\+kissme; leave it out"):
        system_named("lomo+kissme").resolve({"xqda.ridge": 0.1})
    with pytest.raises(BadRecipe, match=r"lomo.input has no effect on hog"):
        system_named("hog+scm").resolve({"lomo.input": "grey"})
    with pytest.raises(BadRecipe, match=r"did you mean 'pca.dimension'"):
        system_named("hog+scm").resolve({"pca.dimensions": 3})
    with pytest.raises(BadRecipe, match=r"no hand-made system 'hog\+kisme'; did you mean 'hog\+kissme'\?"):
        system_named("hog+kisme")
