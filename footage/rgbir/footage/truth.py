"""Who is where in a recording, as somebody wrote it down: truth of synthetic footage, and of the MOT challenges."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from rgbir.footage.errors import BadFootage
from rgbir.index import Modality

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the picture, from 0 on, the last column and row not included."""


class TrueBox(NamedTuple):
    """A person in a frame.

    Attributes:
        identity: who.
        box: around the whole person, hidden parts too.
        visible: the share of the person that is seen, 0..1.
        wanted: False for what is no miss and no mistake, whatever is found there.
    """

    identity: int
    box: Box
    visible: float = 1.0
    wanted: bool = True


Truth = Mapping[int, Sequence[TrueBox]]
"""By frame number; a frame without people may be left out."""

_COLUMNS = ["camera", "frame", "identity", "left", "top", "right", "bottom", "visible"]
_FRAMES = ["camera", "frame", "modality", "taken_at"]
_PEDESTRIAN, _LIKE_PEOPLE = (1, -1), (2, 6, 7, 8, 12, 13)
"""MOT's classes: people on foot (-1 where a file names none), and those that are set aside: on vehicles, static, distractors,
reflections, crowds."""


def read_truth(file: Path) -> dict[str, dict[int, list[TrueBox]]]:
    """The `truth.csv` of synthetic footage: by camera and frame.

    Raises:
        BadFootage: there is no such file, or it isn't one.
    """
    truth: dict[str, dict[int, list[TrueBox]]] = {}
    for where, row in _rows(file, _COLUMNS):
        camera, *values = row
        try:
            frame, identity = int(values[0]), int(values[1])
            left, top, right, bottom, visible = (float(value) for value in values[2:])
        except ValueError as error:
            raise BadFootage(f"{where}: numbers are expected behind the camera, not {','.join(values)}") from error
        box = _checked((left, top, right, bottom), visible, where)
        truth.setdefault(camera, {}).setdefault(frame, []).append(TrueBox(identity, box, visible))
    return truth


def read_modalities(file: Path) -> dict[str, dict[int, Modality]]:
    """The `frames.csv` of synthetic footage: every frame's modality, by camera and frame.

    Raises:
        BadFootage: there is no such file, or it isn't one.
    """
    modalities: dict[str, dict[int, Modality]] = {}
    for where, (camera, frame, modality, _) in _rows(file, _FRAMES):
        try:
            modalities.setdefault(camera, {})[int(frame)] = Modality(modality)
        except ValueError as error:
            raise BadFootage(f"{where}: a frame's number and rgb or ir are expected, not {frame},{modality}") from error
    return modalities


def read_rates(file: Path) -> dict[str, float]:
    """How many frames a second each camera took, on average, by the `taken_at` of `frames.csv`; cameras whose frames have one
    time alone are left out.

    Raises:
        BadFootage: there is no such file, or it isn't one.
    """
    times: dict[str, list[datetime]] = defaultdict(list)
    for where, (camera, _, _, taken_at) in _rows(file, _FRAMES):
        try:
            times[camera].append(datetime.fromisoformat(taken_at))
        except ValueError as error:
            raise BadFootage(f"{where}: a time in ISO 8601 is expected, not {taken_at!r}") from error
    spans = {camera: (max(of) - min(of)).total_seconds() for camera, of in times.items()}
    return {camera: (len(times[camera]) - 1) / span for camera, span in spans.items() if span > 0}


def read_mot(file: Path) -> dict[int, list[TrueBox]]:
    """A `gt.txt` of the MOT challenges, by frame: frame, id, left, top, width, height, conf, class, visibility.

    Its pixels count from 1, and are made to count from 0. Class and visibility may be missing or -1, as in 2015: a person
    who is wholly seen. People whose conf is 0, and things that look like people, are set aside; other things are left out.

    Source: Milan et al., "MOT16: A Benchmark for Multi-Object Tracking", arXiv:1603.00831.

    Raises:
        BadFootage: there is no such file, or it isn't one.
    """
    truth: dict[int, list[TrueBox]] = defaultdict(list)
    for number, line in enumerate(_text(file).splitlines(), start=1):
        where = f"{file}, line {number}"
        if not line.strip():
            continue
        try:
            left, top, width, height, conf, *rest = (float(value) for value in line.split(",")[2:])
            frame, identity = (int(value) for value in line.split(",")[:2])
        except ValueError as error:
            raise BadFootage(
                f"{where}: expected frame,id,left,top,width,height,conf,class,visibility in numbers, not {line[:80]!r}"
            ) from error
        what = int(rest[0]) if len(rest) in (1, 2) else -1  # in 2015 places in the world follow, not a class
        visible = rest[1] if len(rest) == 2 and rest[1] >= 0 else 1.0
        if what in _PEDESTRIAN or what in _LIKE_PEOPLE:
            box = _checked((left - 1, top - 1, left - 1 + width, top - 1 + height), visible, where)
            wanted = what in _PEDESTRIAN and conf != 0
            truth[frame].append(TrueBox(identity, box, visible, wanted))
    return dict(truth)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFootage(f"{file} can't be read as a table: it is no text, no file, or closed to us") from error


def _rows(file: Path, columns: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Where each row stands, in words, and its values."""
    rows = csv.reader(_text(file).splitlines())
    if next(rows, None) != columns:
        raise BadFootage(f"{file}: the first line of this table is {','.join(columns)}")
    for row in rows:
        where = f"{file}, line {rows.line_num}"
        if len(row) != len(columns):
            raise BadFootage(f"{where}: {len(columns)} values are expected, not {len(row)}")
        yield where, row


def _checked(box: Box, visible: float, where: str) -> Box:
    left, top, right, bottom = box
    if not (left < right and top < bottom and 0 <= visible <= 1):
        raise BadFootage(
            f"{where}: a box with an area and a visible share in 0..1 are expected, not {box}, {visible:g}"
        )
    return box
