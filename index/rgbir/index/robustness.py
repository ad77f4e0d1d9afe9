"""How often a model errs, and on what: the form of `rgbir evaluate --report robustness`, and where a bundle has it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from rgbir.index.bundle import Bundle
from rgbir.index.errors import BadBundle
from rgbir.index.words import why

_log = logging.getLogger(__name__)

ERRORS = "errors.json"
"""The report's name in a bundle's folder. No sum of the card covers it, and no embedding depends on it."""
ERRORS_COMMAND = "rgbir evaluate --data DATA --bundle BUNDLE --report robustness --report BUNDLE/errors.json"
"""Measures it, and puts it where every answer names it."""


class Estimate(BaseModel, frozen=True, extra="forbid"):
    """A share or a mean, 0 to 1, and the ends of its 95 % interval."""

    value: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)


class Slice(BaseModel, frozen=True, extra="forbid"):
    """Some of the probes. Without a figure, `why` says why there is none.

    Attributes:
        name: which ones, with units.
        probes, identities: how many there are.
    """

    name: str
    probes: int
    identities: int
    rank_1: Estimate | None = None
    mean_ap: Estimate | None = None
    mean_inp: Estimate | None = None
    why: str = ""


class Property(BaseModel, frozen=True, extra="forbid"):
    """One property, by which probes are divided.

    Attributes:
        name: such as crop size.
        of: whose it is: the probe's, or that of the rows sought.
        measure: how it is measured, in words, with units.
        slices: none where it can't be told; `unknown` says why.
    """

    name: str
    of: Literal["probe", "rows sought", "both"]
    measure: str
    slices: tuple[Slice, ...] = ()
    unknown: str = ""


class Accepts(BaseModel, frozen=True, extra="forbid"):
    """What an answer's verdict is worth, for the probes of one camera.

    Attributes:
        camera: of the probes. searched: the camera that was searched, or `all`.
        probes, identities: whom nobody else in the gallery shows.
        false_accepts: share of searches without the person in the gallery that are called a lead all the same.
        right_leads: share of searches with the person in the gallery whose first hit is right, and that are called a lead.
        passing: share of right first hits that are called a lead.
        why: there is no figure.
    """

    camera: str
    searched: str
    probes: int
    identities: int
    false_accepts: Estimate | None = None
    right_leads: Estimate | None = None
    passing: Estimate | None = None
    why: str = ""


class Side(BaseModel, frozen=True, extra="forbid"):
    """The probes of one modality.

    Attributes:
        probes: their modality.
        whole: all of them.
        properties: by which they are divided.
        pairs: searches of one camera alone, by the probe's camera.
        accepts: what the verdict is worth.
    """

    probes: Literal["infrared", "visible"]
    whole: Slice
    properties: tuple[Property, ...]
    pairs: tuple[Slice, ...]
    accepts: tuple[Accepts, ...]


class Robustness(BaseModel, frozen=True, extra="forbid"):
    """How often a model errs, and on what.

    Attributes:
        protocol: the rules and what was chosen.
        about: the model, its fingerprint, the data, and versions.
        sides: one, or two where both modalities ask.
    """

    report: Literal["robustness"] = "robustness"
    format: Literal[1] = 1
    protocol: dict[str, str]
    about: dict[str, str]
    sides: tuple[Side, ...]


def errors_of(bundle: Bundle, fingerprint: str) -> Robustness | None:
    """The report in the bundle's folder, if it has one and it is of this model; None where nobody has measured it.

    Args:
        fingerprint: of the embeddings that are compared; a runner's may be others than the card's.
    """
    file = bundle.folder / ERRORS
    if not file.exists():
        return None
    try:
        report = read_errors(file)
    except BadBundle as error:
        _log.warning("%s", error)
        return None
    if (measured := report.about.get("fingerprint")) != fingerprint:
        _log.warning(
            "%s is of model %s, and %s answers; measure again with: %s", file, measured, fingerprint, ERRORS_COMMAND
        )
        return None
    return report


def read_errors(file: Path) -> Robustness:
    """
    Raises:
        BadBundle: it can't be read, or isn't such a report.
    """
    try:
        return Robustness.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise BadBundle(
            f"{file} is no report of `rgbir evaluate --report robustness`: {why(error)}; measure again"
        ) from error
