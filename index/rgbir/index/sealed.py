"""A folder with a card that has the sums of all its files: what the bundles of encoders and of detectors have in common."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from rgbir.index.errors import BadBundle, UsageError
from rgbir.index.files import state_of
from rgbir.index.words import why

FORMAT = 1
CARD = "card.json"
Kind = Literal["encoder", "detector"]
_MADE_FOR: dict[str, str] = {
    "encoder": "an encoder, which makes embeddings of people; it is what --bundle takes",
    "detector": "a detector, which finds people in pictures; it is what --detector takes",
}


class SealingCard(Protocol):
    """What every card says.

    Attributes:
        name: of the bundle.
        files: the sha256 of every file but the card, by name.
    """

    @property
    def name(self) -> str: ...

    @property
    def files(self) -> dict[str, str]: ...


C = TypeVar("C", bound=SealingCard)
M = TypeVar("M", bound=BaseModel)


class SealedFolder(Generic[C]):
    """A bundle's folder, its files compared with the card's sums.

    Attributes:
        folder: where it is.
        card: what it says of itself.

    Raises:
        BadBundle: a file that is missing or altered.
    """

    def __init__(self, folder: Path, card: C) -> None:
        self.folder, self.card = folder, card
        for name, expected in card.files.items():
            actual = sha256(folder / name)
            if actual != expected:
                raise BadBundle(
                    f"{folder / name} is not the file the card describes (sha256 {actual[:12]}…, card {expected[:12]}…); export or copy the bundle again"
                )

    def read(self, name: str) -> bytes:
        """A file's bytes, read once and compared with the card's sum: what is loaded is what the fingerprint names.

        Raises:
            BadBundle: it is altered, or can't be read.
        """
        try:
            content = (self.folder / name).read_bytes()
        except OSError as error:
            raise BadBundle(f"{self.folder / name} can't be read: {why(error)}") from error
        if hashlib.sha256(content).hexdigest() != self.card.files[name]:
            raise BadBundle(f"{self.folder / name} is not the file the card describes; export or copy the bundle again")
        return content

    def state(self) -> dict[str, tuple[int, ...] | None]:
        """What changes when somebody touches a file, by name; None for one that is gone."""
        return {name: state_of(self.folder / name) for name in (CARD, *self.card.files)}


def sha256(file: Path) -> str:
    """In hexadecimal.

    Raises:
        BadBundle: the file isn't there.
    """
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except FileNotFoundError:
        raise BadBundle(f"{file} is missing; the bundle is incomplete, export or copy it again") from None


def read_card(folder: Path, form: type[M], kind: Kind) -> M:
    """The card of a bundle of that kind. A card that names no kind is an encoder's.

    Raises:
        BadBundle: there is none, it is of another kind or format, or it isn't whole.
    """
    file = folder / CARD
    if not file.is_file():
        raise BadBundle(f"{folder} is not a bundle: no {CARD}; expected a folder that `rgbir export` wrote")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(content, dict) and (other := content.get("kind", "encoder")) != kind and other in _MADE_FOR:
            raise BadBundle(f"{folder} is {_MADE_FOR[other]}; here {_MADE_FOR[kind].partition(';')[0]}, is expected")
        if isinstance(content, dict) and content.get("format") != FORMAT:
            raise BadBundle(
                f"{file} has format {content.get('format')!r}; this version reads format {FORMAT}: update rgbir, or export again"
            )
        return form.model_validate(content)
    except (ValidationError, ValueError, UsageError) as error:
        raise BadBundle(f"{file} is not a card: {why(error)}") from error


def expect_own_files(files: dict[str, str], named: set[str]) -> None:
    """
    Raises:
        ValueError: a graph that is no file of the bundle, or a file outside of its folder.
    """
    missing = sorted(named - files.keys())
    if not named or missing:
        raise ValueError(f"graphs must name files of the bundle; not listed under files: {missing}")
    outside = [name for name in files if Path(name).name != name]
    if outside:
        raise ValueError(f"files lie in the bundle's own folder; these don't: {outside}")
