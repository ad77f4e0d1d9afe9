"""What Frigate says of a person, in its messages and its list, and what it says wrongly."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from tests.footage.frigate.people import HEIGHT, WIDTH, Passing

from rgbir.footage.frigate.crops import box_of, with_margin
from rgbir.footage.frigate.errors import PassedOver
from rgbir.footage.frigate.events import MOST_MESSAGE, of_list, of_message
from rgbir.footage.frigate.shots import source_of

BOB = Passing(3, b"", (415, 89, 528, 300))


def sent(message: Any) -> bytes:
    return json.dumps(message).encode()


def test_the_end_of_a_persons_track_is_read_from_a_message_and_from_the_list_alike() -> None:
    heard = of_message(sent(BOB.message()))
    [listed] = of_list(sent([BOB.row()])).people
    assert heard is not None
    for event in (heard, listed):
        assert (event.id, event.camera, event.taken, event.score) == (BOB.id, "front_door", BOB.taken, 0.77546)
        assert (event.started, event.ended) == (BOB.started, BOB.ended)
        box = box_of(event, WIDTH, HEIGHT)
        assert box == BOB.box
        assert source_of(event, box) == f"frigate/front_door/{BOB.id}#xywh=415,89,113,211"
    assert not hasattr(heard, "sub_label")


@pytest.mark.parametrize(
    ("width", "height"), [(640, 360), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160), (704, 576)]
)
def test_parts_of_a_frame_are_the_pixels_that_frigate_had(width: int, height: int, rng: np.random.Generator) -> None:
    for _ in range(200):
        left, top = int(rng.integers(0, width - 2)), int(rng.integers(0, height - 2))
        box = (left, top, int(rng.integers(left + 1, width)), int(rng.integers(top + 1, height)))
        data = {"box": [box[0] / width, box[1] / height, (box[2] - box[0]) / width, (box[3] - box[1]) / height]}
        [event] = of_list(sent([BOB.row(data=data)])).people
        assert box_of(event, width, height) == box


@pytest.mark.parametrize(
    "message",
    [
        BOB.message("update"),
        BOB.message("new"),
        BOB.message(label="car"),
        BOB.message(false_positive=True),
        {"type": "end"},
        {"type": "end", "after": None},
        {},
    ],
)
def test_what_isn_t_a_persons_end_is_nothing(message: Any) -> None:
    assert of_message(sent(message)) is None


HOSTILE = ["../../etc/passwd", "a/b", "a?x=1", "", "x" * 101, "a b", "a\nb", "é", ".hidden", "%2e%2e", None, 7]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_id_is_no_event(name: Any) -> None:
    with pytest.raises(PassedOver) as error:
        of_message(sent(BOB.message(id=name)))
    assert error.value.reason == "malformed"
    page = of_list(sent([BOB.row(id=name), BOB.row()]))
    assert ([event.id for event in page.people], len(page.malformed)) == ([BOB.id], 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"type": "end", "after": ' + b'{"a": ' * 100_000,
        b" " * (MOST_MESSAGE + 1),
        sent(BOB.message(start_time="now")),
        sent(BOB.message(end_time=None)),
        sent(BOB.message(end_time=1e300)),
        sent(BOB.message(camera="a\x1b[2J")),
        sent(BOB.message(camera="x" * 201)),
        sent(BOB.message(snapshot={"frame_time": float("nan"), "box": [0, 0, 1, 1]})),
        sent(BOB.message(snapshot={"frame_time": 1.0, "box": [0, 0, 1]})),
        sent(BOB.message(snapshot={"frame_time": 1.0, "box": [0, 0, 1, 1e300]})),
    ],
)
def test_what_can_t_be_read_is_malformed_and_raises_nothing_else(content: bytes) -> None:
    with pytest.raises(PassedOver) as error:
        of_message(content)
    assert error.value.reason == "malformed"
    assert len(str(error.value)) < 500


def test_an_event_without_a_snapshot_is_passed_over_by_name() -> None:
    for changes in ({"snapshot": None}, {"has_snapshot": False}):
        with pytest.raises(PassedOver, match=f"event {BOB.id}: Frigate kept no snapshot") as error:
            of_message(sent(BOB.message(**changes)))
        assert error.value.reason == "no snapshot"


def test_a_list_tells_who_has_passed_and_how_far_back_it_goes() -> None:
    rows = [
        BOB.row(),
        BOB.row(end_time=None),
        BOB.row(has_snapshot=False),
        BOB.row(label="dog", start_time=5.0),
        BOB.row(data={}),
        BOB.row(data=None),
        BOB.row(false_positive=True),
    ]
    page = of_list(sent(rows))
    assert (page.rows, page.earliest, [event.id for event in page.people]) == (7, 5.0, [BOB.id])
    assert page.malformed == [f"event {BOB.id} has no box"] * 2


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"[1]", b'[{"id": NaN}', b"<html>"])
def test_what_is_no_list_is_none(content: bytes) -> None:
    with pytest.raises(ValueError, match="validation error"):
        of_list(content)


@pytest.mark.parametrize(
    "box", [(-3, 0, 10, 10), (0, 0, 643, 10), (10, 0, 10, 10), (20, 0, 10, 10), (0, 350, 10, 363), (700, 400, 800, 500)]
)
def test_a_box_that_isn_t_in_the_picture_is_refused(box: tuple[int, int, int, int]) -> None:
    event = of_message(sent(Passing(1, b"", box).message()))
    assert event is not None
    with pytest.raises(PassedOver, match="isn't in its snapshot of 640 x 360 pixels"):
        box_of(event, WIDTH, HEIGHT)


def test_a_margin_of_three_in_a_hundred_stays_in_the_picture() -> None:
    assert with_margin((100, 50, 200, 250), WIDTH, HEIGHT) == (97, 44, 203, 256)
    assert with_margin((0, 0, 640, 360), WIDTH, HEIGHT) == (0, 0, 640, 360)
    assert with_margin((10, 10, 11, 11), WIDTH, HEIGHT) == (9, 9, 12, 12)


def test_cameras_of_a_source_are_quoted() -> None:
    event = of_message(sent(BOB.message(camera="a/../b #1")))
    assert event is not None
    assert source_of(event, BOB.box) == f"frigate/a%2F..%2Fb%20%231/{BOB.id}#xywh=415,89,113,211"
