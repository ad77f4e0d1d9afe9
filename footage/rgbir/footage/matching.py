"""Which detection is which track: by overlap with where it is expected, and by what a person can't have done meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rgbir.footage.boxes import overlaps, shares_inside
from rgbir.footage.track import Track
from rgbir.index import Detections

TALLER = 1.5
"""How many times taller or lower than expected a detection of the same person is at most."""
WALKING, BACK = 0.3, 0.15
"""Of the person's height: the speed, a second, from which on somebody walks; and by how much the side behind moves back at most."""
KEPT_PACE = 0.5
"""The share of the expected way that who walks goes on at least."""
HELD, AROUND = 0.5, 0.8
"""A detection holds two people if so much of the hidden one lies in it, and the box around both fits it at least so many times as well as
the box of the one."""
ALIKE, FEET = 1.25, 0.15
"""How many times taller or lower, and by what share of the height higher or lower in the picture, somebody is found again at most."""
FAST, SWAY = 1.2, 0.5
"""Of the person's height: how far somebody gets in a second, and by how much more a detection may be off."""

BORDER = 4
"""Pixels from the picture's side within which a box touches it."""

Places = NDArray[np.intp]
"""Of detections, among all of their frame."""


def assigned(
    tracks: Sequence[Track], detections: Detections, places: Places, least: float, seconds: float
) -> dict[Track, int]:
    """One to one, so that the sum of overlaps is largest.

    Pairs don't count that overlap by less than `least`, whose heights differ by more than a half, or of which somebody
    who walks would have gone backwards.

    Args:
        seconds: of the frame.
    """
    if not tracks or not len(places):
        return {}
    overlap = overlaps(np.array([track.filter.box for track in tracks]), detections.boxes[places])
    tall = detections.boxes[places, 3] - detections.boxes[places, 1]
    expected = np.array([track.filter.mean[3, 0] for track in tracks])[:, None]
    overlap[(overlap < least) | (tall > TALLER * expected) | (tall * TALLER < expected)] = 0
    for row, column in np.argwhere(overlap).tolist():
        if goes_back(tracks[row], detections.boxes[places[column]], seconds):
            overlap[row, column] = 0
    rows, columns = linear_sum_assignment(-overlap)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {tracks[row]: int(places[column]) for row, column in pairs if overlap[row, column] > 0}


def holding_two(tracks: Iterable[Track], matches: Mapping[Track, int], detections: Detections) -> set[int]:
    """The places of detections that hold two people: the one who was assigned to it, and one who was assigned to none.

    Nobody can say who of the two such a box shows, and its size and speed are neither's.
    """
    hidden = [track.filter.box for track in tracks if track not in matches]
    if not hidden or not matches:
        return set()
    others, shared = np.array(hidden), set()
    for track, place in matches.items():
        box, expected = detections.boxes[place][None], track.filter.box[None]
        around = np.concatenate(
            [np.minimum(others[:, :2], expected[:, :2]), np.maximum(others[:, 2:], expected[:, 2:])], 1
        )
        fits = overlaps(box, around)[0] > AROUND * overlaps(box, expected)[0]
        if (fits & (shares_inside(others, box)[:, 0] > HELD)).any():
            shared.add(place)
    return shared


def found_again(tracks: Sequence[Track], detections: Detections, places: Places, seconds: float) -> dict[Track, int]:
    """Tracks that were out of sight, by size and place: where one fits a single detection that fits no other of them.

    Behind a pillar a box is cut at one side, so the filter's place and speed are wrong when the person comes out again;
    height and feet are as before.
    """
    fits = np.zeros((len(tracks), len(places)), bool)
    for row, track in enumerate(tracks):
        for column, place in enumerate(places):
            fits[row, column] = _may_be(track, detections.boxes[place], seconds)
    alone = fits & (fits.sum(axis=0) == 1) & (fits.sum(axis=1, keepdims=True) == 1)
    return {tracks[row]: int(places[column]) for row, column in np.argwhere(alone).tolist()}


def _may_be(track: Track, box: NDArray[np.float32], seconds: float) -> bool:
    height, feet = track.usual
    unseen = seconds - track.last_s
    if not 1 / ALIKE <= float(box[3] - box[1]) / height <= ALIKE:
        return False
    if abs(float(box[3]) - feet) > FEET * height * (1 + unseen):
        return False
    last = track.seen[-1].box
    moved = float(box[0] + box[2] - last[0] - last[2]) / 2
    return abs(moved) <= (FAST * unseen + SWAY) * height and not goes_back(track, box, seconds)


def leaves(track: Track, width: float) -> bool:
    """Whether somebody walks out of the picture at its left or right side.

    Args:
        width: of the picture, in pixels.
    """
    last, speed = track.seen[-1].box, track.speed
    if abs(speed) < WALKING * float(last[3] - last[1]):
        return False
    return bool(last[0] <= BORDER) if speed < 0 else bool(last[2] >= width - BORDER)


def goes_back(track: Track, box: NDArray[np.float32], seconds: float) -> bool:
    """Whether somebody who walks would have turned on the spot to be there.

    The side behind tells: the side ahead stops where the picture ends or a pillar begins. It keeps half of its pace at least,
    less 15 % of the person's height, by which legs swing.

    Args:
        box: float32 (4,): left, top, right, bottom.
        seconds: of its frame.
    """
    last, speed = track.seen[-1], track.speed
    height = float(last.box[3] - last.box[1])
    if abs(speed) < WALKING * height:
        return False
    on = float(box[0] - last.box[0] if speed > 0 else last.box[2] - box[2])
    return on < KEPT_PACE * abs(speed) * (seconds - last.seconds) - BACK * height
