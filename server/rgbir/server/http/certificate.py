"""The certificate of a server with TLS: read and checked as a pair with its key, and taken again when its files change."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rgbir.index import why
from rgbir.server.access.private import expect_private
from rgbir.server.errors import BadSettings

_log = logging.getLogger(__name__)
LOOK_S = 1.0
"""Seconds between two looks at the files; a change is taken once they rested for one."""

_Seen = tuple[tuple[int, ...] | None, ...]


class Pair(NamedTuple):
    """A certificate with its key, ready to serve.

    Attributes:
        context: what a connection is served with.
        expires_at: when the certificate ends, in seconds since 1970.
    """

    context: ssl.SSLContext
    expires_at: float


class Certificate:
    """What new connections are served with: always a whole pair that matches, whatever becomes of its files.

    Attributes:
        pair: the one in use.
        refused: why what the files hold now isn't in use; None where it is.

    Raises:
        BadSettings: the files are no pair, or others can read the key.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate, self._key = certificate, key
        self._judged = self._before = self._seen()
        self.pair = self._loaded()
        self.refused: str | None = None
        if self.pair.expires_at < datetime.now(UTC).timestamp():
            _log.error("the certificate %s has ended; clients will refuse it", certificate)

    async def go_on(self) -> None:
        """Looks at the files until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await asyncio.to_thread(self.look)

    def look(self, at_once: bool = False) -> None:
        """Takes the pair in the files if it is another and good; if it isn't good, the one in use stays, and the log says why.

        Args:
            at_once: without waiting for the files to rest.
        """
        seen, before = self._seen(), self._before
        self._before = seen
        if seen == self._judged or not (at_once or seen == before):
            return
        try:
            pair = self._loaded()
        except BadSettings as error:
            if self._seen() == seen:  # else they are being written, and the next look judges
                self._judged, self.refused = seen, str(error)
                _log.error("%s; connections go on with the certificate before", error)
            return
        self._judged, self.refused, self.pair = seen, None, pair
        _log.info("took the certificate %s, which ends on %s", self._certificate, _day(pair.expires_at))

    def _seen(self) -> _Seen:
        """What tells whether a file changed; a mounted secret is changed by its link."""
        states: list[tuple[int, ...] | None] = []
        for file in (self._certificate, self._key):
            try:
                status = file.stat()
            except OSError:
                states.append(None)
            else:
                states.append((status.st_mtime_ns, status.st_ino, status.st_dev, status.st_size, status.st_mode))
        return tuple(states)

    def _loaded(self) -> Pair:
        """
        Raises:
            BadSettings: the files are no pair, or others can read the key.
        """
        try:
            expect_private(self._key)
            expires_at = _end_of(self._certificate)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.options |= ssl.OP_NO_RENEGOTIATION
            context.set_alpn_protocols(["http/1.1"])
            context.load_cert_chain(self._certificate, self._key, self._passphrase)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise BadSettings(
                    f"the key {self._key} isn't that of the certificate {self._certificate}; name two files of one pair"
                ) from error
            raise BadSettings(
                f"{self._certificate} and {self._key} are no certificate and key in PEM that can be used"
                f" ({error.reason or error}); the certificate comes first in its file, then its intermediate ones"
            ) from error
        except OSError as error:
            lost = [str(file) for file in (self._certificate, self._key) if not os.access(file, os.R_OK)]
            files = " and ".join(lost) or "the certificate's files"
            raise BadSettings(f"{files} can't be read: {why(error)}") from error
        return Pair(context, expires_at)

    def _passphrase(self) -> str:
        raise BadSettings(
            f"the key {self._key} has a passphrase, which nobody could type: `openssl pkey -in {self._key} -out FILE`"
            " takes it off; keep the file to the server's user"
        )


def _end_of(certificate: Path) -> float:
    """When the first certificate of a file ends, in seconds since 1970.

    Raises:
        BadSettings: there is none.
        OSError: the file can't be read.
    """
    text = certificate.read_text(encoding="ascii", errors="replace")
    start, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    _, begun, rest = text.partition(start)
    content, ended, _ = rest.partition(end)
    try:
        if not begun or not ended:
            raise ValueError("no whole certificate")
        return _not_after(ssl.PEM_cert_to_DER_cert(start + content + end))
    except (ValueError, IndexError) as error:
        raise BadSettings(f"{certificate} is no certificate in PEM: {error}; name the file with the chain") from error


def _not_after(certificate: bytes) -> float:
    """RFC 5280: a certificate begins with version, serial number, algorithm and issuer; then from when until when it holds."""
    (_, whole), *_ = _values(certificate)
    (_, signed), *_ = _values(whole)
    values = [value for value in _values(signed) if value[0] != 0xA0]  # the version may be left out
    _, (tag, until) = _values(values[3][1])[:2]
    text = until.decode("ascii")
    if tag == 0x17:  # two digits of the year, from 1950 to 2049
        text = ("20" if int(text[:2]) < 50 else "19") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _values(content: bytes) -> list[tuple[int, bytes]]:
    """DER's values, one after another: tag and content."""
    values, at = [], 0
    while at < len(content):
        tag, size, at = content[at], content[at + 1], at + 2
        if size & 0x80:
            width = size & 0x7F
            size, at = int.from_bytes(content[at : at + width], "big"), at + width
        values.append((tag, content[at : at + size]))
        at += size
    return values


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
