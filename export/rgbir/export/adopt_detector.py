"""Somebody else's ONNX detector as a bundle: pixels in front, the family's head behind, and both compared with the foreign graph itself."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import tomllib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from rgbir.export.detectors.families import AGPL, FAMILIES, READ
from rgbir.export.detectors.family import Decoded, Family, Form, Outputs
from rgbir.export.difference import PROCESSOR
from rgbir.export.errors import BadCard, ExportFailure, ParityFailure
from rgbir.export.folder import write_card
from rgbir.export.foreign import (
    FLOATS,
    Layout,
    Order,
    Steps,
    given_inputs,
    joined,
    loaded,
    pixels_for,
    prepared,
    rename,
)
from rgbir.index import (
    BadBundle,
    BadImage,
    DetectorBundle,
    DetectorCard,
    Fit,
    Modality,
    ModelDetector,
    Thresholds,
    Tried,
    UsageError,
    decode,
    did_you_mean,
    in_input,
    ious,
    listed,
    read_bytes,
    sha256,
    why,
)

TOLERANCE = 0.5
"""Largest difference allowed between a side of the foreign graph's boxes and of the bundle's, in pixels of the input."""
SCORE_TOLERANCE, HALF_TOLERANCE = 1e-3, 2e-2
"""The same of scores; the second where a graph computes in float16."""
LEAST_IOU = 0.5
"""Of a box that whoever adopts a detector brought, and of the one that it finds."""
GRAPH = "detect.onnx"
_THRESHOLDS = {Modality.RGB: Thresholds(0.55, 0.50, 0.15), Modality.IR: Thresholds(0.40, 0.35, 0.10)}
Values = tuple[float, float, float]
Side = Annotated[float, Field(ge=0)]


class Example(BaseModel):
    """A picture, and where its people are.

    Attributes:
        image: the file, beside the card.
        boxes: left, top, right, bottom in pixels, of people whom the detector is to find. Others may be in it, too.
        modality: of the picture.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str
    boxes: list[tuple[Side, Side, Side, Side]] = Field(min_length=1)
    modality: Modality = Modality.RGB


class ForeignDetector(BaseModel):
    """What a hand-written card says of a detector. What isn't said is as its family has it.

    Attributes:
        kind: detector.
        name: of the bundle.
        family: whose rules its outputs follow.
        graph: the ONNX file, beside the card.
        licence: of its weights, and of what made them.
        height, width: of its input in pixels; needed where the graph leaves them open.
        person: the class index of persons.
        nms: the IoU past which boxes are suppressed.
        order: of its channels.
        subtract, divide: a pixel's value v in 0..255 reaches it as (v - subtract) / divide.
        fit, fill: how a picture becomes the input's size, and the grey beside it.
        thresholds: of each modality.
        pictures: with people that it must find.
        note: where it comes from, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["detector"]
    name: str = Field(min_length=1)
    family: str
    graph: str
    licence: str = Field(min_length=1)
    height: int | None = Field(None, ge=1)
    width: int | None = Field(None, ge=1)
    person: int | None = Field(None, ge=0)
    nms: float | None = Field(None, gt=0, le=1)
    order: Order | None = None
    subtract: Values | None = None
    divide: Values | None = None
    fit: Fit | None = None
    fill: int | None = Field(None, ge=0, le=255)
    thresholds: dict[Modality, Thresholds] = {}
    pictures: list[Example] = []
    note: str = ""

    @field_validator("family")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in FAMILIES:
            raise ValueError(f"no family {name!r}; there are {listed(FAMILIES)}{did_you_mean(name, FAMILIES)}")
        return name

    @field_validator("divide")
    @classmethod
    def _divides(cls, values: Values | None) -> Values | None:
        if values is not None and 0 in values:
            raise ValueError("nothing can be divided by 0")
        return values

    @classmethod
    def read(cls, file: Path) -> ForeignDetector:
        """From TOML.

        Raises:
            BadCard: it isn't such a card.
        """
        try:
            foreign = cls.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError, UsageError) as error:
            raise BadCard(f"{file} is no card of a detector to adopt: {why(error)}") from error
        if foreign.rules.licence == AGPL and not any(word in foreign.licence for word in (AGPL, "Enterprise")):
            raise BadCard(
                f"{file}: detectors of the family {foreign.family} come under the {AGPL}, which reaches whoever serves them over a"
                f' network; the card says licence = "{foreign.licence}". Write "{AGPL}", or "Ultralytics Enterprise" if you have one'
            )
        if foreign.rules.standing == READ and not foreign.pictures:
            raise BadCard(
                f"{file}: this version knows the family {foreign.family} from its documentation, and never ran one with real weights."
                " Bring a picture and where its people are, which the adopted detector must find:"
                ' [[pictures]] image = "street.jpg", boxes = [[left, top, right, bottom]]'
            )
        return foreign

    @property
    def rules(self) -> Family:
        """Its family."""
        return FAMILIES[self.family]


class Original:
    """The foreign graph as it came.

    Args:
        path: its file.
        foreign: what its card says.

    Attributes:
        form: what its head has to know.
        kind: ONNX's type of its input.
        batched: it takes any number of images.
        names: of its outputs in the graph, by what they are called; converters of TensorFlow's graphs add `:0` to them.

    Raises:
        ExportFailure: no such graph; one of another form than its family's.
    """

    def __init__(self, path: Path, foreign: ForeignDetector) -> None:
        self.path, self.foreign, self.family = path, foreign, foreign.rules
        self.model = loaded(path)
        inputs = {value.name: value for value in given_inputs(self.model)}
        sizes = inputs.pop(self.family.sizes, None) if self.family.sizes else None
        if self.family.sizes and sizes is None:
            raise ExportFailure(
                f"{path}: the family {foreign.family} takes {self.family.sizes} beside the images; this one takes {listed(inputs)}"
            )
        if len(inputs) != 1:
            raise ExportFailure(f"{path}: one input, the images, is wanted; it has {listed(inputs)}")
        (self.input,) = inputs.values()
        self.layout: Layout = self.family.layout
        self.order: Order = foreign.order or self.family.order
        self.kind = self.input.type.tensor_type.elem_type
        self.subtract, self.scale = self._scaling()
        self.form = self._form()
        try:
            self._session = ort.InferenceSession(path, providers=list(PROCESSOR))
        except Exception as error:  # ONNX Runtime raises its own kinds, all plain Exceptions
            raise ExportFailure(f"{path}: ONNX Runtime can't load it: {error}") from error
        self.names = {output.name.removesuffix(":0"): output.name for output in self._session.get_outputs()}

    def _scaling(self) -> tuple[Sequence[float], Sequence[float] | None]:
        """What is taken from a pixel's values, and by what they are multiplied then; None where they stay whole numbers."""
        subtract, divide = self.foreign.subtract, self.foreign.divide
        given = [name for name, value in (("subtract", subtract), ("divide", divide)) if value is not None]
        wanted = self.family.subtract is not None
        if self.kind == TensorProto.UINT8:
            if given or wanted:
                reason = (
                    f"{listed(given)} have no effect" if given else f"the family {self.foreign.family} takes fractions"
                )
                raise ExportFailure(
                    f"{self.path}: its input {self.input.name} takes whole numbers (uint8), and {reason}"
                )
            return (0, 0, 0), None
        if self.kind not in FLOATS:
            raise ExportFailure(
                f"{self.path}: its input {self.input.name} must be float32, float16 or uint8, not"
                f" {TensorProto.DataType.Name(self.kind)}"
            )
        subtract = subtract or self.family.subtract or (0, 0, 0)
        divide = divide or self.family.divide or (1, 1, 1)
        return subtract, [1 / each for each in divide]

    def _form(self) -> Form:
        dims = self.input.type.tensor_type.shape.dim
        if len(dims) != 4:
            raise ExportFailure(
                f"{self.path}: its input {self.input.name} must have four dimensions, {self.layout}, not {len(dims)}"
            )
        self.batched = not dims[0].dim_value and not self.family.single
        if dims[0].dim_value > 1:
            raise ExportFailure(
                f"{self.path}: its input {self.input.name} takes {dims[0].dim_value} images at once; export it for one, or with a"
                " dynamic batch"
            )
        places = (2, 3) if self.layout == "nchw" else (1, 2)
        channels = dims[1 if self.layout == "nchw" else 3].dim_value
        if channels not in (0, 3):
            raise ExportFailure(
                f"{self.path}: its input {self.input.name} has {channels} channels; {self.layout} with 3 is what the family"
                f" {self.foreign.family} takes"
            )
        size: dict[str, int] = {}
        for name, place in zip(("height", "width"), places, strict=True):
            has, wanted = dims[place].dim_value, getattr(self.foreign, name)
            if not has and wanted is None:
                raise ExportFailure(
                    f"{self.path}: it takes images of any {name}; say in the card which, such as {name} = 640"
                )
            if has and wanted not in (None, has):
                raise ExportFailure(f"{self.path}: its input has {name} {has}, the card says {wanted}; leave it out")
            size[name] = has or wanted
        person = self.family.person if self.foreign.person is None else self.foreign.person
        return Form(size["height"], size["width"], person)

    def outputs(self, image: NDArray[np.uint8]) -> Outputs:
        """What it says of an image of its input's size, uint8 (height, width, 3), prepared with NumPy.

        Raises:
            ExportFailure: ONNX Runtime can't run it.
        """
        values = prepared(image[None], self.subtract, self.scale, self.order, self.layout)
        given = {self.input.name: values.astype(FLOATS.get(self.kind, np.uint8))}
        if self.family.sizes:
            given[self.family.sizes] = np.array([[self.form.width, self.form.height]], np.int64)
        try:
            return dict(zip(self.names, self._session.run(list(self.names.values()), given), strict=True))
        except Exception as error:  # ONNX Runtime raises its own kinds, all plain Exceptions
            size = f"{self.form.height} x {self.form.width}"
            raise ExportFailure(f"{self.path}: ONNX Runtime can't run it on {size} pixels: {error}") from error

    def decoded(self, image: NDArray[np.uint8]) -> Decoded:
        """Of an image (height, width, 3): boxes (K, 4) and scores (K,), by the family's definition.

        Raises:
            ExportFailure: its outputs aren't the family's.
        """
        return self.family.head.decode(self.outputs(image), self.form)

    def adopted(self, outputs: Outputs) -> ModelProto:
        """The graph with `images` in front, and `boxes` and `scores` behind.

        Args:
            outputs: what it said of an image.

        Raises:
            ExportFailure: its outputs aren't the family's.
        """
        model = ModelProto()
        model.CopyFrom(self.model)
        names = {name: f"adopted_{name}" for name in ("images", "boxes", "scores")}
        rename(model, names)
        front, casts = Steps("front"), Steps("said")
        source = pixels_for(front, self.subtract, self.scale, self.order, self.layout, self.kind)
        front.named(source, names.get(self.input.name, self.input.name))
        if self.family.sizes:
            size = np.array([[self.form.width, self.form.height]], np.int64)
            model.graph.initializer.append(numpy_helper.from_array(size, self.family.sizes))
        values: dict[str, str] = {}
        for name, value in outputs.items():
            now = names.get(self.names[name], self.names[name])
            values[name] = casts.step("Cast", now, to=TensorProto.FLOAT) if value.dtype.kind == "f" else now
        head = Steps("head", values)
        boxes, scores = self.family.head.append(head, outputs, self.form)
        head.nodes[:0], head.constants[:0] = casts.nodes, casts.constants
        head.named(boxes, "boxes")
        head.named(scores, "scores")
        batch: str | int = "n" if self.batched else 1
        images = [batch, self.form.height, self.form.width, 3]
        joined(model, front, head, [helper.make_tensor_value_info("images", TensorProto.UINT8, images)])
        for name, shape in (("boxes", [batch, None, 4]), ("scores", [batch, None])):
            model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return model


def is_detector(file: Path) -> bool:
    """Whether a hand-written card says that it is a detector's. What can't be read isn't; reading it says why."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8")).get("kind") == "detector"
    except (OSError, ValueError):
        return False


def adopt_detector(file: Path, out: Path) -> DetectorCard:
    """Writes a bundle of a foreign detector, after proving that it finds what the foreign graph finds.

    Raises:
        ExportFailure: `out` exists; `file` is no card; no such graph; one of another form than its family's.
        ParityFailure: the bundle finds something else, or not the people of the pictures; nothing is written.
    """
    if out.exists():
        raise ExportFailure(f"{out} exists; remove it, or choose another name")
    foreign = ForeignDetector.read(file)
    original = Original(file.parent / foreign.graph, foreign)
    pictures = [_picture(file.parent / example.image) for example in foreign.pictures]
    form, family = original.form, original.family
    noise = _noise(form)
    outputs = original.outputs(noise[0])
    candidates = len(family.head.decode(outputs, form)[1])
    model = original.adopted(outputs)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".adopt-") as made:
        folder = Path(made) / "bundle"
        folder.mkdir()
        onnx.save_model(model, folder / GRAPH)
        card = DetectorCard(
            name=foreign.name,
            family=family.name,
            standing=family.standing,
            licence=foreign.licence,
            graph=GRAPH,
            files={GRAPH: sha256(folder / GRAPH)},
            height=form.height,
            width=form.width,
            fit=foreign.fit or family.fit,
            fill=family.fill if foreign.fill is None else foreign.fill,
            candidates=candidates,
            person=form.person,
            nms=family.nms if foreign.nms is None else foreign.nms,
            thresholds=_THRESHOLDS | foreign.thresholds,
            parity=0.0,
            note=foreign.note or "adopted; made elsewhere",
            made_with={name: version(name) for name in ("rgbir", "onnx", "onnxruntime")},
        )
        write_card(folder, card)
        try:
            detector = ModelDetector(DetectorBundle(folder), providers=PROCESSOR)
            tests = [*noise, *(in_input(image, card)[0] for image, _ in pictures)]
            card = card.model_copy(update={"parity": _proven(detector, original, tests)})
            tried = [
                _tried(detector, example, *picture) for example, picture in zip(foreign.pictures, pictures, strict=True)
            ]
        except BadBundle as error:
            raise ParityFailure(f"{error}; no bundle was written") from error
        write_card(folder, card.model_copy(update={"tried": tried}))
        shutil.move(folder, out)
    return DetectorBundle(out).card


def _picture(path: Path) -> tuple[NDArray[np.uint8], str]:
    """A picture as uint8 (height, width, 3), and the sha256 of its file.

    Raises:
        ExportFailure: it can't be read.
    """
    try:
        data = read_bytes(path)
        return np.asarray(decode(data, str(path))), hashlib.sha256(data).hexdigest()
    except BadImage as error:
        raise ExportFailure(f"a picture to try the detector on can't be read: {error}") from error


def _noise(form: Form) -> list[NDArray[np.uint8]]:
    """Two images of the input's size: noise by pixels, and by blocks of 32 pixels."""
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 256, (form.height, form.width, 3), np.uint8)
    coarse = rng.integers(0, 256, (form.height // 32 + 1, form.width // 32 + 1, 3), np.uint8)
    return [fine, coarse.repeat(32, axis=0).repeat(32, axis=1)[: form.height, : form.width]]


def _proven(detector: ModelDetector, original: Original, images: Sequence[NDArray[np.uint8]]) -> float:
    """The largest difference of a box's side, in pixels of the input.

    Boxes are compared as far as three times the input's size reaches, past which no side matters.

    Raises:
        ParityFailure: it is larger than `TOLERANCE`, or scores differ.
    """
    height, width = original.form.height, original.form.width
    least, most = np.array([-width, -height] * 2), np.array([2 * width, 2 * height] * 2)
    allowed = HALF_TOLERANCE if _half(original.model) else SCORE_TOLERANCE
    worst = 0.0
    for image in images:
        boxes, scores = detector.candidates(np.ascontiguousarray(image[None]))
        right, sure = original.decoded(image)
        if boxes.shape != (1, *right.shape) or scores.shape != (1, *sure.shape):
            raise ParityFailure(
                f"the bundle gives {boxes.shape[1]} boxes and the graph {len(right)}; no bundle was written"
            )
        apart = float(np.abs(scores[0] - sure).max(initial=0))
        if not apart <= allowed:
            raise ParityFailure(
                f"with its head inside, the graph's scores differ by {apart:.2e} from its outputs read by hand; at most {allowed:.0e} is"
                " allowed, no bundle was written"
            )
        worst = max(worst, float(np.abs(np.clip(boxes[0], least, most) - np.clip(right, least, most)).max(initial=0)))
    if not worst <= TOLERANCE:
        raise ParityFailure(
            f"with its head inside, the graph's boxes differ by {worst:.2f} pixels from its outputs read by hand; at most {TOLERANCE} is"
            " allowed, no bundle was written"
        )
    return worst


def _half(model: ModelProto) -> bool:
    """Whether it computes in float16."""
    return any(tensor.data_type == TensorProto.FLOAT16 for tensor in model.graph.initializer)


def _tried(detector: ModelDetector, example: Example, image: NDArray[Any], digest: str) -> Tried:
    """
    Raises:
        ParityFailure: it doesn't find a person of the picture.
        ExportFailure: a box isn't in the picture.
    """
    height, width = image.shape[:2]
    start = detector.thresholds(example.modality).start
    people = detector.find(image, example.modality).above(start)
    least = 1.0
    for box in example.boxes:
        left, top, right, bottom = box
        if not (left < right <= width and top < bottom <= height):
            raise ExportFailure(
                f"{example.image}: the box {list(box)} doesn't lie in its {width} x {height} pixels: left, top, right, bottom"
            )
        best = float(ious(np.array(box, np.float32), people.boxes).max(initial=0))
        if best < LEAST_IOU:
            seen = [[round(float(side)) for side in each] for each in people.boxes[:5]]
            raise ParityFailure(
                f"{example.image}: the detector doesn't find the person at {list(box)} with a score of {start} or more: the nearest of"
                f" {len(people)} boxes overlaps by IoU {best:.2f}, and {LEAST_IOU} is wanted; no bundle was written. It found"
                f" {seen or 'nobody'}. Do family, person, order, subtract and divide say what it is?"
            )
        least = min(least, best)
    return Tried(image=Path(example.image).name, sha256=digest, people=len(example.boxes), least_iou=round(least, 4))
