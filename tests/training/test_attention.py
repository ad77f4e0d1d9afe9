"""Grad-CAM: by hand on a network of one convolution, and for every method."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from tests.site.media import disk, fill
from tests.training.small import build, lasting, make_run, recipe_of, recorded
from torch import Tensor, nn
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import CantWrite, Metric, Modality, SysuMM01, UsageError
from rgbir.training import METHODS
from rgbir.training.attention import attention, overlaid
from rgbir.training.errors import BadRecipe
from rgbir.training.method import Losses, Method


class Tiny(Method):
    """Two channels of the image as they are, averaged."""

    metric: ClassVar[Metric] = Metric.EUCLIDEAN
    one_stream = True
    dimension = 2

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0]])[..., None, None])

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        pooled: Tensor = self.conv(images).mean(dim=(2, 3))
        return pooled

    def losses(self, batch: Any) -> Losses:
        return {}


def test_it_is_the_formula() -> None:
    image = torch.zeros(3, 4, 4)
    image[0, 0, 0], image[1, 3, 3] = 8.0, 4.0  # embedding (0.5, 0.25)

    seen = attention(Tiny(), image, Modality.RGB)

    # The squared length's gradient weighs the channels 2 · 0.5/16 and 2 · 0.25/16: 8 · 0.5 and 4 · 0.25, or 4 to 1.
    assert seen[0, 0] == pytest.approx(1.0)
    assert seen[3, 3] == pytest.approx(0.25)
    assert seen.sum() == pytest.approx(1.25)


def test_against_another_embedding_only_what_they_share_counts() -> None:
    image = torch.zeros(3, 4, 4)
    image[0, 0, 0], image[1, 3, 3] = 8.0, 8.0

    seen = attention(Tiny(), image, Modality.RGB, against=torch.tensor([1.0, 0.0]))

    assert (seen[0, 0], seen[3, 3]) == (pytest.approx(1.0), 0)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_map(name: str) -> None:
    torch.manual_seed(0)
    recipe = recipe_of(name, changes={"height": 128, "width": 64})
    method = build(recipe, name).eval()
    seen = attention(method, torch.rand(3, 128, 64), Modality.IR)
    assert seen.shape == (128, 64)
    assert np.isfinite(seen).all()
    assert 0 <= seen.min() <= seen.max() <= 1


@pytest.mark.slow
def test_the_command_draws_images_beside_their_maps(tmp_path: Path, people: SysuMM01) -> None:
    run, source = make_run(
        tmp_path / "run", people, recipe_of("agw", changes={**lasting("agw", 8), "resize": "lanczos"}), "agw"
    )
    recorded(run, source)
    probe, other = next(people.records("test", (3,))).path, next(people.records("test", (1,))).path

    arguments = [
        "attend",
        str(tmp_path / "run"),
        str(probe),
        str(probe),
        "--modality",
        "ir",
        "--out",
        str(tmp_path / "x.png"),
    ]
    result = CliRunner().invoke(app, [*arguments, "--against", str(other)])

    assert result.exit_code == 0, f"{result.output}{result.exception!r}"
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size == (3 * 2 * 32, 64)
        shown = np.asarray(picture)[:, 64:96]
    with Image.open(probe) as original:
        small = original.convert("RGB").resize((32, 64), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(shown, np.asarray(small))


def test_a_disk_that_is_full_leaves_no_drawing(tmp_path: Path, people: SysuMM01) -> None:
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes={"schedule.updates": 1}))
    recorded(run, source)
    picture = str(next(people.records("test", (3,))).path)
    command = ["attend", str(run.folder), picture, "--modality", "ir", "--out"]
    with disk(tmp_path / "full", 1) as full:
        fill(full)
        for name, kind, words in (
            ("x.png", CantWrite, "can't be written: No space left on device; nothing of it was kept"),
            ("x", UsageError, "--out is a .png file in a folder that is there"),
            ("nowhere/x.png", UsageError, "--out is a .png file in a folder that is there"),
        ):
            error = CliRunner().invoke(app, [*command, str(full / name)]).exception
            assert isinstance(error, kind)
            assert words in str(error)
        assert [file.name for file in full.iterdir()] == ["filler"]


def test_a_network_without_a_map_says_so() -> None:
    class Flat(Tiny):
        def embed(self, images: Tensor, modality: Modality) -> Tensor:
            return images.mean(dim=(2, 3))[:, :2]

    with pytest.raises(BadRecipe, match="Flat has no feature map"):
        attention(Flat(), torch.rand(3, 4, 4), Modality.RGB)


def test_the_overlay_is_dark_where_nobody_looks() -> None:
    picture = np.full((2, 1, 3), 100, np.uint8)
    drawn = overlaid(picture, np.array([[0.0], [1.0]], np.float32))
    assert drawn[0].max() < 60
    assert drawn[1].max() > 150
