"""Frigate's HTTP API, as much as is needed: the list of events, and a clean snapshot. One host, bounded answers, no redirects.

What its versions give, by their source:

* `GET /api/events` filters by when an event began (`after`, `before`), newest first; `in_progress=0` leaves out those that go on.
* The clean snapshot, with no box drawn and not cut, is `snapshot-clean.png` from 0.14 to 0.16, and `snapshot-clean.webp` from 0.17 on.
* `snapshot.jpg` of an event that has ended is the stored file in all of these, whatever the query asks: box, time and crop are as the
  camera's configuration says. It is taken only where somebody says that it is clean.
* Port 5000 asks for nothing. Port 8971 asks for a token: in a header, or in the cookie that `POST /api/login` sets.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlsplit

import httpx2

from rgbir.footage.frigate.errors import Gone, Later, PassedOver
from rgbir.footage.frigate.events import Page, of_list
from rgbir.index import UsageError, why

PAGE = 200
MOST_LIST = 32 * 1024 * 1024
MOST_PICTURE = 32 * 1024 * 1024
LONGEST_S = 30.0
"""Until an answer is whole."""
CLEAN = ("snapshot-clean.webp", "snapshot-clean.png")
STORED = "snapshot.jpg"
Asked = Mapping[str, str | int | float]
TOKEN, USER, PASSWORD = "RGBIR_FRIGATE_TOKEN", "RGBIR_FRIGATE_USER", "RGBIR_FRIGATE_PASSWORD"


def trusted(ca: Path | None) -> ssl.SSLContext:
    """Whose certificates are believed: the file's alone, or the machine's.

    Raises:
        UsageError: the file holds none.
    """
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"--ca is a file of certificates in PEM, and {ca} isn't: {why(error)}") from None


class FrigateApi:
    """Asks one Frigate. Not for several threads at once; close it, or use it in a `with` block.

    Args:
        url: its address, such as `http://frigate:5000`; a path before `/api` is kept.
        ca: certificates to trust in place of the machine's.
        stored: take `snapshot.jpg` where there is no clean snapshot.

    Raises:
        UsageError: an address that is none, or that holds a password.
    """

    def __init__(self, url: str, *, ca: Path | None = None, stored: bool = False) -> None:
        self._login = (os.environ.get(USER), os.environ.get(PASSWORD))
        token = os.environ.get(TOKEN)
        self._pictures = [*CLEAN, STORED] if stored else [*CLEAN]
        self._client = httpx2.Client(
            base_url=_expect_address(url),
            verify=trusted(ca),
            follow_redirects=False,
            trust_env=False,
            timeout=10.0,
            headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {}),
        )

    def version(self) -> str | None:
        """Frigate's, such as `0.16.1`; None if it doesn't say.

        Raises:
            Later: nobody answers.
        """
        try:
            text = self._get("api/version", {}, 200).decode("ascii", "replace").strip()
        except (Gone, PassedOver):
            return None
        return text if text.isprintable() and 0 < len(text) <= 40 else None

    def people(self, after: float, before: float | None) -> Page:
        """A page of persons whose tracks have ended, the latest first.

        Args:
            after, before: of tracks that began between these, seconds since 1970.

        Raises:
            Later: nobody answers, or no list came.
        """
        asked: Asked = {
            "after": after,
            "label": "person",
            "has_snapshot": 1,
            "in_progress": 0,
            "include_thumbnails": 0,
            "limit": PAGE,
            **({} if before is None else {"before": before}),
        }
        try:
            return of_list(self._get("api/events", asked, MOST_LIST))
        except (Gone, PassedOver) as error:
            raise Later(f"Frigate's list of events can't be had: {error}") from None
        except ValueError as error:
            raise Later(f"Frigate's list of events is none: {why(error)}") from None

    def snapshot(self, event: str) -> bytes:
        """The file of an event's clean snapshot.

        Raises:
            Gone: there is none, or not yet.
            Later: nobody answers.
            PassedOver: it is too large, or Frigate says it is damaged.
        """
        for name in [*self._pictures]:
            try:
                asked: Asked = {"crop": 0, "bbox": 0, "timestamp": 0} if name == STORED else {}
                data = self._get(f"api/events/{quote(event, safe='')}/{name}", asked, MOST_PICTURE)
            except Gone:
                continue
            if name != STORED and self._pictures[0] != name:  # this version's name first from now on
                self._pictures.sort(key=lambda other: (other == STORED, other != name))
            return data
        raise Gone(
            f"Frigate has no clean snapshot of event {event}: it may be too old, or snapshots.clean_copy is off for the camera"
        )

    def _get(self, path: str, asked: Asked, most: int) -> bytes:
        status, body = self._answer("GET", path, most, params=asked)
        if status == 401 and all(self._login):
            self._log_in()
            status, body = self._answer("GET", path, most, params=asked)
        if status == 200:
            return body
        if status in (401, 403):
            raise Later(f"Frigate asks who we are ({status}): set {TOKEN}, or {USER} and {PASSWORD}")
        if status == 404:
            raise Gone(f"Frigate has no {path}")
        if 300 <= status < 400:
            raise Later(
                f"Frigate sends us elsewhere ({status}), and we don't go: give the address that answers as --url"
            )
        if 400 <= status < 500 and status not in (408, 425, 429):
            raise PassedOver("unreadable", f"Frigate can't give {path} ({status})")
        raise Later(f"Frigate answers {status}")

    def _log_in(self) -> None:
        user, password = self._login
        status, _ = self._answer("POST", "api/login", 65_536, json={"user": user, "password": password})
        if status != 200:
            raise Later(f"Frigate refuses the login ({status}): correct {USER} and {PASSWORD}")

    def _answer(self, method: str, path: str, most: int, **rest: object) -> tuple[int, bytes]:
        """The status, and the whole body of a 200."""
        begun = time.monotonic()
        try:
            with self._client.stream(method, path, **rest) as response:  # type: ignore[arg-type]
                if response.status_code != 200:
                    return response.status_code, b""
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise PassedOver("unreadable", f"Frigate packed its answer to {path}, which nobody asked for")
                body = bytearray()
                for part in response.iter_raw():
                    body += part
                    if len(body) > most:
                        raise PassedOver("too large", f"Frigate's answer to {path} has over {most:,} bytes")
                    if time.monotonic() - begun > LONGEST_S:
                        raise Later(f"Frigate's answer to {path} isn't whole after {LONGEST_S:g} s")
                return 200, bytes(body)
        except httpx2.HTTPError as error:
            raise Later(f"Frigate doesn't answer: {_because(error)}") from None

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _because(error: BaseException) -> str:
    """Why, of the first error that says it; none of them holds what was sent."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            return why(cause)
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _expect_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or parts.query or parts.fragment:
        raise UsageError(
            "--url is Frigate's address with http:// or https://, such as http://frigate:5000, and nothing behind it"
        )
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"--url holds a name or a password, which others can see; set {USER} and {PASSWORD} instead")
    return url.rstrip("/") + "/"
