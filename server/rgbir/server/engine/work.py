"""What a job is, whatever it works through: how far it is, and what lies beside its file for the next server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict

MOST_REASONS = 100
Kind = Literal["archive", "footage"]
State = Literal["waiting", "running", "done", "cancelled", "failed"]


class Film(BaseModel):
    """Of a job that works through a film: the film, what is to be done with it, and how far that is.

    Attributes:
        name: the film's, without folders.
        called: its path as whoever sent it calls it, whose names may tell its time.
        camera: the id of the camera that recorded it.
        sha256: of the film: 64 hexadecimal digits.
        fields: as they were sent: start, name_time, zone, offset, drift, right_at, sample, shots, confidence, trust_frames.
        purpose, case: why, as it was stated.
        point: how far it is, in the words of the part that works through it.
        found_by: the detector's fingerprint, or `motion`.
        seconds: how long the film is; None where it doesn't say, or before it is known.
        seconds_done: seconds of it that are worked through.
        tracks, shots: of people who passed, and their pictures.
        start: when its first frame was taken; None where nobody knows.
        time_from: where that comes from.
        remarks: what is worth knowing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    called: str
    camera: str
    sha256: str
    fields: dict[str, Any] = {}
    purpose: str | None = None
    case: str | None = None
    point: str | None = None
    found_by: str = "motion"
    seconds: float | None = None
    seconds_done: float = 0.0
    tracks: int = 0
    shots: int = 0
    start: AwareDatetime | None = None
    time_from: str = "unknown"
    remarks: tuple[str, ...] = ()

    @property
    def last(self) -> datetime | None:
        """When the last frame was taken that is worked through; None where nobody knows."""
        return None if self.start is None else self.start + timedelta(seconds=self.seconds_done)


class Note(BaseModel):
    """What lies beside a job's file for the next server; its fields are those of `Job`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    who: str
    total: int
    cameras: tuple[str, ...] | None
    made_at: AwareDatetime
    kind: Kind = "archive"
    film: Film | None = None
    since: int = 0
    done: int = 0
    added: int = 0
    present: int = 0
    skipped: int = 0
    skipped_by: dict[str, int] = {}
    reasons: dict[str, str] = {}


@dataclass(slots=True, eq=False)
class Job:
    """One archive, or one film.

    Attributes:
        id: its name, also of its file.
        who: the name of the key that sent it.
        total: files in the archive, or what its table names of them, see `Archive`; 1 of a film.
        cameras: those of the key that sent it; None is all.
        kind: what its file is.
        film: of a film, what is done with it.
        state: how far it is in a word.
        added, present, skipped: images or people's pictures that were enrolled, that were enrolled already, and that were passed over.
        skipped_by: how many for which kind of reason.
        reasons: of the first hundred files that were skipped, by name.
        error: what made it fail.
        made_at, ended_at: when it was received, and when it ended.
        since: the gallery's moment when it was received: what is erased after it isn't enrolled.
        done: of an archive's files, in order, those that a server needs not look at again.
    """

    id: str
    who: str
    total: int
    cameras: tuple[str, ...] | None = None
    kind: Kind = "archive"
    film: Film | None = None
    state: State = "waiting"
    added: int = 0
    present: int = 0
    skipped: int = 0
    skipped_by: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    since: int = 0
    done: int = 0

    @classmethod
    def noted(cls, name: str, note: Note) -> Job:
        """As it was when it was noted."""
        return cls(name, **{field: getattr(note, field) for field in Note.model_fields})

    def note(self) -> Note:
        return Note.model_validate(self, from_attributes=True)

    def skip(self, name: str, kind: str, reason: str) -> None:
        self.skipped += 1
        if kind in self.skipped_by or len(self.skipped_by) < MOST_REASONS:
            self.skipped_by[kind] = self.skipped_by.get(kind, 0) + 1
        if len(self.reasons) < MOST_REASONS:
            self.reasons[name] = reason


class Work(Protocol):
    """What is done with the files of one kind of jobs."""

    @property
    def suffix(self) -> str:
        """How the names of its files end in the folder of jobs."""

    async def do(self, job: Job, file: Path, reached: Callable[[], None]) -> None:
        """Works through a file, and counts in its job; when it is cancelled, what is on its way is finished first.

        Args:
            reached: notes how far the job is; once it returns, that is on disk. It may be called in any thread.

        Raises:
            IndexFailure, ServerFailure, OSError, BadZipFile: what makes the job fail.
        """

    async def end(self, job: Job, state: State, file: Path) -> None:
        """What is to be done when a job has ended for good, in that state, before its file is deleted.

        Raises:
            ServerFailure, OSError: it can't be.
        """
