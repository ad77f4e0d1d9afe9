"""Export: no batch norm left, weights stored once, parity proven or refused."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image
from tests.training.small import build, recipe_of
from torch import nn

from rgbir.client import Client
from rgbir.export import ExportFailure, ParityFailure, export
from rgbir.export.bundle import record_measurement
from rgbir.export.cli import sample
from rgbir.export.fold import fold_batch_norms
from rgbir.export.graph import Served, graph, traced
from rgbir.export.parity import prove
from rgbir.export.precision import drift, half
from rgbir.index import Bundle, CameraNetwork, Card, Encoder, Gallery, Modality, SysuMM01, enrol
from rgbir.index import sessions as sessions_module
from rgbir.index.evaluation.sources import encoded, enrolled
from rgbir.server import Settings, create_app
from rgbir.training import METHODS, Method, Run
from rgbir.training.layers import GeneralisedMeanPool
from rgbir.training.methods import entry
from rgbir.training.methods.expat import ExpAT, ExpATRecipe
from rgbir.training.recipe import AnyRecipe

SMALL = {"backbone": "compact", "height": 64, "width": 32}


def trained(seed: int = 0, changes: Mapping[str, Any] | None = None) -> tuple[ExpAT, ExpATRecipe]:
    """A network whose batch norms have seen something and whose necks aren't at their start."""
    torch.manual_seed(seed)
    recipe = entry("expat").recipe.changed({**SMALL, **(changes or {})})
    assert isinstance(recipe, ExpATRecipe)
    method = ExpAT(recipe, 5).train()
    with torch.no_grad():
        for module in method.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) and module.affine:
                module.weight.uniform_(0.5, 1.5)
                if module.bias.requires_grad:
                    module.bias.uniform_(-0.3, 0.3)
        for modality in Modality:
            for _ in range(3):
                method.embed(torch.randn(8, 3, recipe.height, recipe.width) + 0.4 * (modality is Modality.IR), modality)
    return method.eval(), recipe


def run_of(folder: Path, recipe: ExpATRecipe) -> Run:
    return Run(folder, "expat", "paper", "people", 5, recipe)


@pytest.mark.parametrize(
    ("value", "message"), [(math.nan, "embeddings aren't finite"), (0.0, "gives different .* images one embedding")]
)
@pytest.mark.slow
def test_a_network_that_tells_nobody_apart_makes_no_bundle(
    exported: tuple[Path, ExpAT, Card], value: float, message: str
) -> None:
    method, _ = trained()
    with torch.no_grad():
        method.get_parameter("backbone.conv1.weight").fill_(value)
    with pytest.raises(ParityFailure, match=message):
        prove(method, Bundle(exported[0]))


# One neck of each sharing is in other tests' networks; all are in the slow run.
NECKS = [
    pytest.param({"csbn": kind, "csbn_sharing": sharing}, marks=pytest.mark.slow)
    for kind in ("scale", "full", "none", "off")
    for sharing in ("shared", "per_modality")
]


@pytest.mark.parametrize("changes", NECKS, ids=lambda c: "-".join(c.values()))
def test_every_neck_exports_without_a_batch_norm_and_with_parity(tmp_path: Path, changes: dict[str, str]) -> None:
    method, recipe = trained(changes=changes)

    card = export(run_of(tmp_path / "run", recipe), tmp_path / "bundle", method=method)

    bundle = Bundle(tmp_path / "bundle")
    assert card == bundle.card
    assert card.parity is not None
    assert card.parity.largest_relative_difference < 1e-4
    two_streams = changes["csbn_sharing"] == "per_modality" and changes["csbn"] != "off"
    assert len(set(card.graphs.values())) == (2 if two_streams else 1)
    for file in set(card.graphs.values()):
        model = onnx.load(tmp_path / "bundle" / file)
        onnx.checker.check_model(model)
        assert "BatchNormalization" not in Counter(node.op_type for node in model.graph.node)
        (image,) = model.graph.input
        assert (image.name, image.type.tensor_type.elem_type) == ("images", onnx.TensorProto.UINT8)
        assert image.type.tensor_type.shape.dim[0].dim_param
        assert model.graph.output[0].name == "embeddings"


@pytest.mark.parametrize("precise", [True, False], ids=["fp32", "fp16"])
@pytest.mark.slow
def test_a_channel_that_is_zero_everywhere_is_pooled_as_by_the_formula(precise: bool) -> None:
    """((mean 0^3) + 1e-12)^(1/3) is 1e-4, which a neck can make large; float16 has no 1e-12, and makes it 0."""
    model = traced(GeneralisedMeanPool().eval(), torch.zeros(2, 4, 3, 2))
    model = model if precise else half(model)
    maps = np.zeros((5, 4, 3, 2), np.float32)
    maps[1, 2] = 5

    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (pooled,) = session.run(None, {"images": maps})

    expected = np.full((5, 4), 1e-4)
    expected[1, 2] = 5
    np.testing.assert_allclose(pooled, expected, rtol=1e-5 if precise else 2e-3, atol=0 if precise else 1.01e-4)


@pytest.mark.slow
def test_the_compact_graph_multiplies_and_adds_once_for_its_neck(tmp_path: Path) -> None:
    method, recipe = trained()

    nodes = Counter(node.op_type for node in graph(method, Modality.RGB, recipe.height, recipe.width).graph.node)

    assert nodes["Mul"] == 1
    assert nodes["Conv"] == 13
    assert nodes["Add"] == 4 + 1  # the shortcuts, and the neck


@pytest.mark.slow
def test_two_streams_share_their_trunk_on_disk(tmp_path: Path, exported: tuple[Path, ExpAT, Card]) -> None:
    two, two_recipe = trained(changes={"csbn_sharing": "per_modality"})
    export(run_of(tmp_path / "b", two_recipe), tmp_path / "two", method=two)

    sizes = [(bundle / "weights.bin").stat().st_size for bundle in (exported[0], tmp_path / "two")]

    assert sizes[1] - sizes[0] < 8 * 256 * 4


@pytest.mark.slow
def test_nothing_of_training_is_exported(exported: tuple[Path, ExpAT, Card]) -> None:
    bundle, method, _ = exported

    model = onnx.load(bundle / "embed.onnx")
    stored = sum(int(np.prod(tensor.dims)) for tensor in model.graph.initializer)

    backbone = sum(p.numel() for n, p in method.named_parameters() if n.startswith("backbone") and "conv" in n)
    assert stored < backbone + 260_000  # no classifier; biases of folded convolutions, shortcuts and the neck are small
    text = (bundle / "embed.onnx").read_bytes()
    assert b"classifier" not in text
    assert str(Path.home()).encode() not in text
    assert b"site-packages" not in text


@pytest.mark.slow
def test_any_batch_is_answered_and_black_and_white_images_too(exported: tuple[Path, ExpAT, Card]) -> None:
    encoder = Encoder(Bundle(exported[0]), batch=64)

    for n in (1, 2, 33):
        assert encoder.encode(np.zeros((n, 64, 32, 3), np.uint8), Modality.IR).shape == (n, 256)


@pytest.mark.slow
def test_a_bundle_that_differs_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exported: tuple[Path, ExpAT, Card]
) -> None:
    method, recipe = trained()
    with torch.no_grad():
        dict(method.named_parameters())["csbn.part.weight"].mul_(1.001)

    with pytest.raises(
        ParityFailure,
        match=r"differ by (9\.99e-04|1\.00e-03) relative .* at most 1e-05 is allowed where torch's float32 loses .*e-0[67]; no bundle was written",
    ):
        prove(method, Bundle(exported[0]))

    monkeypatch.setattr("rgbir.export.bundle.graph", lambda m, *rest: graph(trained(seed=9)[0], *rest))
    with pytest.raises(ParityFailure):
        export(run_of(tmp_path / "run", recipe), tmp_path / "other", method=method)
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_proven_on_the_processor_whatever_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, exported: tuple[Path, ExpAT, Card]
) -> None:
    """An H200 rounds factors to 10 bits: it differed by 5.7e-4, and the export was refused."""

    def preferred() -> list[str]:
        raise AssertionError("asked for what this machine prefers")

    monkeypatch.setattr(sessions_module, "preferred", preferred)
    bundle = Bundle(exported[0])
    black = [np.zeros((64, 32, 3), np.uint8)]

    assert prove(exported[1], bundle).cases == 8
    assert drift(bundle, bundle, {Modality.RGB: black}).cosine_min == pytest.approx(1)


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    method, recipe = trained()
    (tmp_path / "bundle").mkdir()
    with pytest.raises(ExportFailure, match="exists; remove it"):
        export(run_of(tmp_path / "run", recipe), tmp_path / "bundle", method=method)


def test_a_measured_result_joins_the_card_and_leaves_the_fingerprint(
    tmp_path: Path, exported: tuple[Path, ExpAT, Card]
) -> None:
    shutil.copytree(exported[0], tmp_path / "bundle")

    record_measurement(tmp_path / "bundle", "sysu", {"rank_1": 0.5})

    again = Bundle(tmp_path / "bundle").card
    assert again.measured == {"sysu": {"rank_1": 0.5}}
    assert again.fingerprint == exported[2].fingerprint


def test_a_bundle_of_a_network_trained_by_lanczos_encodes_files_as_pillow_resizes_them(
    tmp_path: Path, people: SysuMM01, exported: tuple[Path, ExpAT, Card]
) -> None:
    folder, method, card = exported
    records = list(people.records("test", (3,)))[:3]
    shown = [
        np.asarray(Image.open(record.path).convert("RGB").resize((32, 64), Image.Resampling.LANCZOS))
        for record in records
    ]
    with torch.inference_mode():
        expected = Served(method, Modality.IR)(torch.from_numpy(np.stack(shown))).numpy()

    encoder = Encoder(Bundle(folder), threads=1)

    np.testing.assert_array_equal(sample(records, 3, 64, 32, "lanczos")[Modality.IR], shown)
    assert card.resize == "lanczos"
    nearly = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(encoded(records, encoder).embeddings, expected, rtol=0, atol=nearly)
    with Gallery.open_or_create(tmp_path / "gallery", card, CameraNetwork.read("sysu-mm01")) as gallery:
        enrol(records, encoder, gallery)
        np.testing.assert_allclose(enrolled(records, gallery).embeddings, expected, rtol=0, atol=nearly)
    bilinear = encoder.encode(np.stack(sample(records, 3, 64, 32, "bilinear")[Modality.IR]), Modality.IR)
    assert np.abs(bilinear - expected).max() > 10 * nearly


class Nested(nn.Module):
    """Batch norms after a linear layer, after a branch, and before a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.BatchNorm2d(3)
        self.conv = nn.Conv2d(3, 4, 3, groups=1)
        self.after = nn.BatchNorm2d(4)
        self.linear = nn.Linear(4, 6)
        self.neck = nn.BatchNorm1d(6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(self.first(x))
        y = self.after(y) + y  # the convolution has two readers: its weights must stay
        embeddings: torch.Tensor = self.neck(self.linear(y.mean(dim=(2, 3))))
        return embeddings


@pytest.mark.slow
def test_folding_keeps_the_function_whatever_stands_before_a_batch_norm(tmp_path: Path) -> None:
    import onnxruntime

    torch.manual_seed(1)
    network = Nested().train()
    for _ in range(4):
        network(torch.randn(8, 3, 9, 9) * 2 + 1)
    network.eval()
    x = torch.randn(5, 3, 9, 9)
    model = traced(network, x)
    before = Counter(node.op_type for node in model.graph.node)["BatchNormalization"]

    folded = fold_batch_norms(model)

    assert before >= 2
    assert "BatchNormalization" not in {node.op_type for node in folded.graph.node}
    session = onnxruntime.InferenceSession(folded.SerializeToString(), providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(output, network(x).numpy(), rtol=1e-4, atol=1e-5)


# One method here, the others and the other variants in the slow run; some variants differ in training alone.
KINDS_OF_GRAPH = {"expat"}
TRAINING_ALONE = {
    ("dfe", "regdb"), ("base_derivative", "regdb"), ("base_derivative", "agw-rates"), ("agw", "official-code"),
    ("agw", "base-official-code"), ("caj", "official-code"), ("caj", "plus"), ("caj", "plus-regdb"),
    ("deen", "official-code"), ("deen", "llcm"),
    ("mpanet", "official-code"), ("mpanet", "regdb"), ("saai", "official-code"),
}  # fmt: skip
SERVED = [
    pytest.param(name, variant, marks=[pytest.mark.slow] if place or name not in KINDS_OF_GRAPH else [])
    for name, listed in METHODS.items()
    for place, variant in enumerate(listed.variants)
    if (name, variant) not in TRAINING_ALONE
]


@pytest.mark.proves("exports with parity")
@pytest.mark.proves("served in a search")
@pytest.mark.parametrize(("name", "variant"), SERVED)
@pytest.mark.slow
def test_every_method_exports_with_parity_and_answers_a_search_over_http(
    tmp_path: Path, people: SysuMM01, name: str, variant: str
) -> None:
    torch.manual_seed(0)
    method, recipe = settled(name, variant)

    drawn = sample(people.records("test"), 7, recipe.height, recipe.width, recipe.resize)

    card = export(Run(tmp_path / "run", name, variant, "people", 4, recipe), tmp_path / "bundle", drawn, method)

    assert card.parity is not None
    assert card.parity.float32_difference is not None
    assert card.parity.largest_relative_difference < max(1e-5, 8 * card.parity.float32_difference)
    assert card.parity.cases == 12  # random ones, black, white, and drawn people, one and many
    assert (card.metric, card.dimension) == (method.metric, method.dimension)
    assert len(set(card.graphs.values())) == (1 if method.one_stream else 2)
    for file in set(card.graphs.values()):
        kinds = {node.op_type for node in onnx.load(tmp_path / "bundle" / file).graph.node}
        assert "BatchNormalization" not in kinds
        assert "Dropout" not in kinds
    stored = (tmp_path / "bundle/weights.bin").stat().st_size
    trained_only = ("classifier", "network.reduce") if recipe.backbone == "pcb" else ("classifier",)
    served = sum(p.numel() for part, p in method.named_parameters() if not part.startswith(trained_only))
    assert stored < 4 * served * 1.02 + 20_000  # a trunk that two streams share is stored once

    encoder = Encoder(Bundle(tmp_path / "bundle"), threads=1)
    with Gallery.open_or_create(tmp_path / "gallery", encoder.card, people.network) as gallery:
        enrol(people.records("test", (1, 2, 4, 5)), encoder, gallery)
    settings = Settings(bundle=tmp_path / "bundle", gallery=tmp_path / "gallery", threads=1)
    probe = next(people.records("test", (3,)))
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http, Client(http) as client:
        answer = client.search([probe.path], camera="3", top_k=50)
    assert {hit.camera for hit in answer.hits} == {"1", "4", "5"}
    assert len(answer.hits) == 36


CUBES = {"deen"}
"""Methods that multiply maps three times over: their norms have to have seen dark and bright images, as photographs are."""


def settled(name: str, variant: str) -> tuple[Method, AnyRecipe]:
    """A small network of that method whose batch norms have seen something of both modalities."""
    recipe = recipe_of(name, variant)
    method = build(recipe, name).train()
    with torch.no_grad():
        for module in method.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) and module.affine:
                module.weight.uniform_(0.5, 1.5)
                module.momentum = None  # statistics that fit after a few passes, as after a training
                _wear(module)
        for modality in Modality:
            for _ in range(3):
                shift = 0.4 * (modality is Modality.IR)
                images = torch.randn(8, 3, recipe.height, recipe.width) + shift
                if name in CUBES:
                    images = images / 2 + 2 * torch.randn(8, 3, 1, 1)
                method.embed(images, modality)
    return method, recipe


def _wear(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
    """As in trained networks: of sixteen channels one is zero everywhere, one saturated, and one huge."""
    norm.weight[0::16], norm.bias[0::16] = (
        0.0,
        -1e3,
    )  # the rectifier after it, or after a shortcut's sum, lets nothing by
    norm.weight[5::16], norm.bias[5::16] = 0.0, 30.0
    norm.weight[9::16], norm.bias[9::16] = 300.0, 100.0


@pytest.mark.parametrize(
    ("offset", "refused"),
    [pytest.param(1e3, False, marks=pytest.mark.slow), pytest.param(1e6, True, marks=pytest.mark.slow)],
)
def test_the_difference_allowed_is_what_float32_loses_and_no_network_may_lose_all(
    tmp_path: Path, offset: float, refused: bool
) -> None:
    """Pooled values of offset ± 1 that a neck moves back: float32 keeps a step of offset / 2^24 of them."""
    method, recipe = trained()
    with torch.no_grad():
        method.get_parameter("backbone.layer4.bn2.bias").fill_(offset)
        for norm in (module for module in method.modules() if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))):
            norm.reset_running_stats()
            norm.momentum = None
        method.train()
        for modality in Modality:
            method.embed(torch.randn(32, 3, recipe.height, recipe.width), modality)
    out = tmp_path / "bundle"

    if refused:
        with pytest.raises(ParityFailure, match="rounding to float32 alone changes the network's embeddings"):
            export(run_of(tmp_path / "run", recipe), out, method=method)
        assert not out.exists()
    else:
        parity = export(run_of(tmp_path / "run", recipe), out, method=method).parity
        assert parity is not None
        assert parity.float32_difference is not None
        assert 1e-5 < parity.float32_difference < 1e-3
        assert parity.tolerance == pytest.approx(8 * parity.float32_difference)
        assert parity.largest_relative_difference < parity.tolerance


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["paper", "official-code"])
def test_resnet50_exports_at_full_size(tmp_path: Path, variant: str) -> None:
    recipe = entry("expat").resolve(variant)
    assert isinstance(recipe, ExpATRecipe)
    torch.manual_seed(0)
    method = ExpAT(recipe, 296).eval()

    card = export(Run(tmp_path / "r", "expat", variant, "sysu_mm01", 296, recipe), tmp_path / "bundle", method=method)

    assert (card.dimension, card.height, card.width, card.name) == (2048, 384, 128, "expat_resnet50.sysu_mm01")
    assert (tmp_path / "bundle/weights.bin").stat().st_size < 96_000_000
