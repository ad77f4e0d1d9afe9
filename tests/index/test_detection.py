"""Detector bundles: what they find in pictures of any size, what they suppress, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper
from tests.conftest import BUNDLE
from tests.detectors import LEFT_SCORE, RIGHT_SCORE, halves, written

from rgbir.index import BadBundle, Bundle, DetectorBundle, Fit, Modality, ModelDetector, UsageError, in_input
from rgbir.index.detection.suppression import ious, suppressed


def scene(height: int, width: int, *boxes: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """A black picture with grey boxes in it."""
    image = np.zeros((height, width, 3), np.uint8)
    for left, top, right, bottom in boxes:
        image[top:bottom, left:right] = 200
    return image


@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
@pytest.mark.parametrize(("height", "width"), [(720, 1280), (96, 160), (1000, 400), (40, 60), (400, 1000)])
def test_boxes_come_back_in_the_pictures_own_pixels(tmp_path: Path, fit: Fit, height: int, width: int) -> None:
    detector = ModelDetector(written(tmp_path / "halves", fit=fit), threads=1)
    box = (width // 20, height // 10, width // 5, height // 2)

    detections = detector.find(scene(height, width, box), Modality.RGB)

    assert len(detections) == 1
    pixel = max(width / 160, height / 96, 1.0)  # of the input, in the picture
    np.testing.assert_allclose(detections.boxes[0], box, atol=1.6 * pixel)
    assert detections.scores[0] == pytest.approx(LEFT_SCORE)


def test_a_letterboxed_picture_lies_at_the_top_left_and_the_rest_is_filled(tmp_path: Path) -> None:
    card = written(tmp_path / "halves", fill=114).card
    image = np.full((200, 100, 3), 7, np.uint8)

    pixels, scale = in_input(image, card)

    assert pixels.shape == (96, 160, 3)
    assert (pixels[:, :48] == 7).all()
    assert (pixels[:, 48:] == 114).all()
    np.testing.assert_allclose(scale, 0.48)


def test_the_surest_comes_first_and_what_is_below_doubtful_is_left_out(tmp_path: Path) -> None:
    both = scene(96, 160, (10, 10, 40, 80), (100, 20, 130, 90))
    doubt = {"rgb": {"start": 0.95, "sure": 0.9, "doubtful": 0.6}, "ir": {"start": 0.5, "sure": 0.5, "doubtful": 0.5}}
    detector = ModelDetector(written(tmp_path / "halves", thresholds=doubt), threads=1)

    assert detector.find(both, Modality.IR).scores == pytest.approx([LEFT_SCORE, RIGHT_SCORE])
    assert detector.find(both, Modality.RGB).scores == pytest.approx([LEFT_SCORE])
    assert len(detector.find(scene(96, 160), Modality.RGB)) == 0
    assert detector.found_by == detector.card.fingerprint
    assert len(detector.found_by) == 16


def by_hand(boxes: list[list[float]], scores: list[float], most: float) -> list[int]:
    """Non-maximum suppression as its definition says it, box by box."""
    order = sorted(range(len(boxes)), key=lambda place: (-scores[place], place))
    kept: list[int] = []
    for place in order:
        a = boxes[place]
        for other in kept:
            b = boxes[other]
            width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
            height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
            common = width * height
            union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
            if union > 0 and common / union > most:
                break
        else:
            kept.append(place)
    return kept


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 20)] * 2, st.integers(0, 10)), min_size=0, max_size=25
    ),
    st.sampled_from([0.31, 0.6, 0.97]),
)
def test_suppression_is_that_of_a_slow_loop(rows: list[tuple[int, int, int, int, int]], most: float) -> None:
    boxes = [[float(x), float(y), float(x + w), float(y + h)] for x, y, w, h, _ in rows]
    scores = [score / 10 for *_, score in rows]

    kept = suppressed(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32).reshape(-1), np.float32(most).item()
    )

    assert kept.tolist() == by_hand(boxes, scores, most)


def test_without_suppression_all_stay_the_surest_first() -> None:
    boxes = np.array([[0, 0, 10, 10]] * 3, np.float32)
    assert suppressed(boxes, np.array([0.2, 0.9, 0.9], np.float32), None).tolist() == [1, 2, 0]
    assert ious(boxes[0], np.zeros((2, 4), np.float32)).tolist() == [0, 0]


def test_an_encoder_is_no_detector_and_a_detector_is_no_encoder(tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match="is an encoder, which makes embeddings of people; it is what --bundle takes"):
        DetectorBundle(BUNDLE)
    with pytest.raises(BadBundle, match="is a detector, which finds people in pictures; it is what --detector takes"):
        Bundle(written(tmp_path / "halves").folder)


def test_an_altered_graph_and_a_card_that_is_none_are_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "halves").folder
    card = json.loads((folder / "card.json").read_text())

    (folder / "card.json").write_text(json.dumps(card | {"thresholds": {"rgb": card["thresholds"]["rgb"]}}))
    with pytest.raises(BadBundle, match="thresholds for each modality; none are given for ir"):
        DetectorBundle(folder)
    wrong = {"start": 0.2, "sure": 0.5, "doubtful": 0.1}
    (folder / "card.json").write_text(json.dumps(card | {"thresholds": {"rgb": wrong, "ir": wrong}}))
    with pytest.raises(BadBundle, match="thresholds need 0 < doubtful"):
        DetectorBundle(folder)
    (folder / "card.json").write_text(json.dumps(card))
    with (folder / "detect.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(BadBundle, match="is not the file the card describes"):
        DetectorBundle(folder)
    shutil.rmtree(folder)
    with pytest.raises(BadBundle, match="is not a bundle"):
        DetectorBundle(folder)


def test_a_graph_of_another_form_than_the_cards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match=r"input must be images, uint8 \(N, 96, 160, 3\), not images"):
        ModelDetector(written(tmp_path / "small", halves(64, 64)), threads=1)
    model = halves(96, 160)
    for node in model.graph.node:
        node.output[:] = ["marks" if name == "scores" else name for name in node.output]
    model.graph.output[1].name = "marks"
    with pytest.raises(BadBundle, match="outputs must be boxes and scores, not boxes, marks"):
        ModelDetector(written(tmp_path / "marks", model), threads=1)


def constant(value: float) -> Any:
    """A detector that says the same score of every picture."""
    boxes = helper.make_tensor("b", TensorProto.FLOAT, [1, 1, 4], [0, 0, 10, 10])
    scores = helper.make_tensor("s", TensorProto.FLOAT, [1, 1], [value])
    graph = helper.make_graph(
        [helper.make_node("Identity", ["b"], ["boxes"]), helper.make_node("Identity", ["s"], ["scores"])],
        "constant",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, [1, 96, 160, 3])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 1, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1]),
        ],
        [boxes, scores],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.mark.parametrize(
    ("score", "expected"), [(float("nan"), "not finite"), (7.0, r"scores from 7 to 7; they are in 0\.\.1")]
)
def test_scores_that_are_none_are_refused(tmp_path: Path, score: float, expected: str) -> None:
    detector = ModelDetector(written(tmp_path / "constant", constant(score)), threads=1)
    with pytest.raises(BadBundle, match=expected):
        detector.find(scene(96, 160), Modality.RGB)


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 4), (0, 10, 3), (2, 10, 10, 3)])
def test_what_is_no_picture_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    detector = ModelDetector(written(tmp_path / "halves"), threads=1)
    with pytest.raises(UsageError, match="a detector takes pictures as uint8"):
        detector.find(np.zeros(shape, np.uint8), Modality.RGB)


def test_what_decides_a_detection_decides_the_fingerprint(tmp_path: Path) -> None:
    card = written(tmp_path / "halves").card
    other = [card.model_copy(update=change) for change in ({"fit": "stretch"}, {"fill": 3}, {"nms": None})]
    same = card.model_copy(update={"name": "called otherwise"})
    assert len({card.fingerprint, *(each.fingerprint for each in other)}) == 4
    assert same.fingerprint == card.fingerprint
