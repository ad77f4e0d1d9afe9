"""What a caller gives for each shot, as it travels: used as it is meant, or refused by name. Arrays are as good as lists."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

_LABELS: dict[str, tuple[tuple[type, ...], str]] = {
    "taken_at": ((datetime, str), "a moment with a zone"),
    "identity": ((int,), "a whole number"),
    "track": ((str, int), "a text"),
}
"""What a label may be, and how that is said."""


def plain(value: Any) -> Any:
    """An array of NumPy or pandas, or a number in one, as Python's own; everything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def text(value: Any) -> Any:
    """A value as it travels."""
    value = plain(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [str(entry) for entry in value] or [""]  # an empty list would not travel, and none is not all
    return str(value)


def expect_filled(name: str, value: Any) -> None:
    """
    Raises:
        ValueError: an empty text, which would travel as none; or a list with one.
    """
    value = plain(value)
    if value == "" or (isinstance(value, (list, tuple)) and "" in value):
        raise ValueError(f"{name} has an empty text; name something, or leave {name} out")


def several(name: str, values: Any) -> list[Any] | None:
    """Several texts as a list.

    Raises:
        TypeError: one text.
    """
    values = plain(values)
    if isinstance(values, str):
        raise TypeError(f"{name} is a sequence of names, such as [{values!r}], not a text")
    return None if values is None else list(values)


def labels(name: str, values: Any) -> Any:
    """A label as it travels: once, or once for each shot, empty where it isn't known.

    Raises:
        TypeError: something that is no such label.
        ValueError: an empty text, or no label at all.
    """
    values = plain(values)
    if isinstance(values, str) or not isinstance(values, Iterable):
        return None if values is None else _label(name, values)
    each = ["" if value is None else _label(name, plain(value)) for value in values]
    if not each:
        raise ValueError(f"{name} is a sequence without an entry; give one for each shot, or leave {name} out")
    return each


def _label(name: str, value: Any) -> str:
    kinds, words = _LABELS[name]
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise TypeError(f"{name} is {words}, or a sequence with one for each shot; {value!r} is none")
    expect_filled(name, value)
    return str(text(value))


def boxes(box: Any) -> str | list[str] | None:
    """As they travel: one, or one for each shot, empty for the whole image.

    Raises:
        TypeError: something that is no box.
    """
    box = plain(box)
    if box is None:
        return None
    sides = list(box) if isinstance(box, Iterable) and not isinstance(box, str) else []
    if sides and all(each is None or isinstance(plain(each), (list, tuple)) for each in sides):
        return ["" if each is None else _box(list(plain(each))) for each in sides]
    return _box(sides or box)


def _box(sides: Any) -> str:
    numbers = [plain(side) for side in sides] if isinstance(sides, list) else []
    if len(numbers) != 4 or any(type(side) is not int for side in numbers):
        raise TypeError(
            f"box is left, top, right, bottom in whole pixels, or a sequence with one for each shot; {sides!r} is none"
        )
    return ",".join(map(str, numbers))
