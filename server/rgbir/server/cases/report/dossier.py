"""What a report is made of: a case as somebody sees it, and what is known of where it was searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rgbir.client.casework import Case, CaseAnswer
from rgbir.index import Robustness


@dataclass(frozen=True, slots=True)
class Measured:
    """How much the distances of two cameras were measured on.

    Attributes:
        genuine, strangers: pairs of sightings of one person, and of two.
    """

    genuine: int
    strangers: int


@dataclass(frozen=True, slots=True)
class Dossier:
    """A case as one key sees it.

    Attributes:
        case: without pictures that were erased, or that the key doesn't see.
        answers: of its searches, in order; what the key doesn't see isn't in them.
        measured: by pairs of cameras' names; pairs that are missing weren't measured.
        silent: names of the searched cameras without a sighting in the time that the last search asked for; None if nobody looked.
        errors: how often the model errs, and on what; None where nobody has measured it.
        figures: the model's measured results, by what was measured.
        model, fingerprint, generation: of the model and the gallery now.
        entries: numbers of the first and last entry of the audit log; None where that isn't known.
        signed_by: fingerprint of the key that signs the case's ZIP, if one does.
        made_by, made_at: who asked for it, and when.
        files: where the ZIP has each picture, by its id.
    """

    case: Case
    answers: tuple[CaseAnswer, ...]
    measured: Mapping[frozenset[str], Measured]
    silent: tuple[str, ...] | None
    errors: Robustness | None
    figures: Mapping[str, Mapping[str, Any]]
    model: str
    fingerprint: str
    generation: int
    entries: tuple[int, int] | None
    signed_by: str | None
    made_by: str
    made_at: datetime
    files: Mapping[str, str] = field(default_factory=dict)
