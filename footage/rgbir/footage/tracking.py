"""From detections to tracks: who in this frame is who was in the last.

Detections are assigned to tracks by the overlap of their boxes with where the filters expect them, the sure ones first, then the doubtful
ones to tracks that are still without (ByteTrack, Zhang et al., ECCV 2022). There is no appearance in it: it would hide
a change of identity within a track, which is worse here than two tracks of one person. Where two tracks meet and part again
nobody can say who went where, so both are cut, and go on as tracks of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rgbir.footage.boxes import areas, overlaps
from rgbir.footage.kalman import BoxFilter
from rgbir.index import Detections, Thresholds

UNSEEN_S = 2.0
"""Seconds for which a track is kept without a detection."""
HITS = 3
"""Detections that a track needs."""
LEAST, LEAST_DOUBTFUL = 0.2, 0.4
"""Overlap with where it is expected that a detection needs."""
MET, PARTED = 0.5, 0.1
"""Overlap above which two tracks have met, and below which they have parted."""
LONGEST_S = 600.0
"""Seconds after which a track is cut, so that somebody who stays is enrolled while being there."""
SAME = 0.5
"""Overlap with a track's box above which a detection starts no track of its own."""


class Seen(NamedTuple):
    """A track in a frame.

    Attributes:
        number, seconds: of the frame.
        box: float32 (4,), as it was detected.
        score: the detection's.
    """

    number: int
    seconds: float
    box: NDArray[np.float32]
    score: float


@dataclass(slots=True, eq=False)
class Track:
    """Somebody's way through the picture.

    Attributes:
        number: counts the recording's tracks from 1; pieces of a track that was cut share it.
        filter: where it is expected.
        last_s: seconds of the frame in which it was seen last.
        piece: which piece, from 0.
        cut: whether it was cut at its beginning or at its end.
        seen: where it was, in order.
    """

    number: int
    filter: BoxFilter
    last_s: float
    piece: int = 0
    cut: bool = False
    seen: list[Seen] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its number; with a letter where it was cut: 7-a, 7-b, …"""
        return f"{self.number}-{_letters(self.piece)}" if self.cut else str(self.number)

    @property
    def confirmed(self) -> bool:
        return len(self.seen) >= HITS


@dataclass(frozen=True, slots=True)
class Step:
    """What a frame brought.

    Attributes:
        matches: the tracks that are in it, each with its detection's place.
        ended: confirmed tracks that ended.
    """

    matches: tuple[tuple[Track, int], ...]
    ended: tuple[Track, ...]


@dataclass(slots=True)
class Tracker:
    """The tracks of one recording.

    Attributes:
        count: tracks that were begun so far.
        live: those that may go on.
    """

    count: int = 0
    live: list[Track] = field(default_factory=list)
    _met: set[frozenset[int]] = field(default_factory=set)
    _at: float | None = None

    def step(self, number: int, seconds: float, detections: Detections, thresholds: Thresholds) -> Step:
        """Takes a frame's detections in.

        Args:
            number, seconds: the frame's; seconds grow from call to call.
            detections: from `doubtful` on.
        """
        passed = 0.0 if self._at is None else max(seconds - self._at, 0.0)
        self._at = seconds
        lost = self._lost(seconds)
        for track in self.live:
            track.filter.predict(passed)
        matches = self._matched(detections, thresholds)
        for track, place in matches.items():
            track.filter.correct(detections.boxes[place].astype(np.float64))
            track.last_s = seconds
            track.seen.append(Seen(number, seconds, detections.boxes[place], float(detections.scores[place])))
        ended = [*lost, *self._parted(matches)]
        self._begin(number, seconds, detections, thresholds, matches)
        return Step(tuple(matches.items()), tuple(track for track in ended if track.confirmed))

    def end(self) -> tuple[Track, ...]:
        """Ends all tracks, at the end of a recording or a change of light: those that are confirmed."""
        ended, self.live = [track for track in self.live if track.confirmed], []
        self._met.clear()
        return tuple(ended)

    def _matched(self, detections: Detections, thresholds: Thresholds) -> dict[Track, int]:
        sure = np.flatnonzero(detections.scores >= thresholds.sure)
        doubtful = np.flatnonzero((detections.scores < thresholds.sure) & (detections.scores >= thresholds.doubtful))
        matches = _assigned(self.live, detections, sure, LEAST)
        left = [track for track in self.live if track not in matches]
        matches |= _assigned(left, detections, doubtful, LEAST_DOUBTFUL)
        return matches

    def _begin(
        self, number: int, seconds: float, detections: Detections, thresholds: Thresholds, matches: dict[Track, int]
    ) -> None:
        taken = set(matches.values())
        boxes = np.array([track.filter.box for track in self.live]).reshape(-1, 4)
        for place in np.flatnonzero(detections.scores >= thresholds.start):
            box = detections.boxes[place].astype(np.float64)
            if int(place) in taken or (len(boxes) and overlaps(box[None], boxes).max() > SAME):
                continue
            self.count += 1
            track = Track(self.count, BoxFilter(box), seconds)
            track.seen.append(Seen(number, seconds, detections.boxes[place], float(detections.scores[place])))
            self.live.append(track)
            matches[track] = int(place)

    def _lost(self, seconds: float) -> list[Track]:
        lost = [track for track in self.live if seconds - track.last_s > UNSEEN_S]
        self.live = [track for track in self.live if seconds - track.last_s <= UNSEEN_S]
        return lost

    def _parted(self, matched: dict[Track, int]) -> list[Track]:
        """Cuts tracks that met and parted, and those that are too long; the matches of this frame are their next pieces'."""
        boxes = np.array([track.filter.box for track in self.live]).reshape(-1, 4)
        apart = overlaps(boxes, boxes)
        cut: set[int] = set()
        for (i, a), (j, b) in combinations(enumerate(self.live), 2):
            pair = frozenset((a.number, b.number))
            together = float(apart[i, j])
            if not (a in matched and b in matched):  # one is hidden: its box is a guess, and the other's may hold both
                smaller = max(float(min(areas(boxes[[i, j]]))), 1.0)
                union = float(areas(boxes[[i, j]]).sum()) / (1 + together)
                together = max(together, together * union / smaller)
            if together > MET:
                self._met.add(pair)
            elif together < PARTED and pair in self._met and a in matched and b in matched:
                self._met.discard(pair)
                cut |= {i, j}
        cut |= {i for i, track in enumerate(self.live) if track.seen[-1].seconds - track.seen[0].seconds >= LONGEST_S}
        alive = {track.number for track in self.live}
        self._met = {pair for pair in self._met if pair <= alive}
        pieces = []
        for place in sorted(cut):
            track = self.live[place]
            if track in matched and len(track.seen) > 1:
                following = self.live[place] = _cut(track)
                matched[following] = matched.pop(track)
                pieces.append(track)
        return pieces


def _cut(track: Track) -> Track:
    """Ends a track before its last frame; gives the piece that begins with it."""
    last = track.seen.pop()
    track.cut = True
    return Track(track.number, track.filter, track.last_s, track.piece + 1, True, [last])


def _assigned(tracks: list[Track], detections: Detections, places: NDArray[np.intp], least: float) -> dict[Track, int]:
    """One to one, so that the sum of overlaps is largest; pairs that overlap by less than `least` don't count."""
    if not tracks or not len(places):
        return {}
    overlap = overlaps(np.array([track.filter.box for track in tracks]), detections.boxes[places])
    overlap[overlap < least] = 0
    rows, columns = linear_sum_assignment(-overlap)
    return {
        tracks[row]: int(places[column]) for row, column in zip(rows, columns, strict=True) if overlap[row, column] > 0
    }


def _letters(piece: int) -> str:
    """a to z, then aa, ab, …"""
    letters = ""
    piece += 1
    while piece:
        piece, rest = divmod(piece - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters
