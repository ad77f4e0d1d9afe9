"""MobileNetV2: torchvision's names and shapes, its stages, its checkpoint, and methods on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.training.small import build, make_run, recipe_of
from torch.nn import functional as F

from rgbir.export import export
from rgbir.export.precision import drift
from rgbir.index import Bundle, Modality, SysuMM01
from rgbir.training import train
from rgbir.training.backbones import BACKBONES, MobileNetV2, Stages, load_imagenet

Shape = tuple[int, ...]
CLASSIFIER = 1280 * 1000 + 1000
COUNTED = 3_504_872
"""Parameters of the published network, with its classifier."""


def convolved(
    name: str, inputs: int, outputs: int, kernel: int, groups: int = 1, deep: bool = True
) -> Iterator[tuple[str, Shape]]:
    """A convolution and the batch norm after it: inside a group of their own, or side by side."""
    begin, _, place = name.rpartition(".")
    conv, norm = (f"{name}.0", f"{name}.1") if deep else (name, f"{begin}.{int(place) + 1}")
    yield f"{conv}.weight", (outputs, inputs // groups, kernel, kernel)
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{norm}.{part}", (outputs,)
    yield f"{norm}.num_batches_tracked", ()


def torchvisions() -> dict[str, Shape]:
    """Names and shapes by the paper's table of t, c, n and s, as torchvision counts its layers; without the classifier."""
    shapes = dict(convolved("features.0", 3, 32, 3))
    place, inputs = 1, 32
    for t, c, n, _ in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:
        for _ in range(n):
            begin, hidden, layer = f"features.{place}.conv", inputs * t, 0
            if t != 1:
                shapes |= dict(convolved(f"{begin}.0", inputs, hidden, 1))
                layer = 1
            shapes |= dict(convolved(f"{begin}.{layer}", hidden, hidden, 3, groups=hidden))
            shapes |= dict(convolved(f"{begin}.{layer + 1}", hidden, c, 1, deep=False))
            place, inputs = place + 1, c
    return shapes | dict(convolved(f"features.{place}", 320, 1280, 1))


def test_names_and_shapes_are_torchvisions() -> None:
    network = MobileNetV2()
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}

    assert shapes == torchvisions()
    assert "features.18.1.running_var" in shapes
    assert sum(parameter.numel() for parameter in network.parameters()) == COUNTED - CLASSIFIER


@pytest.mark.slow
def test_the_map_is_a_sixteenth_of_the_image_and_a_thirty_second_as_published() -> None:
    with torch.inference_mode():
        assert MobileNetV2().eval()(torch.zeros(1, 3, 128, 64)).shape == (1, 1280, 8, 4)
        assert MobileNetV2(last_stride=2).eval()(torch.zeros(1, 3, 128, 64)).shape == (1, 1280, 4, 2)


def test_a_block_is_what_the_paper_says() -> None:
    """features.3: 24 channels, up to 144, 3x3 channel by channel, down to 24, beside a shortcut."""
    torch.manual_seed(0)
    block = MobileNetV2().eval().features[3]
    w = block.state_dict()
    x = torch.randn(2, 24, 6, 5)

    def normalised(x: torch.Tensor, name: str) -> torch.Tensor:
        scale = w[f"{name}.weight"] / (w[f"{name}.running_var"] + 1e-5).sqrt()
        return x * scale[:, None, None] + (w[f"{name}.bias"] - w[f"{name}.running_mean"] * scale)[:, None, None]

    y = normalised(F.conv2d(x, w["conv.0.0.weight"]), "conv.0.1").clamp(0, 6)
    channels = [F.conv2d(y[:, [k]], w["conv.1.0.weight"][[k]], padding=1) for k in range(144)]
    y = normalised(torch.cat(channels, dim=1), "conv.1.1").clamp(0, 6)
    y = normalised(F.conv2d(y, w["conv.2.weight"]), "conv.3")
    with torch.inference_mode():
        torch.testing.assert_close(block(x), x + y)


@pytest.mark.slow
def test_its_imagenet_file_starts_it(tmp_path: Path) -> None:
    given, network = MobileNetV2(), MobileNetV2()
    classifier = {"classifier.1.weight": torch.zeros(1000, 1280), "classifier.1.bias": torch.zeros(1000)}
    save_file({**given.state_dict(), **classifier}, tmp_path / "mobilenet_v2.safetensors")

    load_imagenet(network, tmp_path / "mobilenet_v2.safetensors")

    assert all(torch.equal(value, given.state_dict()[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("name", sorted(BACKBONES))
@pytest.mark.slow
def test_the_stages_of_a_backbone_one_after_the_other_are_the_backbone(name: str) -> None:
    torch.manual_seed(0)
    backbone = BACKBONES[name]().eval()
    images = torch.randn(1, 3, 64, 32)
    parts = [Stages(backbone, stage, stage).eval() for stage in range(5)]

    with torch.inference_mode():
        x = images
        for stage, part in enumerate(parts):
            x = part(x)
            assert stage == 0 or x.shape[1] == backbone.width(stage)
        assert torch.equal(x, backbone(images))
    names = [key.removeprefix("part.") for part in parts for key in part.state_dict()]
    assert sorted(names) == sorted(backbone.state_dict())


@pytest.mark.parametrize("name", ["expat", "agw", "lccrf", "dfe", "zero_padding", "bdtr"])
@pytest.mark.slow
def test_methods_start_it_from_its_imagenet_file(tmp_path: Path, name: str) -> None:
    given = MobileNetV2()
    save_file(given.state_dict(), tmp_path / "mobilenet_v2.safetensors")
    method = build(recipe_of(name, changes={"backbone": "mobilenet_v2"}), name)

    method.start_from_imagenet(tmp_path / "mobilenet_v2.safetensors")

    last = "features.18.0.weight"
    counters = [value for key, value in method.state_dict().items() if key.endswith(last)]
    assert counters
    assert all(torch.equal(value, given.get_parameter(last)) for value in counters)


@pytest.mark.slow
def test_a_method_trains_on_it(tmp_path: Path, people: SysuMM01) -> None:
    changes = {"backbone": "mobilenet_v2", "schedule.updates": 2, "schedule.warmup": 0}
    run, source = make_run(tmp_path / "run", people, recipe_of("expat", changes=changes))
    torch.manual_seed(run.recipe.seed)
    before = run.build()

    method = train(run, source)

    for name in ("features.0.0.weight", "features.9.conv.1.0.weight", "features.18.1.weight"):
        assert not torch.equal(method.get_parameter(f"backbone.{name}"), before.get_parameter(f"backbone.{name}"))
    assert method.dimension == 1280


@pytest.mark.slow
@pytest.mark.parametrize(("name", "precision"), [("expat", "fp32"), ("agw", "fp32"), ("expat", "int8")])
def test_it_exports_with_parity(tmp_path: Path, people: SysuMM01, name: str, precision: str) -> None:
    length = {"schedule.updates": 2} if name == "expat" else {"schedule.epochs": 1}
    run, source = make_run(
        tmp_path / "run", people, recipe_of(name, changes={"backbone": "mobilenet_v2", **length}), name
    )
    method = train(run, source)
    pictures = {m: [source.store[number] for number in range(8)] for m in Modality}

    card = export(run, tmp_path / "bundle", method=method, precision=precision, calibration=pictures)  # type: ignore[arg-type]

    assert card.backbone == "mobilenet_v2"
    assert card.parity is not None
    assert card.parity.largest_relative_difference < 1e-4
    if precision == "int8":
        bundle = Bundle(tmp_path / "bundle")
        assert drift(bundle, bundle, pictures).images == 16
        assert card.drift is not None
        assert card.drift.cosine_mean > 0.9
