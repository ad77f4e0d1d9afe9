"""The address of a stream, and who may watch it. The name and the password are shown nowhere."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from rgbir.footage.formats import STREAMS
from rgbir.index import UsageError, listed

USER, PASSWORD = "RGBIR_STREAM_USER", "RGBIR_STREAM_PASSWORD"
_HIDDEN = "…"


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """Where a camera's stream is.

    Attributes:
        scheme: rtsp or rtsps.
        host: as the address names it, with its port where it names one.
        path: what is behind the host. Some cameras want passwords in it, so it is shown nowhere either.
        user, password: who may watch; None where nobody says.
    """

    scheme: str
    host: str
    path: str = field(repr=False)
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, text: str, environment: Mapping[str, str] | None = None) -> StreamAddress:
        """
        Args:
            text: such as rtsp://192.168.1.20:554/stream1; a name and a password may stand before the host.
            environment: has `RGBIR_STREAM_USER` and `RGBIR_STREAM_PASSWORD`; this process's by default.

        Raises:
            UsageError: it is no address of a stream, or it and the variables name two users.
        """
        variables = os.environ if environment is None else environment
        scheme = text.partition("://")[0].lower()
        if scheme not in STREAMS or "://" not in text:
            raise UsageError(
                f"a stream's address begins with {listed([f'{name}://' for name in STREAMS], 'or')}; films are read by"
                " `rgbir footage add` and `rgbir watch file`"
            )
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(f"{scheme}://"), None
        if not parts.hostname or port == 0 or any(letter.isspace() or ord(letter) < 32 for letter in text):
            raise UsageError(
                "the stream's address has no host, no true port, or blanks; it is such as rtsp://192.168.1.20:554/stream1."
                f" A password with / ? # or @ is given by {USER} and {PASSWORD}"
            )
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        host = parts.netloc.rpartition("@")[2]
        user, password = parts.username, parts.password
        user, password = _who(
            None if user is None else unquote(user), None if password is None else unquote(password), variables
        )
        return cls(scheme, host, path, user, password)

    @property
    def shown(self) -> str:
        """What may be read by everybody: the scheme and the host."""
        return f"{self.scheme}://{self.host}"

    @property
    def full(self) -> str:
        """With name and password, as FFmpeg takes it."""
        who = "" if self.user is None else f"{quote(self.user, safe='')}:{quote(self.password or '', safe='')}@"
        return f"{self.scheme}://{who}{self.host}{self.path}"

    def cleaned(self, text: str) -> str:
        """Somebody else's words without the address behind its host, the name and the password."""
        secrets = [self.full, f"{self.shown}{self.path}" if self.path.strip("/") else ""]
        for word in (self.password, self.path if len(self.path) > 3 else "", self.user):
            secrets += [word, quote(word, safe=""), quote(word)] if word else []
        for secret in sorted(filter(None, secrets), key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
        return text


def _who(user: str | None, password: str | None, variables: Mapping[str, str]) -> tuple[str | None, str | None]:
    """
    Raises:
        UsageError: two users or two passwords, a password of nobody, or a name that can't be sent.
    """
    other, secret = variables.get(USER), variables.get(PASSWORD)
    if user is not None and other is not None:
        raise UsageError(f"name the user in the stream's address or in {USER}, not in both")
    if password is not None and secret is not None:
        raise UsageError(f"give the password in the stream's address or in {PASSWORD}, not in both")
    user, password = other if user is None else user, secret if password is None else password
    if password is not None and not user:
        raise UsageError(f"a password without a user: name the user in {USER}, or in the stream's address")
    if user is not None and ":" in user:
        raise UsageError("a user's name with a colon can't be sent to a camera")
    return user, password


def hide_argument(argument: str) -> None:
    """Overwrites a stream's address in this process's command line, which `ps` shows to everybody on the machine, but for its scheme and host.

    Linux alone has a place for it; elsewhere nothing is done.
    """
    wanted = argument.encode()
    with suppress(OSError, ValueError, IndexError):
        numbers = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        start, end = int(numbers[45]), int(numbers[46])  # arg_start and arg_end (proc(5): fields 48 and 49)
        if not 0 < start < end:
            return
        words: Any = ctypes.string_at(start, end - start)
        place = words.find(wanted)
        while wanted and place >= 0:
            for first, last in _secret_parts(argument):
                ctypes.memset(start + place + first, ord("x"), last - first)
            place = words.find(wanted, place + len(wanted))


def _secret_parts(address: str) -> list[tuple[int, int]]:
    """From where to where, in bytes: what is before the host, and what is behind it."""
    text = address.encode()
    begins = text.find(b"://") + 3
    ends = next((place for place in range(begins, len(text)) if text[place : place + 1] in b"/?#"), len(text))
    host = text.rfind(b"@", begins, ends) + 1 or begins
    return [(begins, max(host - 1, begins)), (min(ends + 1, len(text)), len(text))]
