"""How good tracks are against the truth: who was missed, what is nobody, and whether a track is one person."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rgbir.footage.boxes import areas, overlaps
from rgbir.footage.errors import BadFootage
from rgbir.footage.truth import Box, TrueBox, Truth
from rgbir.index import Modality

LEAST_VISIBLE, LEAST_HEIGHT, LEAST_OVERLAP = 0.5, 60.0, 0.5
"""How much of a person must be seen, and how tall in pixels, to be missed; and how well a box must fit."""
INSIDE = 0.5
"""The share of a box that lies in somebody who isn't counted, from which on it is set aside."""


class TrackBox(NamedTuple):
    """A track in a frame.

    Attributes:
        track: its name; pieces of one track that was cut are called 7-a, 7-b, …, and are one track, 7.
        box: as it was found.
    """

    track: str
    box: Box


Tracks = Mapping[int, Sequence[TrackBox]]
"""By frame number; a frame in which nobody was found may be left out."""


@dataclass(frozen=True, slots=True)
class Score:
    """What was counted in one recording; scores of several recordings add up to one.

    Frames are taken one by one. A true box *counts* if half of the person or more is visible, and the box is 60 pixels
    tall or more. Found boxes are assigned to the boxes that count, one to one: pairs need an intersection over union of 0.5,
    as many pairs as possible are made, and of these the ones with the largest sum (Hungarian assignment). What went before
    plays no part in it. A found box that is left over is *set aside* if half of it or more lies in one true box that
    doesn't count, as in the Caltech pedestrian benchmark; otherwise it is *false*.

    Attributes:
        frames: that were looked at.
        people: true boxes that count.
        matched: of these, the ones that a found box was assigned to.
        false: found boxes that are nobody.
        aside: found boxes that were set aside.
        pure: summed over pieces of tracks, the matched boxes of the identity that the piece was assigned to most often.
        identities: those that were matched once or more; the same person in two recordings is two.
        ways: pairs of an identity and a track that were matched once or more, with all pieces of a track counted once.
        pieces: pairs of an identity and a piece that were matched once or more; a track that wasn't cut is one piece.
        switches: matches of an identity to another track than the identity's match before.
        fragments: times that an identity was matched again after frames where it counted and was missed.
    """

    frames: int = 0
    people: int = 0
    matched: int = 0
    false: int = 0
    aside: int = 0
    pure: int = 0
    identities: int = 0
    ways: int = 0
    pieces: int = 0
    switches: int = 0
    fragments: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @property
    def missed(self) -> float | None:
        """The share of true boxes that count and weren't found, 0..1; None if none counts."""
        return _share(self.people - self.matched, self.people)

    @property
    def false_share(self) -> float | None:
        """The share of found boxes that are nobody, 0..1, without those set aside; None if none is left."""
        return _share(self.false, self.matched + self.false)

    @property
    def purity(self) -> float | None:
        """The share of a piece's matched boxes that are of its most frequent identity, 0..1: the mean over pieces, each weighted
        by its matched boxes. A track that wasn't cut is one piece. None if nothing was matched."""
        return _share(self.pure, self.matched)

    @property
    def tracks_a_person(self) -> float | None:
        """How many tracks an identity was matched to: the mean over identities that were matched, 1 or more; None if none was.

        All pieces of a track that was cut count once, since they share the track's number. `pieces_a_person` counts each.
        """
        return _share(self.ways, self.identities)

    @property
    def pieces_a_person(self) -> float | None:
        """How many pieces of tracks an identity was matched to: as `tracks_a_person`, with every piece counted by itself."""
        return _share(self.pieces, self.identities)


def score(truth: Truth, tracks: Tracks, frames: Iterable[int] | None = None) -> Score:
    """Counts one recording.

    Args:
        truth: of every frame with people.
        tracks: what was found.
        frames: the frames that were looked at, where only some were; None for all that truth or tracks have.

    Raises:
        BadFootage: tracks in a frame that wasn't looked at, or an identity or a track that is twice in a frame.
    """
    numbers = sorted({*truth, *tracks} if frames is None else set(frames))
    if beyond := sorted(set(tracks) - set(numbers)):
        raise BadFootage(f"tracks are in frame {beyond[0]}, which isn't one of the {len(numbers)} frames to look at")
    people = matched = false = aside = switches = fragments = 0
    by_piece: dict[str, Counter[int]] = defaultdict(Counter)
    ways: set[tuple[int, str]] = set()
    last: dict[int, str] = {}
    missed_since: set[int] = set()
    for number in numbers:
        true, reported = truth.get(number, ()), tracks.get(number, ())
        _expect_single((row.identity for row in true), "identity", number)
        _expect_single((row.track for row in reported), "track", number)
        counting = [row for row in true if counts(row)]
        pairs = assigned(_array(row.box for row in counting), _array(row.box for row in reported))
        who = {counting[row].identity: reported[column].track for row, column in pairs}
        for identity, track in who.items():
            by_piece[track][identity] += 1
            whole = track.partition("-")[0]
            ways.add((identity, whole))
            switches += last.get(identity, whole) != whole
            fragments += identity in missed_since
            missed_since.discard(identity)
            last[identity] = whole
        missed_since |= {row.identity for row in counting if row.identity in last and row.identity not in who}
        paired = {column for _, column in pairs}
        left = [row.box for column, row in enumerate(reported) if column not in paired]
        put_aside = _inside(_array(left), _array(row.box for row in true if not counts(row)))
        people, matched = people + len(counting), matched + len(pairs)
        aside, false = aside + put_aside, false + len(left) - put_aside
    pure = sum(max(identities.values()) for identities in by_piece.values())
    pieces = sum(len(identities) for identities in by_piece.values())
    return Score(len(numbers), people, matched, false, aside, pure, len(last), len(ways), pieces, switches, fragments)


def owners(truth: Truth, tracks: Tracks) -> dict[str, int]:
    """Whom each track shows: the identity that most of its boxes are assigned to, of those the lowest; tracks that show nobody who
    counts are left out."""
    by_piece: dict[str, Counter[int]] = defaultdict(Counter)
    for number, reported in tracks.items():
        counting = [row for row in truth.get(number, ()) if counts(row)]
        for row, column in assigned(_array(true.box for true in counting), _array(row.box for row in reported)):
            by_piece[reported[column].track][counting[row].identity] += 1
    return {piece: min(of, key=lambda identity: (-of[identity], identity)) for piece, of in by_piece.items()}


def counts(row: TrueBox) -> bool:
    """Whether it is a miss if nobody finds it."""
    return row.wanted and row.visible >= LEAST_VISIBLE and row.box[3] - row.box[1] >= LEAST_HEIGHT


def assigned(true: NDArray[np.float64], boxes: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Rows of both that belong together: as many pairs as there can be, and of these those that fit best in sum.

    Args:
        true: (n, 4), left, top, right, bottom.
        boxes: (m, 4), alike, what was found.
    """
    fit = overlaps(true, boxes)
    gain = np.where(fit >= LEAST_OVERLAP, min(fit.shape) + 1 + fit, 0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if gain[row, column]]


def right_share(truth: Mapping[int, Modality], seen: Mapping[int, Modality]) -> float | None:
    """The share of frames whose modality was seen right, 0..1, of the frames in `seen`; None if there are none.

    Raises:
        BadFootage: a frame that truth doesn't have.
    """
    if beyond := sorted(set(seen) - set(truth)):
        raise BadFootage(f"frame {beyond[0]} has no true modality")
    return _share(sum(truth[number] is modality for number, modality in seen.items()), len(seen))


def _expect_single(names: Iterable[object], what: str, frame: int) -> None:
    name, times = next(iter(Counter(names).most_common(1)), ("", 0))
    if times > 1:
        raise BadFootage(f"frame {frame}: {what} {name} has {times} boxes, and can have one")


def _inside(boxes: NDArray[np.float64], uncounted: NDArray[np.float64]) -> int:
    """How many of the boxes lie in one of the others, by half of their own area or more."""
    near = np.maximum(boxes[:, None, :2], uncounted[None, :, :2])
    sides = np.maximum(np.minimum(boxes[:, None, 2:], uncounted[None, :, 2:]) - near, 0)
    shared = (sides[..., 0] * sides[..., 1]).max(axis=1, initial=0)
    whole = areas(boxes)
    return int(np.count_nonzero((shared >= INSIDE * whole) & (whole > 0)))


def _array(boxes: Iterable[Box]) -> NDArray[np.float64]:
    return np.array(list(boxes), np.float64).reshape(-1, 4)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
