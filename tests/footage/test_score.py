"""The measures of tracks: worked by hand, and by slow loops that try every way to pair boxes."""

from __future__ import annotations

from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import pytest

from rgbir.footage.errors import BadFootage
from rgbir.footage.score import Score, TrackBox, Tracks, assigned, owners, right_share, score
from rgbir.footage.truth import Box, TrueBox, Truth, read_modalities, read_mot, read_truth
from rgbir.index import Modality
from rgbir.index.synthetic.filmed import synthesize_footage
from rgbir.index.synthetic.footage import Scene


def at(left: float, top: float = 0.0, wide: float = 40.0, tall: float = 100.0) -> Box:
    return left, top, left + wide, top + tall


# --- worked by hand


def test_two_people_who_exchange_their_tracks_are_counted_as_the_docstring_says() -> None:
    """Frames 1 to 4: a walks at 0, b at 200. The tracker calls them x and y, loses b in frame 2, and exchanges them in 4."""
    truth: Truth = {number: [TrueBox(1, at(0)), TrueBox(2, at(200))] for number in (1, 2, 3, 4)}
    tracks: Tracks = {
        1: [TrackBox("x", at(0)), TrackBox("y", at(200))],
        2: [TrackBox("x", at(0)), TrackBox("z", at(500))],
        3: [TrackBox("x", at(10)), TrackBox("y", at(200))],
        4: [TrackBox("y", at(0)), TrackBox("x", at(200))],
    }
    result = score(truth, tracks)

    # x: three boxes of 1 and one of 2; y: two of 2 and one of 1. Both people were matched to both tracks.
    assert result == Score(
        frames=4,
        people=8,
        matched=7,
        false=1,
        aside=0,
        pure=3 + 2,
        identities=2,
        ways=4,
        pieces=4,
        switches=2,
        fragments=1,
    )
    assert result.missed == 1 / 8
    assert result.false_share == 1 / 8
    assert result.purity == 5 / 7
    assert result.tracks_a_person == 2


def test_who_is_hidden_or_small_is_neither_missed_nor_false() -> None:
    truth: Truth = {
        1: [
            TrueBox(1, at(0), 0.4),
            TrueBox(2, at(200, tall=59)),
            TrueBox(3, at(400), wanted=False),
            TrueBox(4, at(600)),
        ]
    }
    alone = score(truth, {})
    assert (alone.people, alone.matched, alone.missed) == (1, 0, 1.0)
    assert alone.false_share is alone.purity is alone.tracks_a_person is None

    # Half of the hidden person's box, as a detector gives it who sees the upper half; and a box that lies half beside.
    inside, half, less = (
        TrackBox("a", (0, 0, 40, 50)),
        TrackBox("b", (20, 0, 60, 100)),
        TrackBox("c", (421, 0, 461, 100)),
    )
    both = score(truth, {1: [inside, half, less]})
    assert (both.aside, both.false) == (2, 1)
    # Who stands where somebody counts is matched first, even beside somebody hidden.
    beside: Truth = {1: [TrueBox(1, at(0), 0.3), TrueBox(2, at(5))]}
    assert score(beside, {1: [TrackBox("a", at(2))]}).matched == 1


def test_limits_count_themselves() -> None:
    truth: Truth = {1: [TrueBox(1, at(0, tall=60), 0.5)]}
    assert score(truth, {1: [TrackBox("a", (0, 0, 40, 30))]}).matched == 1  # an overlap of exactly a half
    assert score(truth, {1: [TrackBox("a", (0, 0, 40, 29))]}).matched == 0


def test_fragments_need_a_miss_between_and_switches_another_track() -> None:
    """Present in 1, 2, 4, 5 and counted in all but 4; found in 1, 4 and 5 by p, then in 7 by q."""
    truth: Truth = {
        number: [TrueBox(9, at(0), visible)] for number, visible in ((1, 1.0), (2, 1.0), (4, 0.1), (5, 1.0), (7, 1.0))
    }
    tracks: Tracks = {
        1: [TrackBox("p", at(0))],
        4: [TrackBox("p", at(0))],
        5: [TrackBox("p", at(0))],
        7: [TrackBox("q", at(0))],
    }
    result = score(truth, tracks)
    assert (result.people, result.matched, result.aside) == (4, 3, 1)
    assert (result.switches, result.fragments, result.ways) == (1, 1, 2)
    # Somebody hidden for a while and found again at once is in one piece.
    assert score({**truth, 2: []}, tracks).fragments == 0


def test_pieces_of_a_track_are_one_track_and_are_pure_by_themselves() -> None:
    """One person is 7-a, then 7-b, another 7-b and then 9: two tracks and three pieces of two people."""
    truth: Truth = {number: [TrueBox(1, at(0)), TrueBox(2, at(200))] for number in (1, 2, 3)}
    tracks: Tracks = {
        1: [TrackBox("7-a", at(0))],
        2: [TrackBox("7-b", at(0)), TrackBox("9", at(200))],
        3: [TrackBox("7-b", at(200)), TrackBox("9", at(0))],
    }
    result = score(truth, tracks)

    # 1 is matched to 7-a, 7-b and 9, which are two tracks and three pieces; 2 to 9 and 7-b, which are two of both.
    assert (result.ways, result.pieces) == (2 + 2, 3 + 2)
    assert (result.tracks_a_person, result.pieces_a_person) == (2.0, 2.5)
    # 7-a is pure with one box; 7-b and 9 show each person once.
    assert result.purity == (1 + 1 + 1) / 5
    # A piece that follows another of its track is no switch: only 1 in frame 3, and 2 there.
    assert result.switches == 2


def test_who_a_track_shows_is_whom_it_shows_most_often() -> None:
    truth: Truth = {
        number: [TrueBox(1, at(0)), TrueBox(2, at(200), 0.4 if number == 1 else 1.0)] for number in (1, 2, 3)
    }
    tracks: Tracks = {
        1: [TrackBox("a", at(0)), TrackBox("b", at(200)), TrackBox("c", at(500))],
        2: [TrackBox("a", at(0)), TrackBox("b", at(200))],
        3: [TrackBox("b", at(0)), TrackBox("a", at(200))],
    }
    # In frame 1 person 2 is hidden and doesn't count, so b shows each person once: the lower number. c shows nobody.
    assert owners(truth, tracks) == {"a": 1, "b": 1}


def test_only_frames_that_were_looked_at_count() -> None:
    truth: Truth = {number: [TrueBox(1, at(0))] for number in range(1, 11)}
    tracks: Tracks = {number: [TrackBox("a", at(0))] for number in range(1, 11, 2)}
    assert score(truth, tracks).missed == 0.5
    assert score(truth, tracks, range(1, 11, 2)).missed == 0.0
    assert score(truth, {}, [20]) == Score(frames=1)
    with pytest.raises(BadFootage, match="tracks are in frame 3, which isn't one of the 2 frames"):
        score(truth, tracks, [1, 2])


def test_scores_of_recordings_add_up() -> None:
    truth: Truth = {1: [TrueBox(1, at(0))]}
    right = score(truth, {1: [TrackBox("a", at(0))]})
    both = right + score(truth, {1: [TrackBox("a", at(300))]})
    assert both == Score(frames=2, people=2, matched=1, false=1, pure=1, identities=1, ways=1, pieces=1)
    assert sum([right, right], Score()) == Score(2, 2, 2, pure=2, identities=2, ways=2, pieces=2)


def test_an_identity_or_track_is_once_in_a_frame() -> None:
    with pytest.raises(BadFootage, match="frame 1: identity 5 has 2 boxes"):
        score({1: [TrueBox(5, at(0)), TrueBox(5, at(90))]}, {})
    with pytest.raises(BadFootage, match="frame 2: track t has 3 boxes"):
        score({}, {2: [TrackBox("t", at(0))] * 3})


def test_as_many_pairs_as_possible_are_made_before_better_ones() -> None:
    """The first two boxes fit the last two people wholly, which is 2 in sum; all three fit one further, which is 1.6."""
    true = np.array([at(0), at(12), at(24)])
    boxes = np.array([at(12), at(24), at(36)])
    assert assigned(true, boxes) == [(0, 0), (1, 1), (2, 2)]


# --- by slow loops


@pytest.mark.slow
def test_pairs_are_those_of_trying_all() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        n, m = rng.integers(0, 6, 2)
        true = np.array([at(*rng.uniform(0, 90, 2)) for _ in range(n)]).reshape(-1, 4)
        boxes = np.array([at(*rng.uniform(0, 90, 2)) for _ in range(m)]).reshape(-1, 4)
        pairs = assigned(true, boxes)
        fits = [overlap(true[a], boxes[b]) for a, b in pairs]
        assert min(fits, default=1) >= 0.5
        assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
        assert (len(pairs), sum(fits)) == pytest.approx(best(true, boxes))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    wide, tall = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(wide, 0) * max(tall, 0)
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return float(shared / both)


def best(true: np.ndarray, boxes: np.ndarray) -> tuple[int, float]:
    """Of all ways to give each true box a found one or nothing: the most pairs, and the largest sum with so many."""
    ways = []
    for order in permutations([*range(len(boxes)), *[None] * len(true)], len(true)):
        fits = [overlap(true[a], boxes[b]) for a, b in enumerate(order) if b is not None]
        if all(fit >= 0.5 for fit in fits):
            ways.append((len(fits), sum(fits)))
    return max(ways)


def test_measures_are_those_of_a_slow_loop_over_random_tracks() -> None:
    rng = np.random.default_rng(5)
    for _ in range(25):
        truth, tracks = walkers(rng)
        result = score(truth, tracks)
        matches: list[tuple[int, int, str]] = []
        missed: list[tuple[int, int]] = []
        for number in range(1, 31):
            counting = [row for row in truth[number] if row.visible >= 0.5]
            pairs = assigned(boxes_of(counting), boxes_of(tracks[number]))
            matches += [(number, counting[a].identity, tracks[number][b].track) for a, b in pairs]
            missed += [(number, row.identity) for a, row in enumerate(counting) if a not in [a for a, _ in pairs]]
        assert result.matched == len(matches)
        assert result.people == len(matches) + len(missed)
        names = {track for _, _, track in matches}
        shares = [
            max([of_track.count(identity) for identity in of_track]) / len(of_track) * len(of_track) / len(matches)
            for track in names
            for of_track in [[identity for _, identity, name in matches if name == track]]
        ]
        assert result.purity == pytest.approx(sum(shares))
        people = {identity for _, identity, _ in matches}
        counted = [len({track for _, identity, track in matches if identity == person}) for person in people]
        assert result.tracks_a_person == pytest.approx(np.mean(counted))
        switches = fragments = 0
        for person in people:
            mine = [(number, track) for number, identity, track in matches if identity == person]
            for (before, a), (after, b) in pairwise(mine):
                switches += a != b
                fragments += any((number, person) in missed for number in range(before + 1, after))
        assert (result.switches, result.fragments) == (switches, fragments)


def boxes_of(rows: list[TrueBox] | list[TrackBox]) -> np.ndarray:
    return np.array([row.box for row in rows]).reshape(-1, 4)


def walkers(rng: np.random.Generator) -> tuple[dict[int, list[TrueBox]], dict[int, list[TrackBox]]]:
    """Three people who cross, and tracks that lose them and take one for another."""
    truth: dict[int, list[TrueBox]] = {}
    tracks: dict[int, list[TrackBox]] = {}
    names = ["a", "b", "c"]
    for number in range(1, 31):
        places = [at(8 * number), at(250 - 8 * number), at(120)]
        truth[number] = [
            TrueBox(person, place, float(rng.choice((0.2, 1.0, 1.0)))) for person, place in enumerate(places)
        ]
        if rng.random() < 0.15:
            names = [str(name) for name in rng.permutation([*names[:2], f"new {number}"])]
        tracks[number] = [
            TrackBox(name, at(place[0] + float(rng.normal(0, 6))))
            for name, place in zip(names, places, strict=True)
            if rng.random() < 0.8
        ]
    return truth, tracks


# --- truth that is read


@pytest.mark.slow
def test_the_truth_of_synthetic_footage_is_read_and_is_a_perfect_track_of_itself(tmp_path: Path) -> None:
    scene = Scene("gate", width=320, height=180, rate=2, seconds=12, people=30, seed=2)
    synthesize_footage(tmp_path / "footage", scene, workers=1)

    truth = read_truth(tmp_path / "footage" / "truth.csv")
    assert set(truth) == {"hall", "yard", "gate"}
    for frame in scene:
        rows = truth["gate"].get(frame.number, [])
        assert [(row.identity, row.box) for row in rows] == [(row.identity, row.box) for row in frame.truth]
        assert [row.visible for row in rows] == pytest.approx([row.visible for row in frame.truth], abs=5e-5)
    tracks = {number: [TrackBox(str(row.identity), row.box) for row in rows] for number, rows in truth["gate"].items()}
    result = score(truth["gate"], tracks)
    assert (result.missed, result.false_share, result.purity, result.tracks_a_person) == (0, 0, 1, 1)
    assert result.aside > 0
    modalities = read_modalities(tmp_path / "footage" / "frames.csv")["gate"]
    assert modalities == {number: scene.modality(number) for number in range(1, 25)}


def test_the_truth_of_mot_challenges_is_read(tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text(
        "1,2,11,21,40,100,1,1,0.75\n"
        "1,3,101,21,40,100,0,1,1\n"  # a person whose conf is 0
        "1,4,201,21,40,100,0,7,1\n"  # a static person
        "1,5,301,21,40,100,0,3,1\n"  # a car
        "\n"
        "3,2,12.5,21,40,100,1,1,-1\n"
    )
    assert read_mot(tmp_path / "gt.txt") == {
        1: [
            TrueBox(2, (10, 20, 50, 120), 0.75),
            TrueBox(3, (100, 20, 140, 120), 1.0, wanted=False),
            TrueBox(4, (200, 20, 240, 120), 1.0, wanted=False),
        ],
        3: [TrueBox(2, (11.5, 20, 51.5, 120), 1.0)],
    }
    (tmp_path / "2015.txt").write_text("1,1,1,1,10,20,1,-4.1,2.5,0\n")
    assert read_mot(tmp_path / "2015.txt") == {1: [TrueBox(1, (0, 0, 10, 20))]}


@pytest.mark.parametrize(
    ("reader", "text", "reason"),
    [
        (read_truth, "frame,identity\n", "first line of this table is camera,frame,identity"),
        (read_truth, "camera,frame,identity,left,top,right,bottom,visible\na,1,1,0,0,9\n", "line 2: 8 values"),
        (read_truth, "camera,frame,identity,left,top,right,bottom,visible\na,1,x,0,0,9,9,1\n", "line 2: numbers are"),
        (read_truth, "camera,frame,identity,left,top,right,bottom,visible\na,1,1,9,0,9,9,1\n", "a box with an area"),
        (read_truth, "camera,frame,identity,left,top,right,bottom,visible\na,1,1,0,0,9,9,1.2\n", "share in 0..1"),
        (read_modalities, "camera,frame,modality,taken_at\na,1,blue,x\n", "line 2: a frame's number and rgb or ir"),
        (read_mot, "1,1,0,0,9\n", "line 1: expected frame,id,left,top"),
        (read_mot, "1.5,1,0,0,9,9,1,1,1\n", "line 1: expected frame,id,left,top"),
        (read_mot, "1,1,0,0,nan,9,1,1,1\n", "line 1: a box with an area"),
    ],
)
def test_what_is_no_truth_is_refused_with_its_line(tmp_path: Path, reader: object, text: str, reason: str) -> None:
    (tmp_path / "file").write_text(text)
    assert callable(reader)
    with pytest.raises(BadFootage, match=reason):
        reader(tmp_path / "file")
    with pytest.raises(BadFootage, match="can't be read as a table"):
        reader(tmp_path / "none")


def test_the_share_of_frames_whose_light_was_seen_right() -> None:
    truth = {1: Modality.RGB, 2: Modality.RGB, 3: Modality.IR, 4: Modality.IR}
    assert right_share(truth, {1: Modality.RGB, 3: Modality.RGB}) == 0.5
    assert right_share(truth, {}) is None
    with pytest.raises(BadFootage, match="frame 9 has no true modality"):
        right_share(truth, {9: Modality.IR})
