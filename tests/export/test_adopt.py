"""Models made elsewhere: adopted with a card written by hand, or refused with a reason."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import ModelProto
from PIL import Image
from torch import Tensor, nn
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.export import ExportFailure, ParityFailure
from rgbir.export.adopt import adopt
from rgbir.export.graph import traced
from rgbir.index import Bundle, CameraNetwork, Encoder, Gallery, Modality, SysuMM01, enrol

CARD = """
name = "small_net.elsewhere"
height = 32
width = 16
metric = "cosine"
licence = "MIT"
mean = [0.5, 0.4, 0.3]
std = [0.2, 0.25, 0.5]
"""


class Net(nn.Module):
    """A usual re-ID network: normalised NCHW floats in, a map (n, d, 1, 1) out."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 12, 3), nn.AdaptiveAvgPool2d(1)
        )

    def forward(self, images: Tensor) -> Tensor:
        embeddings: Tensor = self.layers(images)
        return embeddings


@cache
def usual() -> ModelProto:
    return traced(Net().eval(), torch.zeros(2, 3, 32, 16))


def written(folder: Path, more: str, model: ModelProto | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    onnx.save_model(model or usual(), folder / "net.onnx")
    (folder / "card.toml").write_text(CARD + more)
    return folder / "card.toml"


def by_hand(pixels: NDArray[np.uint8]) -> NDArray[Any]:
    values = (pixels / 255 - np.array([0.5, 0.4, 0.3])) / np.array([0.2, 0.25, 0.5])
    with torch.inference_mode():
        return Net().eval()(torch.tensor(values.transpose(0, 3, 1, 2).copy(), dtype=torch.float32)).flatten(1).numpy()


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.slow
def test_an_adopted_model_takes_pixels_and_says_what_it_said(tmp_path: Path, order: str, people: SysuMM01) -> None:
    file = written(tmp_path / "theirs", f'order = "{order}"\n[graphs]\nrgb = "net.onnx"\nir = "net.onnx"\n')

    result = CliRunner().invoke(app, ["export", "adopt", str(file), "--out", str(tmp_path / "bundle")])

    assert result.exit_code == 0, result.output
    assert "small_net.elsewhere, 12 values, cosine" in result.output
    bundle = Bundle(tmp_path / "bundle")
    assert (bundle.card.licence, bundle.card.parity is not None) == ("MIT", True)
    pixels = np.random.default_rng(1).integers(0, 256, (5, 32, 16, 3), np.uint8)
    encoder = Encoder(bundle)
    expected = by_hand(pixels[..., ::-1] if order == "bgr" else pixels)
    np.testing.assert_allclose(encoder.encode(pixels, Modality.IR), expected, atol=1e-5)
    with Gallery.open_or_create(tmp_path / "gallery", bundle.card, CameraNetwork.read("sysu-mm01")) as gallery:
        assert enrol(people.records("test", (1,)), encoder, gallery).added == 12


@pytest.mark.slow
def test_an_adopted_model_keeps_the_filter_of_its_images(tmp_path: Path) -> None:
    graphs = '[graphs]\nir = "net.onnx"\n'
    assert adopt(written(tmp_path, graphs), tmp_path / "plain").resize == "bilinear"

    adopt(written(tmp_path, f'resize = "lanczos"\n{graphs}'), tmp_path / "bundle")

    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 40, 3), np.uint8))
    expected = by_hand(np.asarray(image.resize((16, 32), Image.Resampling.LANCZOS))[None])
    embeddings = Encoder(Bundle(tmp_path / "bundle")).embed([image], Modality.IR)
    np.testing.assert_allclose(embeddings, expected, atol=1e-5)
    with pytest.raises(ExportFailure, match="is no card of a model to adopt"):
        adopt(written(tmp_path, f'resize = "nearest"\n{graphs}'), tmp_path / "other")


@pytest.mark.slow
def test_an_nhwc_model_whose_names_are_ours(tmp_path: Path) -> None:
    class Last(Net):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images.permute(0, 3, 1, 2))

    model = traced(Last().eval(), torch.zeros(2, 32, 16, 3))
    assert (model.graph.input[0].name, model.graph.output[0].name) == ("images", "embeddings")
    card = adopt(
        written(tmp_path, 'layout = "nhwc"\noutput = "embeddings"\n[graphs]\nir = "net.onnx"\n', model), tmp_path / "b"
    )
    pixels = np.random.default_rng(1).integers(0, 256, (2, 32, 16, 3), np.uint8)
    np.testing.assert_allclose(Encoder(Bundle(tmp_path / "b")).encode(pixels, Modality.IR), by_hand(pixels), atol=1e-5)
    assert list(card.graphs) == [Modality.IR]


@pytest.mark.slow
def test_two_files_of_one_name_stay_two_graphs(tmp_path: Path) -> None:
    class Other(Net):
        def forward(self, images: Tensor) -> Tensor:
            return 2 * super().forward(images)

    written(tmp_path / "a", "")
    written(tmp_path / "b", "", traced(Other().eval(), torch.zeros(2, 3, 32, 16)))
    (tmp_path / "card.toml").write_text(CARD + '[graphs]\nrgb = "a/net.onnx"\nir = "b/net.onnx"\n')
    adopt(tmp_path / "card.toml", tmp_path / "bundle")
    pixels = np.random.default_rng(1).integers(0, 256, (2, 32, 16, 3), np.uint8)
    encoder = Encoder(Bundle(tmp_path / "bundle"))
    np.testing.assert_allclose(encoder.encode(pixels, Modality.RGB), by_hand(pixels), atol=1e-5)
    np.testing.assert_allclose(encoder.encode(pixels, Modality.IR), 2 * by_hand(pixels), atol=1e-5)


def fixed() -> ModelProto:
    """As many exporters write it: for one image."""
    return traced(nn.Sequential(Net(), nn.Flatten(0)).eval(), torch.zeros(2, 3, 32, 16))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ('[graphs]\nir = "nothing.onnx"', "no ONNX model that can be read"),
        ('[graphs]\nir = "card.toml"', "no ONNX model that can be read"),
        ('output = "x"\n[graphs]\nir = "net.onnx"', "no output 'x'; it has embeddings"),
        ('layout = "nhwc"\n[graphs]\nir = "net.onnx"', "ONNX Runtime can't run it on 32x16 images in nhwc"),
        ('colour = 1\n[graphs]\nir = "net.onnx"', "is no card of a model to adopt"),
        ('[graphs]\nthermal = "net.onnx"', "is no card of a model to adopt"),
    ],
)
@pytest.mark.slow
def test_what_can_not_be_adopted_is_refused_with_its_reason(tmp_path: Path, more: str, expected: str) -> None:
    with pytest.raises(ExportFailure, match=expected):
        adopt(written(tmp_path, more), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


class Two(Net):
    """An embedding, and what a classifier makes of it."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        embeddings = super().forward(images)
        return embeddings.flatten(1)[:, :3], embeddings


@pytest.mark.slow
def test_of_several_outputs_the_card_names_one(tmp_path: Path) -> None:
    model = exported(Two().eval(), ["scores", "vectors"], dynamic=True)
    with pytest.raises(ExportFailure, match=r'outputs scores and vectors; say in the card .* output = "scores"'):
        adopt(written(tmp_path, '[graphs]\nir = "net.onnx"', model), tmp_path / "bundle")

    card = adopt(written(tmp_path, 'output = "vectors"\n[graphs]\nir = "net.onnx"', model), tmp_path / "bundle")

    assert card.dimension == 12


@pytest.mark.slow
def test_a_batch_of_one_length_is_refused(tmp_path: Path) -> None:
    model = exported(Net().eval(), ["vectors"], dynamic=False)
    with pytest.raises(ExportFailure, match="its input images takes 2 at a time and no other number"):
        adopt(written(tmp_path, '[graphs]\nir = "net.onnx"', model), tmp_path / "bundle")


@pytest.mark.slow
def test_a_model_that_tells_nobody_apart_is_refused(tmp_path: Path) -> None:
    network = Net().eval()
    with torch.no_grad():
        network.get_parameter("layers.3.weight").zero_()
    model = traced(network, torch.zeros(2, 3, 32, 16))
    with pytest.raises(ParityFailure, match="different images one embedding"):
        adopt(written(tmp_path, '[graphs]\nir = "net.onnx"', model), tmp_path / "bundle")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.toml", "net.onnx"]


def exported(network: nn.Module, outputs: list[str], dynamic: bool) -> ModelProto:
    """As somebody else would write it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            network,
            (torch.zeros(2, 3, 32, 16),),
            input_names=["images"],
            output_names=outputs,
            dynamic_shapes=({0: torch.export.Dim("n")},) if dynamic else None,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


@pytest.mark.slow
def test_a_model_for_one_image_at_a_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParityFailure, match="export the model with a dynamic batch"):
        adopt(written(tmp_path, '[graphs]\nir = "net.onnx"', fixed()), tmp_path / "bundle")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.toml", "net.onnx"]
