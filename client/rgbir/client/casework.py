"""What travels of cases."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from rgbir.client.wire import (
    ERRORS_AT,
    CaseTouched,
    Coverage,
    ExcludedCamera,
    Hit,
    Modality,
    Model,
    Remark,
    UnderstoodQuery,
    Verdict,
    Wire,
)

Mark = Literal["same", "different", "unsure"]
CaseState = Literal["waiting", "open", "closed"]
Language = Literal["en", "de", "zh"]
Paper = Literal["a4", "letter"]
NOBODY = "nobody"
"""In place of a key's fingerprint, where evidence is unsigned."""


class CasePerson(Wire):
    name: str = Field(description="of the key")
    part: Literal["reader", "worker"] = Field(description="a reader looks; a worker searches, marks and notes, too")


class CaseHold(Wire):
    """A legal hold: nothing of the case is deleted while it lasts."""

    at: datetime
    who: str
    why: str


class CaseApproval(Wire):
    """A second person's word before the first search."""

    asked_at: datetime
    approver: str | None = Field(None, description="the only one who may give it; none is any other administrator")
    who: str | None = Field(None, description="who gave it, or refused it")
    at: datetime | None = Field(None, description="none while it is waited for")
    refused_at: datetime | None = None


class CaseHead(Wire):
    """A case without what it holds."""

    id: str
    number: str = Field(description="what people call it")
    title: str
    purpose: str
    basis: str = Field(description="the legal basis, where it was named")
    owner: str
    people: list[CasePerson] = Field(description="who else was let in")
    state: CaseState
    made_at: datetime
    changed_at: datetime
    keep_until: datetime = Field(description="it is deleted then, unless it is on hold")
    closed_at: datetime | None = None
    hold: CaseHold | None = None
    approval: CaseApproval | None = Field(None, description="where one is needed")
    access: Literal["read", "work", "own", "administer"] = Field(description="what the caller may do")
    approvable: bool = Field(False, description="the caller may approve or refuse it now")
    new: int = Field(0, description="hits that were new in searches since the caller's last look")


class CaseList(Wire):
    cases: list[CaseHead]


class CaseFilm(Wire):
    """Where in which recording somebody was seen."""

    name: str = Field(description="of its file")
    sha256: str = Field(description="of its file, by which the recording is found whatever it is called")
    seconds: float = Field(description="from its first frame")


class CasePicture(Wire):
    """A query's image or a hit, as the case keeps it. What was erased has kept its id and when; what is of a camera that the key doesn't
    see is blank."""

    id: str
    kind: Literal["query", "hit"]
    blank: bool = Field(False, description="of a camera that isn't the key's")
    erased_at: datetime | None = None
    name: str = Field("", description="of the file, or where the sighting came from")
    sighting: str | None = Field(None, description="a hit's id in the gallery")
    camera: str | None = None
    place: str | None = None
    modality: Modality | None = None
    taken_at: datetime | None = None
    identity: int | None = None
    track: str | None = None
    box: tuple[int, int, int, int] | None = Field(None, description="where the person is in a query")
    sha256: str | None = Field(None, description="of the bytes that the case keeps; none where the gallery had no crop")
    recording: str | None = Field(
        None, description="address of the moment in the site's video system, if the camera has one"
    )
    film: CaseFilm | None = Field(None, description="of a hit that was found in a recording")
    image: str | None = Field(None, description="path of the picture on this server")
    added_at: datetime
    added_by: str


class CaseMark(Wire):
    """What somebody decided about a hit. It stays when it is withdrawn; the last one that wasn't holds. On a picture that the key doesn't
    see it is blank: only who marked it when is told."""

    n: int
    picture: str = Field(description="of the case")
    blank: bool = Field(False, description="on a picture that isn't for the key")
    mark: Mark | None = Field(description="none where it is blank")
    note: str
    who: str
    at: datetime
    search: int | None = Field(None, description="in whose answer the hit stood")
    rank: int | None = Field(None, description="its rank there")
    strangers: float | None = Field(None, description="expected to be as near there")
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None


class CaseNote(Wire):
    n: int
    text: str
    who: str
    at: datetime


class CaseSearch(Wire):
    """A search of a case, without its hits: counts and options are of what the key sees. The query's camera and time are left out where all
    that was searched with is erased."""

    n: int
    who: str
    at: datetime
    purpose: str | None = None
    queries: list[str] = Field(description="the case's pictures that were searched with")
    like: str | None = Field(
        None,
        description="the sighting that was searched with in place of pictures; none where it is erased or not of the key's cameras",
    )
    options: dict[str, Any] = Field(description="those that were given")
    same: int = Field(description="hits marked same that were further shots")
    different: int = Field(description="hits marked different that were pushed back")
    hits: int
    new: int | None = Field(None, description="hits that no earlier search of the case had; none in the first one")
    verdict: Verdict
    searched_cameras: list[str]
    exact: bool
    generation: int
    model: Model


class CaseAnswer(CaseSearch):
    """A search with the answer as it was given. A hit that was erased since, or that the key doesn't see, is null."""

    query: UnderstoodQuery
    ranking: list[Hit | None]
    excluded_cameras: list[ExcludedCamera]
    coverage: Coverage | None = None
    remarks: list[Remark] = Field([])
    doubtful: bool | None = None
    errors: str | None = Field(None, description=f"{ERRORS_AT}, or where another model answers now")


class CaseNear(Wire):
    """A picture that looks like somebody who was erased. A person decides whether it goes, too."""

    picture: str
    erased_at: datetime
    distance: float


class Case(CaseHead):
    """A case with all that it holds, each in order."""

    pictures: list[CasePicture]
    marks: list[CaseMark]
    notes: list[CaseNote]
    searches: list[CaseSearch]
    near: list[CaseNear] = Field([], description="pictures that look like somebody who was erased")
    looked: int = Field(0, description="the last search that the caller has seen")


class AskedErasure(Wire):
    """An erasure that a legal hold is in the way of: one administrator asked for it, another decides."""

    id: str
    conditions: dict[str, Any] = Field(description="whom it means; ids are forgotten once it is decided")
    reason: str
    who: str
    at: datetime
    decided_by: str | None = Field(None, description="none while it waits")
    decided_at: datetime | None = None
    approved: bool | None = None
    removed: int | None = Field(None, description="sightings that left the gallery")
    cases: list[CaseTouched] = Field([], description="what cases hold of whom it means, while it waits")


class AskedErasures(Wire):
    erasures: list[AskedErasure]


class NearList(Wire):
    """Of all cases."""

    pictures: list[CaseNear]
    cases: dict[str, str] = Field(description="the number of each picture's case")


class Evidence(Wire):
    """A case that was written down as a ZIP."""

    file: Path
    bytes: int
    manifest: str = Field(description="sha256 of its manifest, which the server's audit log has, too")
    signed_by: str | None = Field(None, description="fingerprint of the key that signed it; none where it is unsigned")


class Report(Wire):
    """A case's report that was written to a file."""

    file: Path
    bytes: int
