"""What a ZIP of evidence says of itself: the manifest, and the part of `case.json` that is held against the other files."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT = 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
CASE, LOG, REPORT = "case.json", "audit.jsonl", "report.html"
MODEL, GALLERY, README = "model.json", "gallery.json", "README.txt"
PARTS = (README, REPORT, CASE, MODEL, GALLERY, LOG)
"""Files that every case has, beside its pictures, the manifest and the signature."""
Sum = Field(pattern=r"^[0-9a-f]{64}$")


class Stated(BaseModel):
    """A newer version may add fields, which an older one passes over."""

    model_config = ConfigDict(frozen=True)


class ListedFile(Stated):
    """A file of the ZIP.

    Attributes:
        bytes: its size.
        sha256: of its bytes.
    """

    name: str
    bytes: int = Field(ge=0)
    sha256: str = Sum


class LogEntry(Stated):
    """An entry of the audit log, by which the log can be recognised."""

    n: int = Field(ge=1)
    hash: str = Sum


class OfLog(Stated):
    """The part of an audit log that a case's entries are of.

    Attributes:
        head: the log's last entry when the ZIP was made.
        begins: the number of the first entry that the log's file had, and begins_at its time; entries before it were rotated away.
        first, last: numbers of the case's first and last entry.
        entries: how many of the case.
    """

    head: LogEntry
    begins: int = Field(ge=1)
    begins_at: datetime
    first: int
    last: int
    entries: int


class SignedBy(Stated):
    """The key that signed the manifest.

    Attributes:
        fingerprint: sha256 of the public key's 32 bytes.
        public_key: these bytes in hexadecimal. Whose they are is for the reader to know.
    """

    fingerprint: str = Sum
    public_key: str = Sum


class Numbered(Stated):
    """As much of a manifest as one of any format has."""

    format: int = FORMAT


class CaseName(Stated):
    id: str
    number: str


class Manifest(Stated):
    """What is in the ZIP, and from where.

    Attributes:
        made_by: the name of the key that asked for it.
        rgbir: the server's version.
        signed_by: None where it is unsigned.
        files: all but the manifest and its signature, in the ZIP's order.
    """

    format: Literal[1] = 1
    case: CaseName
    made_at: datetime
    made_by: str
    rgbir: str
    audit: OfLog
    signed_by: SignedBy | None = None
    files: tuple[ListedFile, ...]


class KeptPicture(Stated):
    """A picture in `case.json`.

    Attributes:
        file: where the ZIP has it; None where nothing is kept of it.
        sha256: of that file.
    """

    id: str
    kind: Literal["query", "hit"]
    file: str | None = None
    sha256: str | None = None
    sighting: str | None = None
    erased_at: datetime | None = None


class KeptMark(Stated):
    n: int
    picture: str
    mark: str
    who: str
    at: datetime
    search: int | None = None
    withdrawn_at: datetime | None = None


class KeptCase(Stated):
    """`case.json`, as far as other files are held against it."""

    id: str
    number: str
    pictures: tuple[KeptPicture, ...]
    marks: tuple[KeptMark, ...]


def grouped(fingerprint: str) -> str:
    """Its first 16 digits in groups of four, as people compare them."""
    return " ".join(fingerprint[place : place + 4] for place in range(0, 16, 4))
