"""Detectors that others made: each family's graph becomes a bundle that finds what the family's own definition says."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper
from PIL import Image
from tests.commands import run
from tests.export import foreign_detectors as foreign

from rgbir.export.adopt_detector import ForeignDetector, Original, adopt_detector
from rgbir.export.detectors.families import FAMILIES
from rgbir.export.errors import BadCard, ExportFailure, ParityFailure
from rgbir.index import BadBundle, Bundle, DetectorBundle, DetectorCard, Modality, ModelDetector

Loops = Callable[[dict[str, NDArray[Any]], int, int, int], tuple[list[list[float]], list[float]]]


def card(folder: Path, family: str, model: ModelProto, more: str = "", licence: str = "Apache-2.0") -> Path:
    """A card beside its graph. The family's rules are not those of this version's own, so a picture comes with it."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save_model(model, folder / "net.onnx")
    text = f'kind = "detector"\nname = "x.y"\nfamily = "{family}"\ngraph = "net.onnx"\nlicence = "{licence}"\n{more}\n'
    (folder / "detector.toml").write_text(text)
    return folder / "detector.toml"


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


# --- the design's table, by slow loops


def yolox_loops(said: dict[str, NDArray[Any]], height: int, width: int, person: int) -> Any:
    boxes, scores, place = [], [], 0
    for stride in (8, 16, 32):
        for row in range(height // stride):
            for column in range(width // stride):
                x, y, w, h, objectness, *classes = said["output"][0, place].tolist()
                cx, cy = (x + column) * stride, (y + row) * stride
                half_w, half_h = math.exp(w) * stride / 2, math.exp(h) * stride / 2
                boxes.append([cx - half_w, cy - half_h, cx + half_w, cy + half_h])
                scores.append(objectness * classes[person])
                place += 1
    return boxes, scores


def nanodet_loops(strides: tuple[int, ...], bins: int, centred: bool) -> Loops:
    def loops(said: dict[str, NDArray[Any]], height: int, width: int, person: int) -> Any:
        boxes, scores, before = [], [], 0
        for stride in strides:
            place = 0
            for row in range(math.ceil(height / stride)):
                for column in range(math.ceil(width / stride)):
                    if "output" in said:
                        values = said["output"][0, before + place].tolist()
                        classes, far = values[:80], values[80:]
                    else:
                        classes = said[f"cls_pred_stride_{stride}"][0, place].tolist()
                        far = said[f"dis_pred_stride_{stride}"][0, place].tolist()
                    sides = []
                    for side in range(4):
                        likely = [math.exp(value) for value in far[side * bins : (side + 1) * bins]]
                        sides.append(sum(i * p for i, p in enumerate(likely)) / sum(likely) * stride)
                    offset = (stride - 1) / 2 if centred else 0
                    cx, cy = column * stride + offset, row * stride + offset
                    boxes.append([cx - sides[0], cy - sides[1], cx + sides[2], cy + sides[3]])
                    scores.append(classes[person])
                    place += 1
            before += place
        return boxes, scores

    return loops


def ultralytics_loops(said: dict[str, NDArray[Any]], height: int, width: int, person: int) -> Any:
    boxes, scores = [], []
    for column in range(said["output0"].shape[2]):
        cx, cy, w, h, *classes = said["output0"][0, :, column].tolist()
        boxes.append([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])
        scores.append(classes[person])
    return boxes, scores


def rtdetr_loops(said: dict[str, NDArray[Any]], height: int, width: int, person: int) -> Any:
    scores = [
        score if label == person else 0.0
        for label, score in zip(said["labels"][0].tolist(), said["scores"][0].tolist(), strict=True)
    ]
    return said["boxes"][0].tolist(), scores


def logits_loops(boxes_name: str, logits_name: str) -> Loops:
    def loops(said: dict[str, NDArray[Any]], height: int, width: int, person: int) -> Any:
        boxes, scores = [], []
        for (cx, cy, w, h), classes in zip(said[boxes_name][0].tolist(), said[logits_name][0].tolist(), strict=True):
            boxes.append([(cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height])
            scores.append(sigmoid(classes[person]))
        return boxes, scores

    return loops


def ssd_loops(said: dict[str, NDArray[Any]], height: int, width: int, person: int) -> Any:
    boxes, scores = [], []
    for place, (top, left, bottom, right) in enumerate(said["detection_boxes"][0].tolist()):
        real = place < said["num_detections"][0] and said["detection_classes"][0, place] == person
        boxes.append([left * width, top * height, right * width, bottom * height])
        scores.append(float(said["detection_scores"][0, place]) if real else 0.0)
    return boxes, scores


def openvino_loops(said: dict[str, NDArray[Any]], height: int, width: int, person: int) -> Any:
    boxes, scores, ended = [], [], False
    for image, label, score, left, top, right, bottom in said["detection_out"][0, 0].tolist():
        ended = ended or image < 0
        boxes.append([left * width, top * height, right * width, bottom * height])
        scores.append(score if label == person and not ended else 0.0)
    return boxes, scores


BGR, RGB = True, False
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
CASES: dict[str, tuple[str, Callable[[], ModelProto], Loops, int, tuple[bool, list[float], list[float]]]] = {
    # family, graph, loops, person, (channels turned, subtract, divide in the order that the graph sees)
    "yolox": ("yolox", lambda: foreign.yolox(416), yolox_loops, 0, (BGR, [0] * 3, [1] * 3)),
    "nanodet": (
        "nanodet",
        lambda: foreign.nanodet(320, (8, 16, 32), 11, joined=False),
        nanodet_loops((8, 16, 32), 11, True),
        0,
        (BGR, MEAN[::-1], STD[::-1]),
    ),
    "nanodet, joined": (
        "nanodet",
        lambda: foreign.nanodet(320, (8, 16, 32), 11, joined=True),
        nanodet_loops((8, 16, 32), 11, True),
        0,
        (BGR, MEAN[::-1], STD[::-1]),
    ),
    "nanodet-plus": (
        "nanodet-plus",
        lambda: foreign.nanodet(416, (8, 16, 32, 64), 8, joined=True),
        nanodet_loops((8, 16, 32, 64), 8, False),
        0,
        (BGR, MEAN[::-1], STD[::-1]),
    ),
    "rtdetr": ("rtdetr", lambda: foreign.rtdetr(320, 640), rtdetr_loops, 0, (RGB, [0] * 3, [255] * 3)),
    "rtdetr-hf": (
        "rtdetr-hf",
        lambda: foreign.logits(320, 480, "pixel_values", "pred_boxes", "logits", 80),
        logits_loops("pred_boxes", "logits"),
        0,
        (RGB, [0] * 3, [255] * 3),
    ),
    "rfdetr": (
        "rfdetr",
        lambda: foreign.logits(384, 384, "input", "dets", "labels", 91),
        logits_loops("dets", "labels"),
        1,
        (RGB, MEAN, STD),
    ),
    "ssd": ("ssd", foreign.ssd, ssd_loops, 1, (RGB, [0] * 3, [1] * 3)),
    "openvino": ("openvino", lambda: foreign.openvino(320, 544), openvino_loops, 1, (BGR, [0] * 3, [1] * 3)),
    "ultralytics": ("ultralytics", lambda: foreign.ultralytics(320), ultralytics_loops, 0, (RGB, [0] * 3, [255] * 3)),
}


def test_every_family_is_tried() -> None:
    assert {family for family, *_ in CASES.values()} == FAMILIES.keys()


@pytest.mark.parametrize("case", CASES)
def test_a_bundle_finds_what_the_familys_definition_says(
    tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    family, make, loops, person, (turned, subtract, divide) = CASES[case]
    model = make()
    monkeypatch.setattr(ForeignDetector, "read", classmethod(lambda cls, file: unpictured(file)))
    more = "height = 300\nwidth = 300" if family == "ssd" else ""
    licence = "AGPL-3.0" if family == "ultralytics" else "Apache-2.0"

    made = adopt_detector(card(tmp_path / "in", family, model, more, licence), tmp_path / "bundle")

    detector = ModelDetector(DetectorBundle(tmp_path / "bundle"), threads=1)
    image = np.random.default_rng(3).integers(0, 256, (made.height, made.width, 3), np.uint8)
    boxes, scores = detector.candidates(image[None])
    values = ((image[..., ::-1] if turned else image) - np.array(subtract)) / np.array(divide)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    first = session.get_inputs()[0]
    fed: dict[str, Any] = {first.name: image[None] if family == "ssd" else values.transpose(2, 0, 1)[None].astype("f")}
    if family == "rtdetr":
        fed["orig_target_sizes"] = np.array([[made.width, made.height]])
    said = dict(zip([output.name for output in session.get_outputs()], session.run(None, fed), strict=True))
    right, sure = loops(said, made.height, made.width, person)
    np.testing.assert_allclose(boxes[0], right, atol=0.02, rtol=1e-4)
    np.testing.assert_allclose(scores[0], sure, atol=1e-4)
    assert max(sure) > 0.1, "the test would notice nothing"
    assert (made.candidates, made.person, made.parity < 0.5) == (len(sure), person, True)
    assert made.standing == FAMILIES[family].standing


def unpictured(file: Path) -> ForeignDetector:
    """The card without the demand for a picture: a random graph finds nobody."""
    return ForeignDetector.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))


def test_several_images_at_once_where_the_graph_takes_them(tmp_path: Path) -> None:
    original = Original(tmp_path / "net.onnx", unpictured(card(tmp_path, "yolox", foreign.yolox(64, "n"))))
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)

    model = original.adopted(original.outputs(images[0]))

    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    boxes, _ = session.run(["boxes", "scores"], {"images": images})
    for image, each in zip(images, boxes, strict=True):
        np.testing.assert_allclose(each, original.decoded(image)[0], atol=0.01)


def test_names_that_a_converter_lengthened_are_the_familys(tmp_path: Path) -> None:
    """tf2onnx calls outputs `detection_boxes:0`."""
    file = card(tmp_path, "ssd", foreign.ssd(":0"), "height = 300\nwidth = 300")
    assert adopt_detector(file, tmp_path / "bundle").candidates == 100


# --- a family that is known from its documentation wants a picture


def street(folder: Path, box: str = "[64, 32, 192, 224]") -> str:
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (256, 256), "white").save(folder / "street.png")
    return f'[[pictures]]\nimage = "street.png"\nboxes = [{box}]\n'


def test_without_a_picture_what_is_known_from_documentation_alone_is_refused(tmp_path: Path) -> None:
    model = foreign.always((0.25, 0.125, 0.75, 0.875), 0.9, 64)
    with pytest.raises(BadCard, match=r"knows the family rtdetr from its documentation.*\[\[pictures\]\]"):
        adopt_detector(card(tmp_path, "rtdetr", model), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_the_people_of_the_picture_must_be_found(tmp_path: Path) -> None:
    model = foreign.always((0.25, 0.125, 0.75, 0.875), 0.9, 64)

    made = adopt_detector(card(tmp_path, "rtdetr", model, street(tmp_path)), tmp_path / "bundle")

    (tried,) = made.tried
    assert (tried.image, tried.people) == ("street.png", 1)
    assert tried.least_iou == pytest.approx(1, abs=0.01)
    other = card(tmp_path, "rtdetr", model, street(tmp_path, "[64, 32, 192, 224], [100, 0, 256, 90]"))
    with pytest.raises(ParityFailure, match=r"doesn't find the person at .*IoU 0\.\d\d, and 0\.5 is wanted"):
        adopt_detector(other, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_person_who_is_found_too_doubtfully_is_not_found(tmp_path: Path) -> None:
    model = foreign.always((0.25, 0.125, 0.75, 0.875), 0.45, 64)
    with pytest.raises(ParityFailure, match=r"with a score of 0\.55 or more.*It found nobody"):
        adopt_detector(card(tmp_path, "rtdetr", model, street(tmp_path)), tmp_path / "bundle")
    infrared = street(tmp_path) + 'modality = "ir"\n'
    assert adopt_detector(card(tmp_path, "rtdetr", model, infrared), tmp_path / "bundle").tried


def test_other_settings_than_the_familys_are_used(tmp_path: Path) -> None:
    more = (
        'person = 3\nnms = 0.5\nfit = "letterbox"\nfill = 0\nsubtract = [1, 2, 3]\ndivide = [4, 5, 6]\norder = "bgr"\n'
        "[thresholds.ir]\nstart = 0.3\nsure = 0.2\ndoubtful = 0.1\n"
    )
    file = card(tmp_path, "nanodet", foreign.nanodet(64, (8, 16, 32), 11, joined=True), more)
    file.write_text(file.read_text().replace("person = 3", "person = 3\nnote = 'a note'"))

    made = adopt_detector(file, tmp_path / "bundle")

    assert (made.person, made.nms, made.fit, made.fill, made.note) == (3, 0.5, "letterbox", 0, "a note")
    assert made.thresholds[Modality.IR].start == 0.3
    assert made.thresholds[Modality.RGB].start == 0.55
    plain = tmp_path / "plain"
    plain_file = card(plain, "nanodet", foreign.nanodet(64, (8, 16, 32), 11, joined=True), "person = 3")
    adopt_detector(plain_file, plain / "bundle")
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    mine, theirs = (ModelDetector(DetectorBundle(folder / "bundle"), threads=1) for folder in (tmp_path, plain))
    assert np.abs(mine.candidates(image)[0] - theirs.candidates(image)[0]).max() > 1e-3, (
        "subtract and divide had no effect"
    )


# --- what can't be adopted


@pytest.mark.parametrize(
    ("family", "model", "more", "expected"),
    [
        ("yolo9", lambda: foreign.yolox(64), "", r"no family 'yolo9'; there are yolox,.*did you mean"),
        ("nanodet", lambda: foreign.logits(64, 64, "x", "a", "b", 80), "", r"NanoDet gives \(1, 84, classes \+ 44\) for 64 x 64 pixels.*a \(1, 300, 4\)"),
        ("nanodet", lambda: foreign.yolox(64), "", r"gave scores from -.*they are in 0\.\.1: adopt it again as the family that it is"),
        ("ssd", lambda: foreign.yolox(64), "", "has 64 channels; nhwc with 3"),
        ("nanodet", lambda: foreign.rtdetr(64, 64), "", "one input, the images, is wanted; it has images and orig_target_sizes"),
        ("nanodet", lambda: foreign.yolox(64, 4), "", "takes 4 images at once; export it for one"),
        ("nanodet", lambda: foreign.yolox(64), "height = 32", "its input has height 64, the card says 32"),
        ("ssd", foreign.ssd, "", "it takes images of any height; say in the card which"),
        ("ssd", foreign.ssd, "height = 300\nwidth = 300\ndivide = [2, 2, 2]", "whole numbers .uint8., and divide have no effect"),
        ("nanodet", lambda: foreign.nanodet(64, (8, 16, 32), 11, True), "person = 80", "has 80 classes, from 0 on, and person = 80 is none"),
        ("nanodet", lambda: foreign.nanodet(64, (8, 16, 32), 11, True), "divide = [1, 0, 1]", "nothing can be divided by 0"),
        ("nanodet", lambda: foreign.nanodet(64, (8, 16, 32), 11, True), "colour = 1", "is no card of a detector to adopt"),
        ("nanodet", lambda: foreign.nanodet(64, (8, 16, 32), 11, True), "[thresholds.rgb]\nstart = 0.1", "thresholds need"),
    ],
)  # fmt: skip
def test_what_can_not_be_adopted_is_refused_with_its_reason(
    tmp_path: Path, family: str, model: Callable[[], ModelProto], more: str, expected: str
) -> None:
    with pytest.raises(ExportFailure, match=expected):
        adopt_detector(card(tmp_path, family, model(), more), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_graph_whose_rows_past_the_last_detection_count_is_refused(tmp_path: Path) -> None:
    model = foreign.ssd()
    for tensor in model.graph.initializer:
        if list(tensor.dims) == [1]:  # 60 detections, of which the graph now says that they are 5
            tensor.CopyFrom(helper.make_tensor(tensor.name, TensorProto.FLOAT, [1], [5.0]))
    with pytest.raises(ParityFailure, match="scores differ by"):
        adopt_detector(card(tmp_path, "ssd", model, "height = 300\nwidth = 300"), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_boxes_that_differ_by_over_half_a_pixel_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = card(tmp_path, "nanodet", foreign.nanodet(64, (8, 16, 32), 11, joined=True))
    true = Original.decoded
    monkeypatch.setattr(Original, "decoded", lambda self, image: (true(self, image)[0] + 0.6, true(self, image)[1]))
    with pytest.raises(ParityFailure, match=r"boxes differ by 0\.60 pixels .*at most 0\.5 is allowed"):
        adopt_detector(file, tmp_path / "bundle")


def test_what_comes_under_the_agpl_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadCard, match=r'AGPL-3\.0, which reaches whoever serves them .*says licence = "MIT"'):
        ForeignDetector.read(card(tmp_path, "ultralytics", foreign.ultralytics(64), street(tmp_path), "MIT"))
    file = card(tmp_path, "ultralytics", foreign.ultralytics(64), street(tmp_path), "AGPL-3.0")
    assert ForeignDetector.read(file).licence == "AGPL-3.0"


def test_the_command_reads_from_the_card_what_it_is(tmp_path: Path) -> None:
    file = card(tmp_path, "nanodet", foreign.nanodet(64, (8, 16, 32), 11, joined=True))

    done = run("export", "adopt", file, "--out", tmp_path / "bundle", "--json")

    assert done.code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["family"], told["standing"], told["candidates"]) == ("nanodet", "ran with real weights", 84)
    saved = DetectorCard.model_validate_json((tmp_path / "bundle" / "card.json").read_text())
    assert told["fingerprint"] == saved.fingerprint
    with pytest.raises(BadBundle, match="is a detector"):
        Bundle(tmp_path / "bundle")
