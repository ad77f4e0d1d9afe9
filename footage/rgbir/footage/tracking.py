"""From detections to tracks: who in this frame is who was in the last.

Detections are assigned to tracks by the overlap of their boxes with where the filters expect them, the sure ones first, then the doubtful
ones to tracks that are still without (ByteTrack, Zhang et al., ECCV 2022). There is no appearance in it: it would hide
a change of identity within a track, which is worse here than two tracks of one person. Where two tracks meet and part again
nobody can say who went where, so both are cut, and go on as pieces that share their track's number. A box that holds two people is
nobody's. Who was out of sight is found again by size and place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from rgbir.footage.boxes import areas, overlaps
from rgbir.footage.kalman import BoxFilter
from rgbir.footage.matching import assigned, found_again, holding_two, leaves
from rgbir.footage.track import Seen, Track
from rgbir.index import Detections, Thresholds

UNSEEN_S = 2.0
"""Seconds for which a track is kept without a detection."""
LEAST, LEAST_DOUBTFUL = 0.25, 0.4
"""Overlap with where it is expected that a detection needs."""
MET, PARTED = 0.5, 0.1
"""Overlap above which two tracks have met, and below which they have parted."""
LONGEST_S = 600.0
"""Seconds after which a track is cut, so that somebody who stays is enrolled while being there."""
SAME = 0.5
"""Overlap with a track's box above which a detection starts no track of its own."""


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
        width: of the pictures, in pixels: who walks out at a side isn't found again in who comes in there.
    """

    count: int = 0
    live: list[Track] = field(default_factory=list)
    width: float = np.inf
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
        matches, shared = self._matched(seconds, detections, thresholds)
        for track, place in matches.items():
            track.filter.correct(detections.boxes[place].astype(np.float64))
            track.last_s = seconds
            track.seen.append(Seen(number, seconds, detections.boxes[place], float(detections.scores[place])))
        for track in self.live:
            if track not in matches:
                track.filter.stay()
        ended = [*lost, *self._parted(matches)]
        self._begin(number, seconds, detections, thresholds, matches, shared)
        return Step(tuple(matches.items()), tuple(track for track in ended if track.confirmed))

    def end(self) -> tuple[Track, ...]:
        """Ends all tracks, at the end of a recording or a change of light: those that are confirmed."""
        ended, self.live = [track for track in self.live if track.confirmed], []
        self._met.clear()
        return tuple(ended)

    def _matched(
        self, seconds: float, detections: Detections, thresholds: Thresholds
    ) -> tuple[dict[Track, int], set[int]]:
        """Who is where; and the places of detections that hold two people, which are nobody's."""
        sure = np.flatnonzero(detections.scores >= thresholds.sure)
        doubtful = np.flatnonzero((detections.scores < thresholds.sure) & (detections.scores >= thresholds.doubtful))
        known = [track for track in self.live if track.known]
        matches = assigned(known, detections, sure, LEAST, seconds)
        left = [track for track in known if track not in matches]
        matches |= assigned(left, detections, doubtful, LEAST_DOUBTFUL, seconds)
        shared = holding_two(known, matches, detections)
        matches = {track: place for track, place in matches.items() if place not in shared}
        lost = [track for track in known if track not in matches and not leaves(track, self.width)]
        matches |= found_again(lost, detections, _without(sure, shared, matches), seconds)
        new = [track for track in self.live if not track.known]
        return matches | assigned(new, detections, _without(sure, shared, matches), LEAST, seconds), shared

    def _begin(
        self,
        number: int,
        seconds: float,
        detections: Detections,
        thresholds: Thresholds,
        matches: dict[Track, int],
        shared: set[int],
    ) -> None:
        taken = set(matches.values()) | shared
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


def _without(places: NDArray[np.intp], shared: set[int], matches: dict[Track, int]) -> NDArray[np.intp]:
    return places[~np.isin(places, [*shared, *matches.values()])]
