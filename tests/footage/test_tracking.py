"""Who in this frame is who was in the last."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rgbir.footage.boxes import covered, overlaps, shares_inside
from rgbir.footage.kalman import BoxFilter
from rgbir.footage.track import Track, letters
from rgbir.footage.tracking import LONGEST_S, Tracker
from rgbir.index import Detections, Thresholds

SURE = Thresholds(start=0.55, sure=0.5, doubtful=0.15)
Box = tuple[float, float, float, float]


def person(x: float, y: float = 100, width: float = 40, height: float = 100) -> Box:
    return (x, y, x + width, y + height)


def found(*people: tuple[Box, float]) -> Detections:
    people = tuple(sorted(people, key=lambda each: -each[1]))
    boxes = np.array([box for box, _ in people], np.float32).reshape(-1, 4)
    return Detections(boxes, np.array([score for _, score in people], np.float32))


class Watched:
    """A tracker that is fed five frames a second, and the tracks it gave."""

    def __init__(self) -> None:
        self.tracker, self.number = Tracker(), 0
        self.ended: list[tuple[str, int, int]] = []

    def frame(self, *people: tuple[Box, float]) -> None:
        step = self.tracker.step(self.number, self.number / 5, found(*people), SURE)
        self.number += 1
        self.ended += [(track.name, track.seen[0].number, track.seen[-1].number) for track in step.ended]

    def end(self) -> list[tuple[str, int, int]]:
        self.ended += [(track.name, track.seen[0].number, track.seen[-1].number) for track in self.tracker.end()]
        return sorted(self.ended)


def test_someone_who_walks_is_one_track() -> None:
    watched = Watched()
    for number in range(20):
        watched.frame((person(10 + 8 * number), 0.9))

    assert watched.end() == [("1", 0, 19)]


def test_two_hits_are_no_track() -> None:
    watched = Watched()
    watched.frame((person(10), 0.9))
    watched.frame((person(12), 0.9))
    for _ in range(15):
        watched.frame()

    assert watched.end() == []


def test_a_doubtful_detection_goes_on_with_a_track_and_begins_none() -> None:
    watched = Watched()
    for number in range(5):
        watched.frame((person(10 + 4 * number), 0.9), (person(300), 0.3))
    for number in range(5, 10):
        watched.frame((person(10 + 4 * number), 0.2), (person(300), 0.3))

    assert watched.end() == [("1", 0, 9)]


def test_a_sure_detection_that_is_not_sure_enough_begins_no_track() -> None:
    watched = Watched()
    for _ in range(8):
        watched.frame((person(10), 0.52))

    assert watched.end() == []


def test_a_track_is_kept_for_two_seconds_unseen_and_no_longer() -> None:
    # Five frames a second: ten frames without anybody are 2.2 s between two sightings of 12 frames, nine are 2.0 s.
    for hidden, tracks in ((9, 1), (10, 2)):
        watched = Watched()
        for _ in range(5):
            watched.frame((person(50), 0.9))
        for _ in range(hidden):
            watched.frame()
        for _ in range(5):
            watched.frame((person(50), 0.9))
        assert len(watched.end()) == tracks, hidden


def test_tracks_that_meet_and_part_again_are_both_cut() -> None:
    watched = Watched()
    for number in range(40):
        watched.frame((person(0 + 10 * number), 0.9), (person(390 - 10 * number, y=104), 0.8))

    tracks = watched.end()

    assert [name for name, _, _ in tracks] == ["1-a", "1-b", "2-a", "2-b"]
    by_name = {name: (first, last) for name, first, last in tracks}
    for track in ("1", "2"):
        assert by_name[f"{track}-a"][1] + 1 == by_name[f"{track}-b"][0]
    # They are at one place in frame 19.5, and 40 pixels wide: apart again from frame 22 on.
    assert 20 <= by_name["1-b"][0] <= 24


def test_tracks_that_only_come_near_are_not_cut() -> None:
    watched = Watched()
    for number in range(40):
        watched.frame((person(0 + 10 * number), 0.9), (person(390 - 10 * number, y=190), 0.8))

    assert [name for name, _, _ in watched.end()] == ["1", "2"]


def test_someone_hidden_behind_another_is_cut_when_both_are_seen_again() -> None:
    watched = Watched()
    for number in range(40):
        passer, stander = person(10 * number), person(200, y=102)
        both = overlaps(np.array([passer]), np.array([stander]))[0, 0] < 0.3
        watched.frame((passer, 0.9), *([(stander, 0.8)] if both else []))

    assert [name for name, _, _ in watched.end()] == ["1-a", "1-b", "2-a", "2-b"]


def test_someone_behind_a_pillar_is_found_again() -> None:
    # A pillar from 200 to 260 hides what is behind it; a box that is narrower than 15 pixels isn't found. From frame 17 to
    # frame 25 nothing is seen, and before and behind it the box is cut.
    watched = Watched()
    for number in range(40):
        left, top, right, bottom = person(10 + 10 * number)
        parts = [(left, min(right, 200)), (max(left, 260), right)]
        seen = [(near, top, far, bottom) for near, far in parts if far - near >= 15]
        watched.frame(*((box, 0.9) for box in seen))

    assert watched.end() == [("1", 0, 39)]


def test_who_is_lost_is_not_found_again_where_two_may_be_it() -> None:
    watched = Watched()
    for number in range(8):
        watched.frame((person(10 + 10 * number), 0.9))
    for _ in range(4):
        watched.frame()
    for number in range(12, 20):  # 42 pixels before and 38 behind where it would be, which is 130 in frame 12
        watched.frame((person(52 + 10 * number), 0.9), (person(10 * number - 28), 0.8))

    assert watched.end() == [("1", 0, 7), ("2", 12, 19), ("3", 12, 19)]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(person(150, height=60), id="much lower"),
        pytest.param(person(150, y=180), id="nearer"),
        pytest.param(person(400), id="too far away"),
        pytest.param(person(20), id="back on the way"),
    ],
)
def test_somebody_else_is_not_taken_for_who_is_lost(other: Box) -> None:
    watched = Watched()
    for number in range(8):
        watched.frame((person(10 + 10 * number), 0.9))
    for _ in range(4):
        watched.frame()
    for _ in range(5):
        watched.frame((other, 0.9))

    assert watched.end() == [("1", 0, 7), ("2", 12, 16)]


def test_a_box_that_holds_two_people_is_nobodys() -> None:
    watched = Watched()
    for number in range(20):
        left = 10.0 + 8 * number
        if number in (8, 9, 12):
            watched.frame(((left, 100, left + 84, 204), 0.9))
        else:
            watched.frame((person(left), 0.9), (person(left + 44, y=104), 0.8))
    tracks = watched.tracker.end()

    assert [(track.name, len(track.seen)) for track in tracks] == [("1", 17), ("2", 17)]
    assert {seen.number for track in tracks for seen in track.seen}.isdisjoint({8, 9, 12})


def test_who_comes_in_is_not_who_went_out() -> None:
    # The picture ends at 400: one walks out to the right, and another comes in there two frames later.
    watched = Watched()
    for number in range(44):
        boxes = []
        if number < 22:
            boxes.append(person(126 + 12 * number))
        elif number >= 24:
            boxes.append(person(390 - 12 * (number - 24)))
        watched.frame(*(((box[0], box[1], min(box[2], 400), box[3]), 0.9) for box in boxes))

    names = [(name, first) for name, first, _ in watched.end()]

    assert names[0] == ("1", 0)
    assert len(names) == 2
    # The first frame of who comes in may be either's.
    assert names[1][1] in (24, 25, 26)


@pytest.mark.parametrize("to_the_left", [True, False])
def test_who_walked_out_is_not_found_again_in_who_comes_in(to_the_left: bool) -> None:
    watched = Watched()
    watched.tracker.width = 400
    for number in range(34):
        left = 126 + 12 * number if number < 21 else 390.0 - 4 * (number - 24)  # the other one is slow
        box = person(left)
        box = (box[0], box[1], min(box[2], 400), box[3])
        if to_the_left:
            box = (400 - box[2], box[1], 400 - box[0], box[3])
        watched.frame(*([(box, 0.9)] if number < 21 or number >= 24 else []))

    assert [first for _, first, _ in watched.end()] == [0, 24]


def test_a_part_of_a_person_is_no_person_of_that_track() -> None:
    watched = Watched()
    for number in range(12):
        whole = person(10 + 4 * number)
        feet = (whole[0], whole[1] + 60, whole[2], whole[3])
        watched.frame((feet if number == 6 else whole, 0.9))
    (track,) = watched.tracker.end()

    assert [seen.number for seen in track.seen] == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11]


def test_the_size_of_who_is_unseen_stays_and_the_place_moves_on() -> None:
    watched = Watched()
    for number in range(10):  # comes nearer: grows by 5 % a frame
        size = 1.05**number
        watched.frame((person(10 + 10 * number, width=40 * size, height=100 * size), 0.9))
    (track,) = watched.tracker.live
    watched.frame()
    before = track.filter.box
    for _ in range(5):
        watched.frame()
    after = track.filter.box

    assert after[2:] - after[:2] == pytest.approx(before[2:] - before[:2])
    assert after[0] - before[0] > 30


@pytest.mark.slow
def test_someone_who_stays_is_cut_after_ten_minutes() -> None:
    watched = Watched()
    for _ in range(int(LONGEST_S * 5) + 20):
        watched.frame((person(50), 0.9))

    tracks = watched.end()

    assert [name for name, _, _ in tracks] == ["1-a", "1-b"]
    assert tracks[0][2] - tracks[0][1] == LONGEST_S * 5 - 1


def test_pieces_haveletters() -> None:
    assert [letters(piece) for piece in (0, 1, 25, 26, 27, 51, 52, 701, 702)] == [
        "a", "b", "z", "aa", "ab", "az", "ba", "zz", "aaa"
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 300), st.integers(0, 200), st.integers(10, 80), st.floats(0.1, 1)), max_size=5
        ),
        max_size=40,
    )
)
@pytest.mark.slow
def test_no_detection_belongs_to_two_tracks_and_no_track_has_two_in_a_frame(
    frames: list[list[tuple[int, int, int, float]]],
) -> None:
    tracker, ended = Tracker(), list[Track]()
    for number, people in enumerate(frames):
        detections = found(*((person(x, y, width), score) for x, y, width, score in people))
        step = tracker.step(number, number / 5, detections, SURE)
        places = [place for _, place in step.matches]
        assert len(places) == len(set(places))
        assert len({id(track) for track, _ in step.matches}) == len(places)
        assert all(track in tracker.live for track, _ in step.matches)
        ended += step.ended
    ended += tracker.end()

    assert len({track.name for track in ended}) == len(ended)
    for track in ended:
        numbers = [seen.number for seen in track.seen]
        assert len(numbers) >= 3
        assert numbers == sorted(set(numbers))


# --- the filter, against the textbook's matrices of one filter with eight states


def test_the_filter_is_the_textbooks_kalman_filter_with_eight_states() -> None:
    rng = np.random.default_rng(3)
    boxes = [np.array(person(10 + 7 * n + rng.normal(), 100 + rng.normal(), 40 + rng.normal())) for n in range(12)]
    ours = BoxFilter(boxes[0])
    mean, spread = np.zeros(8), np.zeros((8, 8))
    left, top, right, bottom = boxes[0]
    mean[:4] = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
    height = bottom - top
    spread[:4, :4] = np.diag([(2 * height / 20) ** 2] * 4)
    spread[4:, 4:] = np.diag([height**2, height**2, height**2 / 16, height**2 / 16])

    for passed, box in zip([0.2, 0.2, 0.6, 0.2, 0.1, 0.2, 0.2, 1.0, 0.2, 0.2, 0.2], boxes[1:], strict=True):
        move = np.eye(8)
        move[:4, 4:] = np.eye(4) * passed
        change = (mean[3] / 4) ** 2 * passed
        noise = np.zeros((8, 8))
        for side in range(4):
            noise[side, side] = change * passed**2 / 3
            noise[side, side + 4] = noise[side + 4, side] = change * passed / 2
            noise[side + 4, side + 4] = change
        mean, spread = move @ mean, move @ spread @ move.T + noise
        left, top, right, bottom = box
        measured = np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])
        seen = np.eye(4, 8)
        error = np.eye(4) * ((bottom - top) / 20) ** 2
        gain = spread @ seen.T @ np.linalg.inv(seen @ spread @ seen.T + error)
        mean, spread = mean + gain @ (measured - seen @ mean), (np.eye(8) - gain @ seen) @ spread
        ours.predict(passed)
        ours.correct(box)
        np.testing.assert_allclose(ours.mean[:, 0], mean[:4], rtol=1e-9)
        np.testing.assert_allclose(ours.mean[:, 1], mean[4:], rtol=1e-9, atol=1e-9)


# --- boxes


def slow_overlap(a: Box, b: Box) -> float:
    pixels = {
        who: {(x, y) for x in range(int(box[0]), int(box[2])) for y in range(int(box[1]), int(box[3]))}
        for who, box in (("a", a), ("b", b))
    }
    both, either = pixels["a"] & pixels["b"], pixels["a"] | pixels["b"]
    return len(both) / len(either) if either else 0.0


def test_overlap_is_the_share_of_common_pixels() -> None:
    rng = np.random.default_rng(0)
    boxes: list[Box] = []
    for _ in range(8):
        x, y, width, height = rng.integers(0, 20, 4)
        boxes.append((float(x), float(y), float(x + width), float(y + height)))

    expected = [[slow_overlap(a, b) for b in boxes] for a in boxes]

    np.testing.assert_allclose(overlaps(np.array(boxes), np.array(boxes)), expected)


def test_covered_is_the_largest_share_that_another_box_covers() -> None:
    boxes = np.array([(0, 0, 10, 10), (5, 0, 15, 10), (0, 0, 2, 10), (100, 100, 110, 110)], np.float32)

    assert covered(boxes).tolist() == pytest.approx([0.5, 0.5, 1.0, 0.0])
    assert covered(boxes[:1]).tolist() == [0.0]


def test_the_share_inside_is_that_of_the_first_boxs_pixels() -> None:
    boxes, others = (
        np.array([(0, 0, 10, 10), (0, 0, 0, 5)], np.float32),
        np.array([(5, 0, 15, 10), (0, 0, 99, 99)], np.float32),
    )

    assert shares_inside(boxes, others).tolist() == [pytest.approx([0.5, 1.0]), [0.0, 0.0]]
