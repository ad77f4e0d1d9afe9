"""Somebody else's ONNX model as a bundle: a card written by hand says what it wants, its graph gets that in front, and the two are compared."""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rgbir.export.difference import MANY, PROCESSOR, coincide, difference
from rgbir.export.errors import BadCard, ExportFailure, ParityFailure
from rgbir.export.folder import write, write_card
from rgbir.export.foreign import FLOATS, Layout, Order, Steps, given_inputs, joined, loaded, pixels_for, rename
from rgbir.export.foreign import prepared as in_front
from rgbir.index import Bundle, Card, Encoder, Metric, Modality, Parity, Resize, listed, why

TOLERANCE = 1e-4
"""Largest difference allowed between a graph and its bundle, relative to the largest value; both round to float32."""


class Foreign(BaseModel):
    """What a hand-written card says. A pixel of value v in 0..255 reaches the graph as (v / 255 - mean) / std.

    Attributes:
        kind: encoder; a detector's card is read by `rgbir.export.adopt_detector`.
        name: of the bundle.
        graphs: the ONNX file of each modality, beside the card; one file may serve both.
        height, width: of the images that its input wants, in pixels.
        resize: the filter that made its training images that size.
        metric: how its embeddings are compared.
        mean, std: of pixels in 0..1, in the order of the graph's channels.
        order, layout: what its input wants.
        output: the graph's output that is the embedding; must be said where there are several.
        method: what trained it; the name up to its first underscore if not said.
        backbone, training_data, note, licence: for the bundle's card.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["encoder"] = "encoder"
    name: str = Field(min_length=1)
    graphs: dict[Modality, str]
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    resize: Resize = "bilinear"
    metric: Metric
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    order: Order = "rgb"
    layout: Layout = "nchw"
    output: str | None = None
    method: str = ""
    backbone: str = ""
    training_data: str = ""
    note: str = ""
    licence: str = ""

    @classmethod
    def read(cls, file: Path) -> Foreign:
        """From TOML.

        Raises:
            BadCard: it isn't such a card.
        """
        try:
            return cls.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError) as error:
            raise BadCard(f"{file} is no card of a model to adopt: {why(error)}") from error


def adopt(file: Path, out: Path) -> Card:
    """Writes a bundle of a foreign model, after proving that it computes what the model computes on pixels prepared as the card says.

    Raises:
        ExportFailure: `out` exists; `file` is no card; no such graph; one of another form than the card promises.
        ParityFailure: the bundle computes something else; nothing is written.
    """
    if out.exists():
        raise ExportFailure(f"{out} exists; remove it, or choose another name")
    foreign = Foreign.read(file)
    originals = {name: file.parent / name for name in dict.fromkeys(foreign.graphs.values())}
    by_file = {name: modality for modality, name in foreign.graphs.items()}
    names = {name: "embed.onnx" if len(originals) == 1 else f"{by_file[name]}.onnx" for name in originals}
    pixels = _pixels(foreign)
    expected = {names[name]: [_original(path, foreign, batch) for batch in pixels] for name, path in originals.items()}
    dimension = next(iter(expected.values()))[0].shape[1]
    models = {names[name]: prepared(path, foreign, dimension) for name, path in originals.items()}
    card = Card(
        name=foreign.name,
        method=foreign.method or foreign.name.partition("_")[0],
        backbone=foreign.backbone,
        training_data=foreign.training_data,
        height=foreign.height,
        width=foreign.width,
        resize=foreign.resize,
        dimension=dimension,
        metric=foreign.metric,
        graphs={modality: names[name] for modality, name in foreign.graphs.items()},
        files=dict.fromkeys(models, ""),
        note=foreign.note or "adopted; made elsewhere",
        licence=foreign.licence,
        made_with={name: version(name) for name in ("rgbir", "onnx", "onnxruntime")},
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".adopt-") as made:
        folder = Path(made) / "bundle"
        card = write(folder, models, card)
        card = card.model_copy(update={"parity": _proven(Bundle(folder), pixels, expected, _tolerance(models))})
        write_card(folder, card)
        shutil.move(folder, out)
    return card


def prepared(path: Path, foreign: Foreign, dimension: int) -> ModelProto:
    """The graph with uint8 (n, height, width, 3) RGB in front and float32 (n, d) at the end.

    Args:
        path: the foreign ONNX file.
        foreign: what its card says.
        dimension: d.

    Raises:
        ExportFailure: no such graph; one of another form than the card promises.
    """
    model = loaded(path)
    rename(model, {name: f"adopted_{name}" for name in ("images", "embeddings")})
    given, answer = _input(model, path), _output(model, path, foreign)
    kind = given.type.tensor_type.elem_type
    if kind not in FLOATS:
        raise ExportFailure(
            f"{path}: its input {given.name} must be float32 or float16, not {TensorProto.DataType.Name(kind)}"
        )
    scale = [1 / (255 * std) for std in foreign.std]
    shift = [mean * 255 for mean in foreign.mean]
    front, back = Steps("front"), Steps("back")
    last = pixels_for(front, shift, scale, foreign.order, foreign.layout, kind)
    front.named(last, given.name)
    back.named(back.step("Flatten", back.step("Cast", answer, to=TensorProto.FLOAT), axis=1), "embeddings")
    shape: list[str | int | None] = ["n", foreign.height, foreign.width, 3]
    joined(model, front, back, [helper.make_tensor_value_info("images", TensorProto.UINT8, shape)])
    model.graph.output.append(helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", dimension]))
    return model


def _input(model: ModelProto, path: Path) -> onnx.ValueInfoProto:
    inputs = given_inputs(model)
    if len(inputs) != 1:
        raise ExportFailure(f"{path}: one input, the images, is wanted; it has {[value.name for value in inputs]}")
    batch = inputs[0].type.tensor_type.shape.dim[:1]
    if batch and batch[0].dim_value:
        raise ExportFailure(
            f"{path}: its input {inputs[0].name} takes {batch[0].dim_value} at a time and no other number; a server encodes as"
            " many images as come: export the model with a dynamic batch"
        )
    return inputs[0]


def _output(model: ModelProto, path: Path, foreign: Foreign) -> str:
    names = [value.name for value in model.graph.output]
    if foreign.output is None and len(names) > 1:
        raise ExportFailure(
            f"{path}: it has the outputs {listed(names)}; say in the card which one is the embedding, such as"
            f' output = "{names[0]}"'
        )
    if foreign.output is None:
        return names[0]
    named = {foreign.output, f"adopted_{foreign.output}"} & set(names)
    if not named:
        raise ExportFailure(f"{path}: no output {foreign.output!r}; it has {listed(names)}")
    return named.pop()


def _pixels(foreign: Foreign) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (n, foreign.height, foreign.width, 3), np.uint8) for n in (1, MANY)]


def _original(path: Path, foreign: Foreign, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What the foreign graph itself says to these pixels, one image at a time, prepared with NumPy."""
    shift, scale = [mean * 255 for mean in foreign.mean], [1 / (255 * std) for std in foreign.std]
    values = in_front(pixels, shift, scale, foreign.order, foreign.layout)
    model = loaded(path)
    given, answer = _input(model, path), _output(model, path, foreign)
    kind = FLOATS[given.type.tensor_type.elem_type]
    try:
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        outputs = [session.run([answer], {given.name: image[None].astype(kind)})[0] for image in values]
    except Exception as error:  # ONNX Runtime raises its own kinds, all plain Exceptions
        raise ExportFailure(
            f"{path}: ONNX Runtime can't run it on {foreign.height}x{foreign.width} images in {foreign.layout}: {error}"
        ) from error
    return np.concatenate([np.asarray(output, np.float64).reshape(1, -1) for output in outputs])


def _tolerance(models: dict[str, ModelProto]) -> float:
    """Pixels that are rounded to float16 may fall to either side."""
    half = any(
        tensor.data_type == TensorProto.FLOAT16 for model in models.values() for tensor in model.graph.initializer
    )
    return 1e-2 if half else TOLERANCE


def _proven(
    bundle: Bundle, pixels: list[NDArray[np.uint8]], expected: dict[str, list[NDArray[np.float64]]], tolerance: float
) -> Parity:
    """The bundle beside the graph itself, on one image and on many.

    Raises:
        ParityFailure: they differ by more, the graph takes one image at a time only, or gives all the same embedding.
    """
    worst, cases = 0.0, 0
    try:
        encoder = Encoder(bundle, batch=1024, providers=PROCESSOR)
        for modality, file in bundle.card.graphs.items():
            for batch, right in zip(pixels, expected[file], strict=True):
                embeddings = encoder.encode(batch, modality)
                if embeddings.shape != right.shape:
                    raise ParityFailure(f"{file}: {len(batch)} images gave embeddings of shape {embeddings.shape}")
                if len(batch) == MANY and coincide(right):
                    raise ParityFailure(
                        f"{file} gives different images one embedding: nobody could be told apart; no bundle was written. Do"
                        " mean, std, order and layout say what it was trained with?"
                    )
                worst = max(worst, difference(embeddings, right))
                cases += 1
    except ParityFailure:
        raise
    except Exception as error:  # ONNX Runtime raises its own kinds, all plain Exceptions
        raise ParityFailure(
            f"{bundle.card.name}: it can't encode 1 and then {MANY} images at once, as a server does: {error}; export the model"
            " with a dynamic batch"
        ) from error
    if not worst <= tolerance:
        raise ParityFailure(
            f"with its pixels prepared inside, the graph differs by {worst:.2e} from itself, relative to the largest value; at most"
            f" {tolerance:.0e} is allowed, no bundle was written"
        )
    return Parity(largest_relative_difference=worst, tolerance=tolerance, cases=cases)
