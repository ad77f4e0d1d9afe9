"""Bundles with and without mirror images: what their graphs compute, what they say, and that a gallery takes one kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from tests.training.small import build, recipe_of
from torch import Tensor, nn
from torch.nn import functional as F
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.export import export
from rgbir.export.errors import ExportFailure
from rgbir.export.explain import explain
from rgbir.index import Bundle, Encoder, Gallery, GalleryMismatch, Modality, SysuMM01, enrol
from rgbir.training import Losses, Method, Run, load_run
from rgbir.training.calm import Calm
from rgbir.training.checkpoint import state_of
from rgbir.training.data.transforms import normalise
from rgbir.training.errors import BadRecipe
from rgbir.training.ranks import ALONE


class Halves(Method):
    """A network that two graphs make fast: of the means of four parts of an image, across."""

    one_stream = True

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(12, 5)

    @property
    def dimension(self) -> int:
        return 5

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.layer(images.mean(dim=2).unflatten(2, (4, -1)).mean(3).flatten(1))

    def losses(self, batch: Any) -> Losses:
        raise NotImplementedError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Method]:
    torch.manual_seed(0)
    return Run(tmp_path_factory.mktemp("run") / "run", "caj", "paper", "people", 4, recipe_of("caj")), Halves().eval()


@pytest.fixture(scope="module")
def bundles(run: tuple[Run, Method], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    kinds: tuple[Literal["none", "flip"] | None, ...] = (None, "none")
    for kind in kinds:
        export(run[0], folder / str(kind), method=run[1], tta=kind)
    return {str(kind): folder / str(kind) for kind in kinds}


@pytest.mark.slow
def test_graphs_add_the_mirror_images_vector(run: tuple[Run, Method], bundles: dict[str, Path]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 32, 3), np.uint8)
    method = run[1]
    with torch.inference_mode():
        for modality in Modality:
            one, two = (
                method.embed(normalise(torch.from_numpy(each.copy())), modality)
                for each in (images, images[:, :, ::-1])
            )
            expected = {"none": one, "None": F.normalize(F.normalize(one) + F.normalize(two))}
            for kind, vectors in expected.items():
                served = Encoder(Bundle(bundles[kind]), threads=1).encode(images, modality)
                np.testing.assert_allclose(served, vectors.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_card_and_name_say_it(bundles: dict[str, Path]) -> None:
    flipped, plain = (Bundle(bundles[kind]).card for kind in ("None", "none"))
    assert (flipped.tta, flipped.name, flipped.recipe["tta"]) == ("flip-renorm", "caj_compact.people.flip", "flip")
    assert (plain.tta, plain.name, plain.recipe["tta"]) == ("none", "caj_compact.people", "none")
    assert flipped.fingerprint != plain.fingerprint


@pytest.mark.parametrize("tta", ["flip", "none"])
@pytest.mark.slow
def test_a_training_proposes_the_name_that_the_card_will_have(
    tmp_path: Path, people: SysuMM01, run: tuple[Run, Method], bundles: dict[str, Path], tta: str
) -> None:
    small = ["backbone=compact", "height=32", "width=16", "people=2", "images=2", "schedule.epochs=1", f"tta={tta}"]
    words = [word for setting in (*small, "augment.padcrop=2", "validate_every=0") for word in ("--set", setting)]
    command = ["train", "caj", "--data", str(people.root), "--out", str(tmp_path / "run"), *words, "--json"]

    result = CliRunner().invoke(app, command)

    assert result.exit_code == 0, result.output
    data_set, name = (
        load_run(tmp_path / "run").training_data,
        Bundle(bundles["None" if tta == "flip" else "none"]).card.name,
    )
    assert json.loads(result.stdout)["bundle"] == name.replace(".people", f".{data_set}")


@pytest.mark.slow
def test_a_gallery_takes_one_kind(tmp_path: Path, bundles: dict[str, Path], people: SysuMM01) -> None:
    flipped, plain = (Encoder(Bundle(bundles[kind]), threads=1) for kind in ("None", "none"))
    with Gallery.open_or_create(tmp_path / "gallery", flipped.card, people.network) as gallery:
        enrol(list(people.records("test", (1,)))[:2], flipped, gallery)
    with pytest.raises(
        GalleryMismatch, match=r"embeddings of caj_compact\.people\.flip \(\w+\), the bundle is caj_compact\.people \("
    ):
        Gallery.open_or_create(tmp_path / "gallery", plain.card, people.network)


def test_a_map_of_two_images_is_not_made(bundles: dict[str, Path]) -> None:
    with pytest.raises(ExportFailure, match=r"embeds mirror images too, .* export the run with --tta none"):
        explain(bundles["None"], {}, "people", "a command")


@pytest.mark.slow
def test_a_network_with_three_maps_of_an_image_has_no_reaction(tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe = recipe_of("deen", changes={"tta": "none"})
    deen = Run(tmp_path / "run", "deen", "paper", "people", 4, recipe)
    export(deen, tmp_path / "bundle", method=build(recipe, "deen"))
    images = list(np.random.default_rng(0).integers(0, 256, (20, 64, 32, 3), np.uint8))
    with pytest.raises(ExportFailure, match="makes 3 last feature maps of an image"):
        explain(tmp_path / "bundle", dict.fromkeys(Modality, images), "people", "a command")


@pytest.mark.slow
def test_the_command_takes_it_and_a_method_without_it_refuses(tmp_path: Path) -> None:
    trained = Run(tmp_path / "run", "caj", "paper", "people", 4, recipe_of("caj"))
    saved(trained, build(trained.recipe, "caj"))
    result = CliRunner().invoke(app, ["export", str(trained.folder), "--out", str(tmp_path / "b"), "--tta", "none"])
    assert result.exit_code == 0, result.output
    assert Bundle(tmp_path / "b").card.tta == "none"
    export(trained, tmp_path / "flipped")
    sizes = [(tmp_path / name / "weights.bin").stat().st_size for name in ("b", "flipped")]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)  # no weight is stored twice

    recipe = recipe_of("agw")
    other = Run(tmp_path / "agw", "agw", "paper", "people", 4, recipe)
    with pytest.raises(BadRecipe, match="no setting 'tta' in this recipe"):
        export(other, tmp_path / "c", method=build(recipe, "agw"), tta="flip")
    assert not (tmp_path / "c").exists()


def saved(trained: Run, method: Method) -> None:
    """The run's folder with the network's weights in it."""
    trained.start()
    recipe: Any = trained.recipe
    optimiser = recipe.optimiser.build(method, method.fresh)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    trained.save_checkpoint(state_of(1, method, optimiser, scaler, Calm(0), ALONE), method)
