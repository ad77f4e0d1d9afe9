"""fp16 and int8 bundles."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from tests.export.test_export import run_of, trained

from rgbir.export import ExportFailure, export
from rgbir.export.cli import sample
from rgbir.export.folder import write
from rgbir.export.precision import int8
from rgbir.index import Bundle, Card, Encoder, Modality, SysuMM01
from rgbir.training.methods.expat import ExpAT


@pytest.mark.slow
def test_fp16_halves_the_weights_and_says_how_far_it_drifts(
    tmp_path: Path, people: SysuMM01, exported: tuple[Path, ExpAT, Card]
) -> None:
    method, recipe = trained()

    card = export(
        run_of(tmp_path, recipe),
        tmp_path / "fp16",
        sample(people.records("test"), 6, 64, 32, "bilinear"),
        method,
        "fp16",
    )

    assert (card.precision, card.name) == ("fp16", "expat_compact.people.fp16")
    assert card.drift is not None
    assert card.drift.images == 12
    assert 0.999 < card.drift.cosine_min <= card.drift.cosine_mean <= 1.0001
    sizes = [(bundle / "weights.bin").stat().st_size for bundle in (tmp_path / "fp16", exported[0])]
    assert sizes[0] / sizes[1] == pytest.approx(0.5, abs=0.02)
    images = np.zeros((3, 64, 32, 3), np.uint8)
    assert Encoder(Bundle(tmp_path / "fp16")).encode(images, Modality.IR).dtype == np.float32


@pytest.mark.slow
def test_int8_quantises_the_convolutions_with_unsigned_activations(tmp_path: Path, people: SysuMM01) -> None:
    method, recipe = trained()
    images, scales = (sample(people.records(of), 12, 64, 32, "bilinear") for of in ("test", "train"))

    card = export(run_of(tmp_path, recipe), tmp_path / "int8", images, method, "int8", scales)

    model = onnx.load(tmp_path / "int8/embed.onnx")
    kinds = Counter(node.op_type for node in model.graph.node)
    assert kinds["QuantizeLinear"] > 0
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    zero_points = {types[node.input[2]] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    assert zero_points == {onnx.TensorProto.UINT8}
    assert (
        sum(t.data_type == onnx.TensorProto.INT8 and len(t.dims) == 4 for t in model.graph.initializer) == kinds["Conv"]
    )
    assert card.drift is not None
    assert card.drift.cosine_mean > 0.98
    assert (tmp_path / "int8/weights.bin").stat().st_size < 1_500_000


def test_int8_without_images_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    method, recipe = trained()
    with pytest.raises(ExportFailure, match="name a data set with --calibrate"):
        export(run_of(tmp_path, recipe), tmp_path / "int8", method=method, precision="int8")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif("TESTS_OF_RUNNERS" not in os.environ, reason="run by index/test_runners_apart.py")
def test_an_int8_bundle_runs_in_openvino_as_it_is(tmp_path: Path, people: SysuMM01, bundle: Bundle) -> None:
    form = bundle.card.height, bundle.card.width, bundle.card.resize
    scales = sample(people.records("train"), 16, *form)
    models = {
        file: int8(onnx.load(bundle.folder / file), scales[modality]) for modality, file in bundle.card.graphs.items()
    }
    write(tmp_path / "int8", models, bundle.card.model_copy(update={"precision": "int8", "reaction": None}))
    encoders = [Encoder(Bundle(tmp_path / "int8"), threads=1, runner=runner) for runner in ("onnxruntime", "openvino")]

    assert encoders[0].card == encoders[1].card
    for modality, images in sample(people.records("test"), 16, *form).items():
        exact = unit(Encoder(bundle, threads=1).encode(np.stack(images), modality))
        answers = [unit(encoder.encode(np.stack(images), modality)) for encoder in encoders]
        assert (answers[0] * answers[1]).sum(1).min() > 0.998
        for answer in answers:
            assert 0.98 < (answer * exact).sum(1).min() < 0.99999
    session = encoders[1]._sessions[Modality.RGB]
    steps = session.compiled.get_runtime_model().get_ops()
    assert any(
        step.get_rt_info()["runtimePrecision"].value == "u8" and step.get_rt_info()["layerType"].value == "Convolution"
        for step in steps
    )


def unit(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of length 1."""
    wide = rows.astype(np.float64)
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True))
