"""How late it was, noted for a server that is started with a clock that was set back: keys that have ended stay so."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rgbir.index import changing, replace_file
from rgbir.server.access.keys import Keyring

_log = logging.getLogger(__name__)


class NotedClock:
    """The latest time of a keyring, in a file, too. Once made, the keyring knows what the file knew."""

    def __init__(self, file: Path, keyring: Keyring) -> None:
        self.file, self.keyring = file, keyring
        self._noted, self._told = datetime.min.replace(tzinfo=UTC), False
        self._read()

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            self.keyring.not_before(datetime.fromisoformat(self.file.read_text(encoding="utf-8").strip()))

    def note(self) -> None:
        """Once a minute of the clock, whichever way it runs, and when a key has ended."""
        now = datetime.now(UTC)
        self.keyring.not_before(now)
        if self.keyring.latest - now > timedelta(days=1) and not self._told:
            self._told = True
            _log.error(
                "the clock says %s, and it was %s before: keys are judged by that; if it was wrong, rotate or revoke the keys"
                " that were made then, delete %s and restart",
                now.isoformat(timespec="seconds"),
                self.keyring.latest.isoformat(timespec="seconds"),
                self.file,
            )
        if self.keyring.latest - self._noted > timedelta(minutes=1) or self.keyring.ended_since(self._noted):
            self._noted = self.keyring.latest
            self._read()  # another process may have seen a later time
            with suppress(OSError), changing(self.file.parent):  # a medium that is read-only, or full
                replace_file(self.file, self.keyring.latest.isoformat() + "\n")
