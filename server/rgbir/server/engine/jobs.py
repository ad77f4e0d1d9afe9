"""Bulk enrolment that outlives its request: an archive of images, worked through beside the searches, with progress and an end.

An archive that was taken lies beside the gallery, in `GALLERY.jobs`, until its job has ended, with a note of how far the job is: a
server that was stopped or killed goes on there when it is started again. What a cancelled job has enrolled stays. What was
erased after an archive was received isn't enrolled from it. A server holds a lock on each of its archives, so that another one
with the same gallery leaves them alone.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import shutil
import uuid
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from rgbir.index import IndexFailure, replace_file
from rgbir.server.engine.archive import Archive, opened
from rgbir.server.engine.engine import Engine
from rgbir.server.engine.shots import Shot
from rgbir.server.errors import CantWrite, NotThere, ServerFailure, TooBusy

_log = logging.getLogger(__name__)
TOGETHER, MOST_WAITING, MOST_REASONS, KEPT = 16, 4, 100, 100
State = Literal["waiting", "running", "done", "cancelled", "failed"]


class _Note(BaseModel):
    """What lies beside an archive for the next server; its fields are those of `Job`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    who: str
    total: int
    cameras: tuple[str, ...] | None
    made_at: AwareDatetime
    since: int = 0
    done: int = 0
    added: int = 0
    present: int = 0
    skipped: int = 0
    skipped_by: dict[str, int] = {}
    reasons: dict[str, str] = {}


@dataclass(slots=True, eq=False)
class Job:
    """One archive.

    Attributes:
        id: its name, also of its file.
        who: the name of the key that sent it.
        total: files in it, or what its table names of them; see `Archive`.
        cameras: those of the key that sent it; None is all.
        state: how far it is in a word.
        added, present, skipped: of those, how many were enrolled, that were enrolled already, and that were passed over.
        skipped_by: how many for which kind of reason.
        reasons: of the first hundred files that were skipped, by name.
        error: what made it fail.
        made_at, ended_at: when it was received, and when it ended.
        since: the gallery's moment when it was received.
        done: of its files, in order, those that a server needs not look at again.
    """

    id: str
    who: str
    total: int
    cameras: tuple[str, ...] | None = None
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
    def noted(cls, name: str, note: _Note) -> Job:
        """As it was when it was noted."""
        return cls(name, **{field: getattr(note, field) for field in _Note.model_fields})

    def note(self) -> _Note:
        return _Note.model_validate(self, from_attributes=True)

    def skip(self, name: str, kind: str, reason: str) -> None:
        self.skipped += 1
        if kind in self.skipped_by or len(self.skipped_by) < MOST_REASONS:
            self.skipped_by[kind] = self.skipped_by.get(kind, 0) + 1
        if len(self.reasons) < MOST_REASONS:
            self.reasons[name] = reason


class Jobs:
    """One server's; one job runs at a time, a few may wait."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.folder = engine.galleries.jobs
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._claims: dict[str, int] = {}
        self._turn = asyncio.Lock()
        self._closing = False

    def resume(self) -> None:
        """Goes on with the archives that a server took, didn't finish, and has no more; the first that came first."""
        if not self.folder.is_dir():
            return
        for archive in self.folder.glob("*.zip"):
            if self._claim(archive) and not _note_of(archive).is_file():
                self._discard(archive)  # it came while the server was killed, and was never taken
        for unfinished in self.folder.glob("*.new"):
            if not unfinished.with_suffix("").with_suffix(".zip").exists():
                unfinished.unlink(missing_ok=True)
        unfinished_jobs = []
        for note in sorted(file for file in self.folder.glob("*.json") if file.is_file()):
            archive = note.with_suffix(".zip")
            if not archive.exists():
                note.unlink(missing_ok=True)
            elif archive.stem in self._claims:
                try:
                    unfinished_jobs.append(Job.noted(note.stem, _Note.model_validate_json(note.read_bytes())))
                except (ValidationError, OSError) as error:
                    self._give_up(note, error)
        for job in sorted(unfinished_jobs, key=lambda job: job.made_at):
            self._begin(job)

    def _claim(self, archive: Path) -> bool:
        """Whether this server holds that archive from now on; False if another one does, or it is gone."""
        try:
            descriptor = os.open(archive, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(descriptor), archive.stat()):
                raise FileNotFoundError  # another server took it for a leftover
        except OSError:
            os.close(descriptor)
            return False
        self._claims[archive.stem] = descriptor
        return True

    def _discard(self, archive: Path) -> None:
        """Deletes an archive with its note, and holds it no more."""
        with suppress(OSError):
            _note_of(archive).unlink(missing_ok=True)
        with suppress(OSError):
            archive.unlink(missing_ok=True)
        self._release(archive.stem)

    def _release(self, name: str) -> None:
        descriptor = self._claims.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)

    def waiting(self) -> list[str]:
        """Ids of the archives that were received for this gallery, by any of its servers, and aren't worked through."""
        return sorted(note.stem for note in self.folder.glob("*.json"))

    def _give_up(self, note: Path, error: Exception) -> None:
        """Whose archive it was, and which cameras it may go to, nobody can tell any more."""
        reason = "its note was damaged, so nobody can tell whose archive it was; it is deleted, send it again"
        _log.error("%s: %s: %s", note, reason, error)
        ended = datetime.now(UTC)
        self._jobs[note.stem] = Job(note.stem, "", 0, (), "failed", error=reason, ended_at=ended)
        self._discard(note.with_suffix(".zip"))

    def take(self, content: BinaryIO) -> Path:
        """Copies an archive to where jobs find it; once this returns, it is on disk.

        Raises:
            CantWrite: it isn't, and nothing is left of it.
        """
        archive = self.folder / f"{uuid.uuid4().hex}.zip"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            while archive.stem not in self._claims:  # another server that starts just now may take it for a leftover
                archive.touch(mode=0o600)
                self._claim(archive)
            with archive.open("r+b") as kept:
                shutil.copyfileobj(content, kept, 1 << 20)
                kept.flush()
                os.fsync(kept.fileno())
        except OSError as error:
            self._discard(archive)
            raise CantWrite(f"{self.folder}: the archive can't be kept: {error.strerror}; nothing was taken") from error
        return archive

    def refuse(self, archive: Path) -> None:
        """Forgets an archive that was taken and can't be a job."""
        self._discard(archive)

    def make_sure_of_room(self) -> None:
        """
        Raises:
            TooBusy: enough jobs are waiting.
        """
        if sum(job.state in ("waiting", "running") for job in self._jobs.values()) > MOST_WAITING:
            raise TooBusy(f"{MOST_WAITING} jobs are waiting already; come back when one has ended")

    async def start(self, archive: Path, who: str, cameras: tuple[str, ...] | None = None, since: int = 0) -> Job:
        """A job for an archive that was taken; it is deleted at the end.

        Args:
            cameras: those whose images may be added; all if None.
            since: the gallery's moment when the archive began to come: what is erased after it isn't enrolled from it.

        Raises:
            BadArchive: not a ZIP file.
            TooBusy: enough jobs are waiting.
            CantWrite: the disk is full.
        """
        self.make_sure_of_room()
        total = await self.engine.look(lambda: _count(archive))
        job = Job(archive.stem, who, total, cameras, since=since)
        try:
            self._write(job)
        except OSError as error:
            raise CantWrite(f"{self.folder}: the job can't be noted: {error.strerror}; nothing was taken") from error
        self._begin(job)
        return job

    def _write(self, job: Job) -> None:
        """Notes how far it is; once this returns, it is on disk.

        Raises:
            OSError: the disk is full, or the folder of jobs was replaced.
        """
        archive = self.folder / f"{job.id}.zip"
        if not os.path.samestat(os.fstat(self._claims[job.id]), archive.stat()):
            raise FileNotFoundError(errno.ENOENT, "the archive was replaced")
        replace_file(_note_of(archive), job.note().model_dump_json(), mode=0o600)

    def _begin(self, job: Job) -> None:
        self._jobs[job.id] = job
        for old in [other for other in self._jobs.values() if other.ended_at][: max(0, len(self._jobs) - KEPT)]:
            del self._jobs[old.id]
        self._tasks[job.id] = asyncio.create_task(self._run(job, self.folder / f"{job.id}.zip"))

    def all(self) -> list[Job]:
        """The oldest first."""
        return list(self._jobs.values())

    def get(self, name: str) -> Job:
        """That job.

        Raises:
            NotThere: no such job.
        """
        if name not in self._jobs:
            raise NotThere(f"no job {name!r}; it was never started, or the server was started anew since")
        return self._jobs[name]

    async def cancel(self, name: str) -> Job:
        """Ends it after the images that are on their way; what was enrolled stays."""
        job = self.get(name)
        if (task := self._tasks.get(name)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return job

    async def close(self) -> None:
        """Stops all of them; the next server goes on."""
        self._closing = True
        for name in list(self._tasks):
            await self.cancel(name)

    async def _run(self, job: Job, archive: Path) -> None:
        goes_on = False
        try:
            async with self._turn:
                job.state = "running"
                await self._enrol(job, archive)
            job.state = "done"
        except asyncio.CancelledError:
            job.state, goes_on = "cancelled", self._closing
            raise
        except (IndexFailure, ServerFailure, OSError, zipfile.BadZipFile) as error:
            job.state, job.error = "failed", str(error)
        finally:
            job.ended_at = datetime.now(UTC)
            if goes_on:
                self._release(job.id)
            else:
                self._discard(archive)
            self._tasks.pop(job.id, None)

    async def _enrol(self, job: Job, archive: Path) -> None:
        network = self.engine.gallery.network
        content = await self.engine.look(lambda: Archive(archive))
        try:
            group: list[Shot] = []
            camera = ""
            unpacked: tuple[object, bytes | None] | None = None  # the file of the rows before, which may have more
            for place, member in enumerate(content.members):
                if place < job.done:
                    continue
                kind, reason, data = member.kind, member.reason, None
                known = member.camera in network
                if (
                    kind is None
                    and job.cameras is not None
                    and not (known and network[member.camera].id in job.cameras)
                ):
                    kind, reason = "not this key's camera", f"this key may not add images of camera {member.camera}"
                elif kind is None and not known:
                    kind = "no such camera"
                    reason = f"no camera {member.camera!r} in the gallery's network; the first folder is the camera, unless a row says it"
                elif kind is None:
                    if unpacked is None or unpacked[0] is not member.info:
                        most = self.engine.settings.max_bytes
                        unpacked = (member.info, await self.engine.look(partial(content.read, member, most)))
                    data = unpacked[1]
                    if data is None:
                        kind = "not unpacked"
                        reason = f"larger than {self.engine.settings.max_bytes:,} bytes, or it can't be unpacked"
                if group and (member.camera != camera or len(group) == TOGETHER):
                    await self._send(job, group, camera)
                    await self._reached(job, place)
                    group = []
                if data is None:
                    job.skip(member.name, kind or "", reason or "")
                    if place % 256 == 0:
                        await asyncio.sleep(0)  # requests go on beside an archive of which nothing is taken
                else:
                    group.append(Shot(member.name, data, member.box, member.taken_at, member.identity, member.track))
                camera = member.camera
            if group:
                await self._send(job, group, camera)
        finally:
            content.close()

    async def _reached(self, job: Job, place: int) -> None:
        """The images before that place are dealt with."""
        job.done = place
        await self.engine.look(lambda: self._write(job))

    async def _send(self, job: Job, group: list[Shot], camera: str) -> None:
        while True:
            try:
                results = await self.engine.enrol(group, camera, since=job.since)
                break
            except TooBusy:
                await asyncio.sleep(0.5)  # searches go first
        for name, status, _, reason in results:
            if status == "skipped":
                job.skip(name, "not enrolled", reason or "")
            elif reason is not None:
                job.skip(name, "enrolled with other labels", reason)
            else:
                job.added += status == "added"
                job.present += status == "present"


def _note_of(archive: Path) -> Path:
    return archive.with_suffix(".json")


def _count(archive: Path) -> int:
    """Its files.

    Raises:
        BadArchive: it can't be read.
    """
    with opened(archive) as content:
        return len(content.members)
