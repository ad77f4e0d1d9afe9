"""Who may do what: bearer tokens, kept as hashes in one file, each with a role and perhaps with cameras.

The file is read again when it changes, so a key is added, rotated or revoked without a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from rgbir.index import changing, listed, replace_file, why
from rgbir.server.errors import BadSettings

PREFIX = "rgbir_"
FORMAT: Literal[1] = 1
MOST_DAYS, MOST_NAME = 36_500, 200


class Role(StrEnum):
    """SEARCH asks; ENROL adds images; EXPORT takes embeddings, which are templates of people; MONITOR reads metrics; ADMIN does
    everything, erases and reads the audit log."""

    SEARCH = "search"
    ENROL = "enrol"
    EXPORT = "export"
    MONITOR = "monitor"
    ADMIN = "admin"


class Key(BaseModel):
    """One key as it is kept.

    Attributes:
        name: says whose it is in the audit log; no two keys share one.
        role: what it may do.
        cameras: the only ones whose sightings it may see or add; None is all.
        sha256: of the token.
        made_at, expires_at: when it was made and when it ends; None is never.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    role: Role
    cameras: tuple[str, ...] | None = None
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    made_at: AwareDatetime
    expires_at: AwareDatetime | None = None

    def may(self, *roles: Role) -> bool:
        return self.role is Role.ADMIN or self.role in roles

    def sees(self, camera: str) -> bool:
        return self.cameras is None or camera in self.cameras

    def of(self, id_of: Callable[[str], str]) -> Key:
        """The key with its cameras by their ids, whatever they were called when it was made."""
        if self.cameras is None:
            return self
        return self.model_copy(update={"cameras": tuple(dict.fromkeys(map(id_of, self.cameras)))})


ANYONE = Key(name="anyone", role=Role.ADMIN, sha256="", made_at=datetime(1970, 1, 1, tzinfo=UTC))
"""Who asks a server without keys: whoever reaches it, and it listens on its own machine."""


class _Numbered(BaseModel):
    """As much of a file as one of any format has."""

    format: int = FORMAT


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    keys: tuple[Key, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for what in ("name", "sha256"):
            often = [value for value, times in Counter(getattr(key, what) for key in self.keys).items() if times > 1]
            if often:
                raise ValueError(f"two keys have the {what} {often[0]!r}; each has its own")
        return self


class Keyring:
    """The keys in a file.

    Raises:
        BadSettings: the file is none of keys, or of a newer format.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._seen: tuple[int, ...] | None = None
        self._latest = datetime.min.replace(tzinfo=UTC)
        """The latest time seen: a clock that is set back brings no key back to life."""
        self._keys: tuple[Key, ...] = ()
        self._gone = False
        self._read()

    def _read(self) -> None:
        """As the file is now; one that can't be read any more lets nobody in."""
        try:
            status = self.file.stat()
            if status.st_mode & stat.S_IWOTH:
                self._keys, self._seen = (), None
                raise BadSettings(
                    f"anybody on this machine may write to {self.file}, and let themselves in: chmod 600 it"
                )
            seen = (status.st_mtime_ns, status.st_ino, status.st_dev, status.st_size)
            if seen != self._seen:
                content = self.file.read_bytes()
                there = _Numbered.model_validate_json(content).format
                if there > FORMAT:
                    self._keys, self._seen = (), None
                    raise BadSettings(
                        f"{self.file} has format {there}; this version reads format {FORMAT}: update rgbir"
                    )
                self._keys = _File.model_validate_json(content).keys
                self._seen = seen
        except FileNotFoundError as error:
            known, self._keys, self._seen = self._seen, (), None
            if known is not None or self._gone:
                self._gone = True
                raise BadSettings(f"{self.file} was moved or deleted; put it back") from error
        except (OSError, ValidationError) as error:
            self._keys, self._seen = (), None
            raise BadSettings(f"{self.file} is no file of keys: {why(error)}; `rgbir keys add` makes one") from error

    @property
    def keys(self) -> tuple[Key, ...]:
        self._read()
        return self._keys

    def find(self, token: str) -> Key | None:
        """Whose token this is; None for nobody's, and for one that has expired. Takes the same time whoever it is."""
        digest, match = _digest(token), None
        for key in self.keys:
            if hmac.compare_digest(key.sha256, digest):
                match = key
        self._latest = max(self._latest, datetime.now(UTC), *(key.made_at for key in self._keys))
        return None if match is None or (match.expires_at and match.expires_at <= self._latest) else match

    @property
    def latest(self) -> datetime:
        """The latest time seen, of this clock or of a key that was made."""
        return self._latest

    def not_before(self, moment: datetime) -> None:
        """It was as late as that before, whatever the clock says."""
        self._latest = max(self._latest, moment)

    def ended_since(self, moment: datetime) -> bool:
        """Whether a key ended after that, by the latest time seen."""
        return any(key.expires_at and moment < key.expires_at <= self._latest for key in self._keys)

    def check(self) -> None:
        """Whether the keys can be read.

        Raises:
            BadSettings: they can't.
        """
        self._read()

    def add(
        self,
        name: str,
        role: Role,
        cameras: Sequence[str] | None = None,
        days: int | None = None,
        until: datetime | None = None,
    ) -> str:
        """Makes a key and returns its token, which is kept nowhere.

        Args:
            until: it ends then at the latest.

        Raises:
            BadSettings: there is one of that name.
        """
        with self._alone():
            if any(key.name == name for key in self.keys):
                raise BadSettings(f"there is a key {name!r} already; rotate or revoke it, or choose another name")
            return self._put(name, role, None if cameras is None else tuple(cameras), days, until)

    def rotate(self, name: str, days: int | None = None) -> str:
        """A new token for that key; the old one ends."""
        with self._alone():
            old = self._named(name)
            return self._put(name, old.role, old.cameras, days)

    def revoke(self, name: str) -> None:
        """Ends that key."""
        with self._alone():
            self._named(name)
            self._write(tuple(key for key in self.keys if key.name != name))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process changes the file at a time, from reading it to writing it; the others wait."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with changing(self.file.parent):
                yield
        except OSError as error:
            raise BadSettings(f"{self.file} can't be written: {why(error)}; nothing was changed") from error

    def _named(self, name: str) -> Key:
        for key in self.keys:
            if key.name == name:
                return key
        known = listed(key.name for key in self.keys) if self.keys else "none at all"
        raise BadSettings(f"no key {name!r} in {self.file}; it has: {known}")

    def _put(
        self,
        name: str,
        role: Role,
        cameras: tuple[str, ...] | None,
        days: int | None,
        until: datetime | None = None,
    ) -> str:
        token, now = PREFIX + secrets.token_urlsafe(32), datetime.now(UTC)
        check_new(name, days)
        lasts = [] if days is None else [now + timedelta(days=days)]
        ends = min([*lasts, *([] if until is None else [until])], default=None)
        new = Key(name=name, role=role, cameras=cameras, sha256=_digest(token), made_at=now, expires_at=ends)
        self._write((*(key for key in self.keys if key.name != name), new))
        return token

    def _write(self, keys: tuple[Key, ...]) -> None:
        replace_file(self.file, _File(keys=keys).model_dump_json(indent=1) + "\n", mode=0o600)


def check_new(name: str, days: int | None) -> None:
    """What a key may be called, and how long it may last.

    Raises:
        BadSettings: it may not.
    """
    if not name.strip() or len(name) > MOST_NAME or not name.isprintable():
        raise BadSettings(f"a key's name has 1 to {MOST_NAME} characters that can be printed, not {name[:80]!r}")
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise BadSettings(f"a key lasts 1 to {MOST_DAYS:,} days, not {days:,}; leave it out for one that doesn't end")


def _digest(token: str) -> str:
    """A token has 256 random bits, so one round is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
