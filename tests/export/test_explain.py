"""Where a network reacted: the map is torch's, it is kept only where two tests hold, and a bundle's fingerprint stays."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from tests.conftest import BUNDLE
from torch import Tensor, nn
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.export import ExportFailure
from rgbir.export.adopt import adopt
from rgbir.export.explain import Measured, covered, explain, rank_correlation
from rgbir.export.graph import Served, traced
from rgbir.index import Bundle, Card, Encoder, Modality, SysuMM01, UsageError
from rgbir.training.methods.expat import ExpAT

Images = NDArray[np.uint8]
Moved = NDArray[np.float64]


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The demonstration's bundle without its maps."""
    shutil.copytree(BUNDLE, tmp_path / "demo")
    card = Card.model_validate_json((BUNDLE / "card.json").read_text())
    assert card.reaction is not None
    for name in card.reaction.graphs.values():
        (tmp_path / "demo" / name).unlink()
    files = {name: total for name, total in card.files.items() if name not in card.reaction.graphs.values()}
    without = card.model_copy(update={"reaction": None, "files": files})
    (tmp_path / "demo/card.json").write_text(without.model_dump_json())
    return tmp_path / "demo"


def moved_by_covering(encoder: Encoder, pictures: dict[Modality, list[Images]]) -> tuple[Moved, Moved]:
    """How far each picture's embedding moves without the fifth that its map marks, and without another fifth; one by one."""
    rng = np.random.default_rng(7)
    marked: list[float] = []
    others: list[float] = []
    for modality in pictures:
        for picture in pictures[modality]:
            values = encoder.reactions(picture[None], modality)[0]
            places = [place for _, place in sorted((-value, place) for place, value in enumerate(values.flat))]
            count = round(values.size / 5)
            whole = encoder.encode(picture[None], modality)[0]
            for moves, cells in ((marked, places[:count]), (others, rng.choice(places[count:], count, replace=False))):
                without = covered(picture, np.asarray(cells), values.shape)
                moves.append(float(np.linalg.norm(encoder.encode(without[None], modality)[0] - whole)))
    return np.array(marked), np.array(others)


@pytest.fixture
def pictures(people: SysuMM01, encoder: Encoder) -> dict[Modality, list[Images]]:
    return {modality: [encoder.pixels(record.decoded()) for record in people.test(modality)] for modality in Modality}


@pytest.mark.slow
def test_a_map_is_the_length_of_torchs_last_feature_map(
    tmp_path: Path, exported: tuple[Path, ExpAT, Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, method, card = exported
    shutil.copytree(folder, tmp_path / "bundle")
    rng = np.random.default_rng(0)
    images = {modality: list(rng.integers(0, 256, (20, 64, 32, 3), np.uint8)) for modality in Modality}
    monkeypatch.setattr(
        Measured, "failed", lambda self: []
    )  # an untrained network on noise; the tests are tested below
    about = explain(tmp_path / "bundle", images, "noise", "none").reaction
    assert about is not None
    bundle = Bundle(tmp_path / "bundle")
    assert bundle.card.fingerprint == card.fingerprint
    for modality in Modality:
        given = np.stack(images[modality][:5])
        maps: list[Tensor] = []
        hook = method.backbone.register_forward_hook(lambda _, __, output, maps=maps: maps.append(output))
        with torch.inference_mode():
            Served(method, modality)(torch.from_numpy(given))
        hook.remove()
        by_torch = maps[-1].double().square().sum(dim=1).sqrt().numpy()
        ours = Encoder(bundle, threads=1).reactions(given, modality)
        assert ours.shape == by_torch.shape == (5, about.rows, about.columns)
        np.testing.assert_allclose(ours, by_torch, rtol=1e-4, atol=1e-5 * by_torch.max())


@pytest.mark.slow
def test_the_demos_bundle_passes_both_tests_and_keeps_its_fingerprint_and_its_embeddings(
    demo: Path, pictures: dict[Modality, list[Images]]
) -> None:
    before = Bundle(demo).card
    image = np.stack(pictures[Modality.IR][:3])
    with pytest.raises(UsageError, match="doesn't tell where its network reacted to ir images; `rgbir export explain"):
        Encoder(Bundle(demo), threads=1).reactions(image, Modality.IR)
    card = explain(demo, pictures, "people", "a command")
    assert card.reaction is not None
    assert card.fingerprint == before.fingerprint
    encoder = Encoder(Bundle(demo), threads=1)
    marked, others = moved_by_covering(encoder, pictures)
    assert card.reaction.images == len(marked)
    assert card.reaction.covered == pytest.approx(marked.mean(), rel=1e-4)
    assert abs(card.reaction.covered_at_random - others.mean()) < 4 * (marked - others).std() / np.sqrt(len(marked))
    np.testing.assert_array_equal(
        encoder.encode(image, Modality.IR), Encoder(Bundle(BUNDLE), threads=1).encode(image, Modality.IR)
    )
    assert encoder.reactions(image, Modality.IR).min() >= 0


@pytest.mark.slow
def test_maps_that_the_weights_have_no_part_in_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    class Averages(nn.Module):
        """Sums of each picture's parts, whose map is the picture's own brightness, whatever the weights are."""

        def __init__(self) -> None:
            super().__init__()
            sums = nn.Conv2d(3, 8, 1, bias=False)
            with torch.no_grad():
                sums.weight.fill_(0.5).add_(torch.rand(8, 3, 1, 1) * 0.01)
            self.layers = nn.Sequential(nn.AvgPool2d(4), sums, nn.ReLU())

        def forward(self, images: Tensor) -> Tensor:
            pooled: Tensor = self.layers(images).mean(dim=(2, 3))
            return pooled

    torch.manual_seed(0)
    (tmp_path / "theirs").mkdir()
    onnx.save_model(traced(Averages().eval(), torch.zeros(2, 3, 32, 16)), tmp_path / "theirs/net.onnx")
    (tmp_path / "theirs/card.toml").write_text(
        'name = "averages.elsewhere"\nheight = 32\nwidth = 16\nmetric = "euclidean"\nlicence = "MIT"\nmean = [0, 0, 0]\n'
        'std = [1, 1, 1]\norder = "rgb"\nlayout = "nchw"\n[graphs]\nrgb = "net.onnx"\nir = "net.onnx"\n'
    )
    adopt(tmp_path / "theirs/card.toml", tmp_path / "bundle")
    before = {path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir()}
    rng = np.random.default_rng(1)
    images = {modality: list(rng.integers(0, 256, (20, 32, 16, 3), np.uint8)) for modality in Modality}
    with pytest.raises(ExportFailure, match="with its weights shuffled the network gives maps like its own"):
        explain(tmp_path / "bundle", images, "noise", "none")
    assert {path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir()} == before
    with pytest.raises(ExportFailure, match="need 20 ir images at least, 3 came"):
        explain(tmp_path / "bundle", {**images, Modality.IR: images[Modality.IR][:3]}, "noise", "none")


def test_a_test_holds_only_where_it_is_clear() -> None:
    assert Measured(0.49, 3.0, 1.0, 0.9, 40).failed() == []
    assert len(Measured(0.5, 3.0, 1.0, 0.9, 40).failed()) == 1
    assert len(Measured(float("nan"), 3.0, 1.0, 1.0, 40).failed()) == 2


def test_each_modality_must_pass_both_tests_by_itself(
    demo: Path, pictures: dict[Modality, list[Images]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(_: Bundle, modality: Modality, images: Images, *rest: object) -> tuple[Moved, Moved, Moved]:
        count = len(images)
        alike, gain = (-0.9, 9.0) if modality is Modality.RGB else (0.7, 0.0)
        at_random = np.arange(count, dtype=np.float64) % 3
        return np.full(count, alike, np.float64), at_random + gain + 0.1 * (at_random == 0), at_random

    monkeypatch.setattr("rgbir.export.explain._measured", measured)
    before = {path.name: path.read_bytes() for path in demo.iterdir()}
    with pytest.raises(
        ExportFailure, match=r"ir images: with its weights shuffled .*\(rank correlation 0\.70"
    ) as failure:
        explain(demo, pictures, "people", "a command")
    assert "rgb images" not in str(failure.value)
    assert {path.name: path.read_bytes() for path in demo.iterdir()} == before


@pytest.mark.slow
def test_the_other_fifth_has_no_place_in_common_with_the_marked_one(
    demo: Path, pictures: dict[Modality, list[Images]], monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: list[set[int]] = []

    def noted(image: Images, cells: NDArray[np.int64], size: tuple[int, int]) -> Images:
        hidden.append(set(cells.tolist()))
        return covered(image, cells, size)

    monkeypatch.setattr("rgbir.export.explain.covered", noted)
    explain(demo, pictures, "people", "a command")
    while hidden:
        count = len(pictures[Modality.RGB]) if len(hidden) > 2 * len(pictures[Modality.IR]) else len(hidden) // 2
        marked, drawn, hidden = hidden[:count], hidden[count : 2 * count], hidden[2 * count :]
        for one, other in zip(marked, drawn, strict=True):
            assert len(one) == len(other) == 5, "a fifth of 8 by 3 places"
            assert not one & other


def test_covering_is_as_a_slow_loop_has_it_and_ranks_are_scipys() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (13, 7, 3), np.uint8)
    cells = np.array([0, 4, 5])
    expected: Any = image.copy()
    for y in range(13):
        for x in range(7):
            if (y * 3 // 13) * 2 + (x * 2 // 7) in cells:
                expected[y, x] = [round(image[..., channel].mean()) for channel in range(3)]
    np.testing.assert_array_equal(covered(image, cells, (3, 2)), expected)
    first, second = rng.integers(0, 9, (2, 8, 3)).astype(np.float32)
    assert rank_correlation(first, second) == pytest.approx(spearmanr(first.ravel(), second.ravel())[0])
    assert rank_correlation(first, np.ones_like(first)) == 1.0, "a map that says nothing is no other map"


@pytest.mark.slow
def test_the_command_says_what_was_measured(demo: Path, people: SysuMM01) -> None:
    done = CliRunner().invoke(app, ["export", "explain", str(demo), "--data", str(people.root)])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "fingerprint fdb9c2afc2a270fb as before" in done.output
    about = Bundle(demo).card.reaction
    assert about is not None
    assert about.command == "rgbir export explain demo --data people"
