"""Parts of a camera's picture that nobody looks at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.conftest import BUNDLE
from typer.testing import CliRunner

from rgbir.index import Bundle, Camera, CameraEdit, CameraNetwork, Gallery, Mask, Modality, UsageError, parse_polygons
from rgbir.index.cli.cameras import cameras
from rgbir.index.zones import Polygon, drawn, written

WINDOW: Polygon = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.25), (0.0, 0.25))
TRIANGLE: Polygon = ((1.0, 1.0), (0.6, 1.0), (1.0, 0.5))
HALL = Camera("hall", frozenset({Modality.RGB}), "hall")
NETWORK = CameraNetwork("site", (HALL,))


def inside(x: float, y: float, polygon: Polygon) -> bool:
    """By the rule of even and odd crossings."""
    crossings = 0
    for (ax, ay), (bx, by) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if (ay > y) != (by > y):
            crossings += x < ax + (y - ay) / (by - ay) * (bx - ax)
    return crossings % 2 == 1


@pytest.mark.parametrize("polygon", [WINDOW, TRIANGLE])
def test_a_zone_covers_all_pixels_within_its_corners(polygon: Polygon) -> None:
    width, height = 40, 30
    pixels = [(x * (width - 1), y * (height - 1)) for x, y in polygon]

    mask = drawn((polygon,), width, height)

    for y in range(height):
        for x in range(width):
            if inside(x, y, tuple(pixels)):
                assert mask[y, x], (x, y)
    near = mask.sum() - sum(inside(x, y, tuple(pixels)) for x in range(width) for y in range(height))
    assert 0 <= near <= 3 * (width + height)  # the border, and nothing else


def test_what_is_ignored_is_black_and_the_rest_is_as_it_was() -> None:
    image = np.random.default_rng(0).integers(1, 255, (30, 40, 3)).astype(np.uint8)
    before = image.copy()

    masked = Mask((WINDOW,)).applied(image)

    assert not masked[:7, :19].any()
    np.testing.assert_array_equal(masked[9:], image[9:])
    np.testing.assert_array_equal(image, before)
    assert Mask().applied(image) is image


def test_a_mask_follows_the_size_of_the_picture() -> None:
    mask = Mask((WINDOW,))
    for height, width in ((30, 40), (60, 80), (30, 40)):
        masked = mask.applied(np.full((height, width, 3), 9, np.uint8))
        assert abs((masked == 0).all(axis=2).mean() - 0.5 * 0.25) < 0.06


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0,0 1,1",
        "0,0 2,0 1,1",
        "a,b c,d e,f",
        "0,0 1,0 1,1;",
        "0,0 1,0 1",
        "0,0,0 1,0,0 1,1,1",
        "nan,0 1,0 1,1",
        "; ".join(["0,0 1,0 1,1"] * 33),
    ],
)
def test_what_is_no_zone_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="zone"):
        parse_polygons(text)


def test_zones_are_read_as_they_are_written() -> None:
    assert parse_polygons(written((WINDOW, TRIANGLE))) == (WINDOW, TRIANGLE)


@pytest.mark.parametrize(
    "zones", [3, {"ignore": 3}, {"ignore": [[[0, 0], [1, 1]]]}, {"hide": []}, {"ignore": [[[0, 0], [1, 0], [1, 7]]]}]
)
def test_a_declaration_that_is_none_is_refused_with_its_camera(zones: object) -> None:
    with pytest.raises(UsageError, match=r"site: camera hall: .*zone"):
        CameraNetwork.from_dict({"cameras": [{"id": "hall", "zones": zones}]}, "site")


def test_a_network_keeps_zones_and_older_versions_do_not_read_it() -> None:
    masked = CameraEdit(ignored=(WINDOW,)).edited(NETWORK, "hall")

    again = CameraNetwork.from_dict(masked.to_dict())

    assert again["hall"].ignored == (WINDOW,)
    assert (NETWORK.plain, masked.plain) == (True, False)
    assert CameraEdit(place="yard").edited(masked, "hall")["hall"].ignored == (WINDOW,)
    assert CameraEdit(ignored=()).edited(masked, "hall")["hall"].ignored == ()


def test_the_command_says_takes_and_keeps_zones(tmp_path: Path) -> None:
    with Gallery.open_or_create(tmp_path / "g", Bundle(BUNDLE).card, NETWORK):
        pass

    def edit(*words: str) -> int:
        return CliRunner().invoke(cameras, ["edit", "hall", "--gallery", str(tmp_path / "g"), *words]).exit_code

    def ignored() -> tuple[Polygon, ...]:
        with Gallery(tmp_path / "g") as gallery:
            return gallery.network["hall"].ignored

    assert edit("--zones", written((WINDOW,))) == 0
    assert ignored() == (WINDOW,)
    assert edit("--scene", "indoor") == 0
    assert ignored() == (WINDOW,)
    assert edit("--zones", "none") == 0
    assert ignored() == ()
