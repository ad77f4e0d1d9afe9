"""Where to go on: which events are done with, in a file that is only added to.

Nothing is noted before it is enrolled. A kill between both makes the next start enrol the event again, which adds nothing.

The file holds a line of JSON for each event, `{"id": …, "started": …, "ended": …}`. Its first line says from when on events are
wanted at all, and up to where the last whole catching-up came. Frigate lists events by when they began, and they come to us when they
end. So a list is asked for from a day before that mark on, and what is noted of that day stays.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from rgbir.index import UsageError, add_lines, replace_file, why

LONGEST_TRACK_S = 24 * 3600.0
"""A track that lasts longer is found only while we are connected."""
MODE = 0o600


class Ledger:
    """The events that are done with.

    Args:
        file: where it is, or will be.
        begin: events that ended before aren't wanted, seconds since 1970; for a new file.

    Raises:
        UsageError: the file is something else.
        OSError: it can't be read or written.
    """

    def __init__(self, file: Path, begin: float) -> None:
        self._file = file
        self.begin = self.mark = begin
        self._latest = begin
        self._done: dict[str, tuple[float, float]] = {}
        self._lines = 0
        if file.exists():
            self._read()
            file.chmod(MODE)
        self._write()

    def __contains__(self, event: str) -> bool:
        return event in self._done

    def __len__(self) -> int:
        return len(self._done)

    @property
    def after(self) -> float:
        """From when on tracks may have begun that aren't done with, seconds since 1970."""
        return max(self.mark - LONGEST_TRACK_S, 0.0)

    def settle(self, event: str, started: float, ended: float) -> None:
        """Notes that an event is done with; once this returns, that is on disk."""
        if event in self._done:
            return
        line = json.dumps({"id": event, "started": started, "ended": ended})
        add_lines(self._file, [line.encode()], _is_whole, MODE)
        self._take(event, started, ended)
        self._lines += 1

    def caught_up(self) -> None:
        """Everything that ended up to the latest event here is done with."""
        self.mark = max(self.mark, self._latest)
        kept = {event: times for event, times in self._done.items() if times[0] > self.after}
        if self._lines > 2 * len(kept) + 100:
            self._done = kept
            self._write()

    def _take(self, event: str, started: float, ended: float) -> None:
        self._done[event] = (started, ended)
        self._latest = max(self._latest, min(ended, time.time()))  # a clock that is ahead would hide what comes

    def _read(self) -> None:
        first, *lines = self._file.read_bytes().split(b"\n")
        try:
            head = json.loads(first)
            self.begin, self.mark = float(head["begin"]), float(head["mark"])
            self._latest = self.mark
            for line in lines:
                if line and _is_whole(line):
                    note = json.loads(line)
                    self._take(str(note["id"]), float(note["started"]), float(note["ended"]))
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{self._file} isn't a resume point of `rgbir watch frigate`: {why(error)}; name another file by --state"
            ) from None

    def _write(self) -> None:
        head = json.dumps({"begin": self.begin, "mark": self.mark})
        notes = [
            json.dumps({"id": event, "started": begun, "ended": end}) for event, (begun, end) in self._done.items()
        ]
        replace_file(self._file, "\n".join([head, *notes, ""]), MODE)
        self._lines = len(notes)


def _is_whole(line: bytes) -> bool:
    """Half a line is what a crash left; nobody was told of it."""
    try:
        note: Any = json.loads(line)
    except ValueError:
        return False
    return isinstance(note, dict)
