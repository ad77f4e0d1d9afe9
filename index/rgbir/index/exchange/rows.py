"""A row of a file as a sighting to enrol: every value is checked here, whichever kind of file it comes from."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.datasets.table import parse_time
from rgbir.index.errors import UsageError
from rgbir.index.exchange.columns import CONTROL, LONGEST
from rgbir.index.gallery.sightings import NewSighting, box_in, check_frame, check_identity, framed, sighting_id
from rgbir.index.images import parse_box
from rgbir.index.times import from_microseconds, in_calendar

DIGITS = re.compile(r"-?[0-9]{1,19}")


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A row of a file, checked by itself; whether its camera exists is another question.

    Attributes:
        sighting: to enrol; its camera is called as the file calls it.
        name: the id that the file gives it; None if it gives none.
        digested: whether the file says the digest, from which an id follows.
        modality: of its image, where the file says it.
    """

    sighting: NewSighting
    name: str | None
    digested: bool
    modality: Modality | None

    def enrolled_as(self, camera: str) -> str:
        """The id that it is enrolled by, at the camera of that id.

        Raises:
            UsageError: the file says another id for that camera, source and digest.
        """
        follows = sighting_id(camera, self.sighting.source, self.sighting.digest)
        if self.digested and self.name not in (None, follows):
            raise UsageError(
                f"id is {self.name}, and {follows} follows from its camera, source and digest; leave id or digest out"
            )
        return follows


def row_of(cells: Mapping[str, Any], embedding: NDArray[np.float32], camera: str | None, known: int) -> Row:
    """A row of its cells by column.

    Args:
        embedding: float32 (d,).
        camera: of rows that name none.
        known: the moment since which the file is known, microseconds since 1970.

    Raises:
        UsageError: a value that can't be kept; its text names the column.
    """
    if not np.isfinite(embedding).all():
        raise UsageError("embedding has values that are NaN or infinite")
    if not embedding.any():
        raise UsageError("embedding is zero everywhere; whatever made it failed")
    texts = {name: _text(name, cells.get(name)) for name in LONGEST if name not in ("box", "taken_at")}
    seen_by = texts["camera"] or camera
    if not seen_by:
        raise UsageError("camera is empty; name it in the file, or give --camera for all rows")
    name, digest = texts["id"], texts["digest"]
    since = _whole("since", cells.get("since"))
    if not in_calendar(since):
        raise UsageError(f"since is microseconds since 1970, not {since}")
    identity = _whole("identity", cells.get("identity"))
    check_identity(identity)
    sighting = NewSighting(
        seen_by,
        embedding,
        digest or _digest(name, embedding),
        texts["source"] or (name if not digest and name else ""),
        _moment(cells.get("taken_at")),
        identity,
        texts["track"],
        since=known if since is None else min(since, known),
        frame=_frame(texts["frame"], _box(cells.get("box"))),
    )
    return Row(sighting, name, digest is not None, _modality(texts["modality"]))


def _digest(name: str | None, embedding: NDArray[np.float32]) -> str:
    """In place of an image's sum: follows from the id that the file gives, else from the embedding, float32 (d,)."""
    content = embedding.astype("<f4").tobytes() if name is None else f"id\0{name}".encode()
    return hashlib.sha256(content).hexdigest()


def _text(name: str, cell: Any) -> str | None:
    if cell is None or cell == "":
        return None
    if not isinstance(cell, str):
        raise UsageError(f"{name} is a text, not {str(cell)[:40]}")
    if control := CONTROL.search(cell):
        raise UsageError(f"{name} has the control character U+{ord(control[0]):04X}; take it out")
    if len(cell.encode()) > LONGEST[name]:
        raise UsageError(f"{name} has {len(cell.encode()):,} bytes, at most {LONGEST[name]:,} are kept")
    return cell


def _whole(name: str, cell: Any) -> int | None:
    if cell is None or cell == "":
        return None
    if type(cell) is int:
        return cell
    if isinstance(cell, str) and DIGITS.fullmatch(cell):
        return int(cell)
    raise UsageError(f"{name} is a whole number, not {str(cell)[:40]!r}")


def _moment(cell: Any) -> datetime | None:
    if type(cell) is int:
        if not in_calendar(cell):
            raise UsageError(f"taken_at lies between the years 2 and 9998, {cell} microseconds since 1970 don't")
        return from_microseconds(cell)
    text = _text("taken_at", cell)
    return None if text is None else parse_time(text)


def _modality(text: str | None) -> Modality | None:
    try:
        return None if text is None else Modality(text.lower())
    except ValueError:
        raise UsageError(f"modality is rgb or ir, not {text!r}") from None


def _box(cell: Any) -> list[int] | None:
    """Of a list of four sides, or the text that stands for them.

    Raises:
        UsageError: it is neither, or encloses nothing.
    """
    if cell is None or cell == "":
        return None
    sides = cell if isinstance(cell, list) else list(parse_box(str(cell)) or ())
    if len(sides) != 4 or any(type(side) is not int for side in sides):
        raise UsageError(f"box is left,top,right,bottom in pixels, such as 40,10,90,160, not {str(cell)[:40]!r}")
    left, top, right, bottom = sides
    if not (0 <= left < right < 10**9 and 0 <= top < bottom < 10**9):
        raise UsageError(f"box has 0 ≤ left < right and 0 ≤ top < bottom, which {left},{top},{right},{bottom} has not")
    return sides


def _frame(frame: str | None, box: list[int] | None) -> str | None:
    """The frame with the box in it.

    Raises:
        UsageError: the frame is no JSON object, or names another box.
    """
    check_frame(frame)
    if box is None:
        return frame
    if frame is None:
        left, top, right, bottom = box
        return framed((left, top, right, bottom))
    if (named := box_in(frame)) is None:
        return json.dumps({**json.loads(frame), "box": box})
    if list(named) != box:
        raise UsageError(f"box is {box}, and frame names {list(named)}; leave one of them out")
    return frame
