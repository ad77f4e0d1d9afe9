"""The report as a document: a template that escapes all, one style with its hash, and a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from rgbir.index import UsageError
from rgbir.server.cases.report.dossier import Dossier
from rgbir.server.cases.report.texts import Language, Words, offset
from rgbir.server.cases.report.view import View

Paper = Literal["a4", "letter"]
_SIZES = {"a4": "A4", "letter": "letter"}
_HERE = files("rgbir.server") / "cases/report"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a report is to be written.

    Attributes:
        language, paper: of the document, and that it is printed on.
        zone: whose clocks it shows.
    """

    language: Language
    paper: Paper
    zone: str

    def clock(self) -> ZoneInfo:
        """
        Raises:
            UsageError: there is no such zone.
        """
        try:
            return ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise UsageError(f"no zone {self.zone[:80]!r}; name one of IANA's, such as Europe/Berlin or UTC") from error


class Page:
    """One report.

    Args:
        picture: gives a picture's `data:` URI by its id; None if it can't be shown.

    Attributes:
        policy: the Content-Security-Policy to send with it.

    Raises:
        UsageError: there is no such zone.
    """

    def __init__(self, dossier: Dossier, manner: Manner, picture: Callable[[str], str | None]) -> None:
        self._words = Words(manner.language)
        self._view = View(dossier, self._words, manner.clock())
        self._picture = picture
        self._command = f"rgbir evidence verify {zip_name(dossier.case.number)} --key KEY.pub"
        if dossier.signed_by is None:
            self._command = self._command.removesuffix(" --key KEY.pub")
        made = self._view.local(dossier.made_at)
        self._zone = f"{manner.zone} ({offset(made)})" if manner.zone != "UTC" else "UTC"
        self._style = self._styled(manner.paper)
        inside = f"default-src 'none'; img-src data:; style-src 'sha256-{_hash(self._style)}'; base-uri 'none'; form-action 'none'"
        self._inside = inside
        self.policy = f"{inside}; frame-ancestors 'none'; sandbox"

    def pieces(self) -> Iterator[bytes]:
        """The document, piece by piece: no more than one picture is held."""
        made = _template().generate(
            view=self._view,
            t=self._words,
            dossier=self._view.dossier,
            policy=self._inside,
            style=Markup(self._style),
            picture=self._picture,
            command=self._command,
            zone=self._zone,
        )
        return (piece.encode("utf-8", "replace") for piece in made)

    def _styled(self, paper: Paper) -> str:
        """The style with what stands at the foot of each printed page, which only a style can number."""
        t = self._words
        foot = {
            "SIZE": _SIZES[paper],
            "LEFT": _quoted(f"{t('check')}: {self._command}     {t('clocks')}: {self._zone}"),
            "RIGHT": f"{_quoted(t('page') + ' ')} counter(page) {_quoted(' ' + t('page_of') + ' ')} counter(pages)"
            f" {_quoted(' ' + t('page_end'))}",
        }
        return re.sub(r"\b(SIZE|LEFT|RIGHT)\b", lambda place: foot[place[0]], _text("report.css"))


def zip_name(number: str) -> str:
    """What a case's ZIP is called, in letters that every system takes."""
    return f"case-{re.sub(r'[^A-Za-z0-9._-]+', '_', number)[:60].strip('.') or 'x'}.zip"


def _quoted(text: str) -> str:
    """A string of CSS, in which nothing but letters, digits and a few signs stands as it is."""
    return '"' + "".join(c if c.isalnum() or c in " .,:_-/+()" else f"\\{ord(c):06x}" for c in text) + '"'


def _hash(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


@cache
def _text(name: str) -> str:
    return _HERE.joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_text("report.html"))
