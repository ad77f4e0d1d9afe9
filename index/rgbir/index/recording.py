"""Where the recording of a moment is: an address of somebody's video system, with places for what is known of a sighting."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from rgbir.index.errors import UsageError
from rgbir.index.words import listed

_PLACE = re.compile(r"\{([^{}]*)\}")
_KNOWN = ("camera", "id", "time", "seconds", "milliseconds", "source")
MOST = 1000
"""Characters of a template."""


def check_template(template: str | None) -> None:
    """A template is an address of http or https; `{camera}`, `{id}`, `{time}`, `{seconds}`, `{milliseconds}`, `{source}` and `{frame.NAME}` stand for
    what is known of a sighting.

    Raises:
        UsageError: it isn't, or it names something else.
    """
    if template is None:
        return
    parts = urlsplit(_PLACE.sub("x", template))
    if parts.scheme not in ("http", "https") or not parts.hostname or len(template) > MOST:
        raise UsageError(
            f"a recording's address begins with http:// or https:// and a host, and has {MOST} characters at most, not {template[:80]!r}"
        )
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"a recording's address holds no name or password, which every hit would tell; {parts.hostname} asks for them"
        )
    if not template.isprintable() or " " in template:
        raise UsageError(
            f"a recording's address has no blanks or signs that can't be printed, as {template[:80]!r} has"
        )
    if "{" in template.partition("//")[2].partition("/")[0]:
        raise UsageError(f"the host of a recording's address is fixed; {template[:80]!r} has a place in it")
    if "{" in (left := _PLACE.sub("", template)) or "}" in left:
        raise UsageError(
            f"a place in a recording's address is such as {{seconds}}; a brace in {template[:80]!r} has no other"
        )
    for name in _PLACE.findall(template):
        if name not in _KNOWN and not re.fullmatch(r"frame\.\w+", name):
            raise UsageError(f"{{{name}}} isn't known of a sighting; there are {listed([*_KNOWN, 'frame.NAME'])}")


def needs_frame(template: str) -> bool:
    """Whether an address names something of a sighting's frame."""
    return any(name.startswith("frame.") for name in _PLACE.findall(template))


def recording_of(
    template: str, *, camera: str, id_: str, taken_at: datetime | None, source: str, frame: str | None
) -> str | None:
    """The address of a sighting's moment; None where something that the template names isn't known.

    Args:
        camera, id_: what the camera is called, and its id.
        frame: where in which recording, as JSON.
    """
    values: dict[str, Any] = {"camera": camera, "id": id_, "source": source or None}
    if taken_at is not None:
        moment = taken_at.astimezone(UTC)
        values["time"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        values["seconds"] = int(moment.timestamp())
        values["milliseconds"] = round(moment.timestamp() * 1000)
    about: Mapping[str, Any] = {} if frame is None else json.loads(frame)
    values |= {f"frame.{name}": value for name, value in about.items() if isinstance(value, (str, int, float))}
    names = _PLACE.findall(template)
    if any(values.get(name) is None for name in names):
        return None
    return _PLACE.sub(lambda place: quote(str(values[place[1]]), safe=""), template)
