"""Bulk enrolment that outlives its request: a file that was sent, worked through beside the searches, with progress and an end.

A file that was taken, an archive of images or a film, lies beside the gallery, in `GALLERY.jobs`, until its job has ended, with a note
of how far the job is: a server that was stopped or killed goes on there when it is started again. What a cancelled job has enrolled
stays. What was erased after a file was received isn't enrolled from it. A server holds a lock on each of its files, so that another one
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
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

from rgbir.index import IndexFailure, replace_file
from rgbir.server.engine.engine import Engine
from rgbir.server.engine.work import Job, Kind, Note, State, Work
from rgbir.server.errors import CantWrite, NotThere, ServerFailure, TooBusy

_log = logging.getLogger(__name__)
MOST_WAITING, KEPT = 4, 100


class Jobs:
    """One server's; one job of each kind runs at a time, a few may wait.

    Args:
        works: what is done with each kind of files.
    """

    def __init__(self, engine: Engine, works: Mapping[Kind, Work]) -> None:
        self.engine, self.works = engine, works
        self.folder = engine.galleries.jobs
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._claims: dict[str, int] = {}
        self._turns = {kind: asyncio.Lock() for kind in works}
        self._closing = False

    def resume(self) -> None:
        """Goes on with the files that a server took, didn't finish, and has no more; the first that came first."""
        if not self.folder.is_dir():
            return
        suffixes = [work.suffix for work in self.works.values()]
        files = {file.stem: file for suffix in suffixes for file in self.folder.glob(f"*{suffix}")}
        for file in files.values():
            if self._claim(file) and not _note_of(file).is_file():
                self._discard(file)  # it came while the server was killed, and was never taken
        for unfinished in self.folder.glob("*.new"):
            taken = files.get(unfinished.with_suffix("").stem)
            if taken is None or not taken.exists():
                unfinished.unlink(missing_ok=True)
        unfinished_jobs = []
        for note in sorted(file for file in self.folder.glob("*.json") if file.is_file()):
            if note.stem not in files:
                note.unlink(missing_ok=True)
            elif note.stem in self._claims:
                try:
                    unfinished_jobs.append(Job.noted(note.stem, Note.model_validate_json(note.read_bytes())))
                except (ValidationError, OSError) as error:
                    self._give_up(files[note.stem], error)
        for job in sorted(unfinished_jobs, key=lambda job: job.made_at):
            self._begin(job)

    def _claim(self, file: Path) -> bool:
        """Whether this server holds that file from now on; False if another one does, or it is gone."""
        try:
            descriptor = os.open(file, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(descriptor), file.stat()):
                raise FileNotFoundError  # another server took it for a leftover
        except OSError:
            os.close(descriptor)
            return False
        self._claims[file.stem] = descriptor
        return True

    def _discard(self, file: Path) -> None:
        """Deletes a file with its note, and holds it no more."""
        with suppress(OSError):
            _note_of(file).unlink(missing_ok=True)
        with suppress(OSError):
            file.unlink(missing_ok=True)
        self._release(file.stem)

    def _release(self, name: str) -> None:
        descriptor = self._claims.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)

    def waiting(self) -> list[str]:
        """Ids of the jobs whose files were received for this gallery, by any of its servers, and aren't worked through."""
        return sorted(note.stem for note in self.folder.glob("*.json"))

    def _give_up(self, file: Path, error: Exception) -> None:
        """Whose file it was, and which cameras it may go to, nobody can tell any more."""
        reason = "its note was damaged, so nobody can tell whose file it was; it is deleted, send it again"
        _log.error("%s: %s: %s", _note_of(file), reason, error)
        ended = datetime.now(UTC)
        self._jobs[file.stem] = Job(file.stem, "", 0, (), state="failed", error=reason, ended_at=ended)
        self._discard(file)

    def take(self, content: BinaryIO, kind: Kind = "archive") -> Path:
        """Copies a file to where jobs find it; once this returns, it is on disk.

        Raises:
            CantWrite: it isn't, and nothing is left of it.
        """
        file = self.folder / f"{uuid.uuid4().hex}{self.works[kind].suffix}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            while file.stem not in self._claims:  # another server that starts just now may take it for a leftover
                file.touch(mode=0o600)
                self._claim(file)
            with file.open("r+b") as kept:
                shutil.copyfileobj(content, kept, 1 << 20)
                kept.flush()
                os.fsync(kept.fileno())
        except OSError as error:
            self._discard(file)
            raise CantWrite(f"{self.folder}: the file can't be kept: {error.strerror}; nothing was taken") from error
        return file

    def refuse(self, file: Path) -> None:
        """Forgets a file that was taken and can't be a job."""
        self._discard(file)

    def make_sure_of_room(self) -> None:
        """
        Raises:
            TooBusy: enough jobs are waiting.
        """
        if sum(job.state in ("waiting", "running") for job in self._jobs.values()) > MOST_WAITING:
            raise TooBusy(f"{MOST_WAITING} jobs are waiting already; come back when one has ended")

    def start(self, job: Job) -> Job:
        """Begins with a file that was taken; it is deleted at the end.

        Raises:
            TooBusy: enough jobs are waiting.
            CantWrite: the disk is full.
        """
        self.make_sure_of_room()
        try:
            self._write(job)
        except OSError as error:
            raise CantWrite(f"{self.folder}: the job can't be noted: {error.strerror}; nothing was taken") from error
        self._begin(job)
        return job

    def _file(self, job: Job) -> Path:
        return self.folder / f"{job.id}{self.works[job.kind].suffix}"

    def _write(self, job: Job) -> None:
        """Notes how far it is; once this returns, it is on disk.

        Raises:
            OSError: the disk is full, or the folder of jobs was replaced.
        """
        file = self._file(job)
        if not os.path.samestat(os.fstat(self._claims[job.id]), file.stat()):
            raise FileNotFoundError(errno.ENOENT, "the file was replaced")
        replace_file(_note_of(file), job.note().model_dump_json(), mode=0o600)

    def _begin(self, job: Job) -> None:
        self._jobs[job.id] = job
        for old in [other for other in self._jobs.values() if other.ended_at][: max(0, len(self._jobs) - KEPT)]:
            del self._jobs[old.id]
        self._tasks[job.id] = asyncio.create_task(self._run(job, self._file(job)))

    def all(self) -> list[Job]:
        """The oldest first."""
        return list(self._jobs.values())

    def get(self, name: str) -> Job:
        """That job.

        Raises:
            NotThere: no such job.
        """
        if name not in self._jobs:
            raise NotThere(f"no job {name!r}; it was never started, or the server was started again since")
        return self._jobs[name]

    async def cancel(self, name: str) -> Job:
        """Ends it after what is on its way; what was enrolled stays."""
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

    async def _run(self, job: Job, file: Path) -> None:
        goes_on, work = False, self.works[job.kind]
        state: State = "failed"
        try:
            async with self._turns[job.kind]:
                job.state = "running"
                await work.do(job, file, partial(self._write, job))
            state = "done"
        except asyncio.CancelledError:
            state, goes_on = "cancelled", self._closing
            raise
        except (IndexFailure, ServerFailure, OSError, zipfile.BadZipFile) as error:
            job.error = str(error)
        except Exception:  # ONNX Runtime's own, say: the job must not stay as it was
            _log.exception("job %s", job.id)
            job.error = "the server failed; its log has the reason"
        finally:
            if not goes_on:
                await completed(self._end(work, job, state, file))
            job.state, job.ended_at = state, datetime.now(UTC)
            if goes_on:
                self._release(job.id)
            else:
                self._discard(file)
            self._tasks.pop(job.id, None)

    @staticmethod
    async def _end(work: Work, job: Job, state: State, file: Path) -> None:
        try:
            await work.end(job, state, file)
        except (IndexFailure, ServerFailure, OSError) as error:
            _log.error("job %s: %s", job.id, error)
            job.error = str(error)


async def completed(work: Coroutine[Any, Any, None]) -> None:
    """Waits until it is done, however often whoever waits is cancelled."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()


def _note_of(file: Path) -> Path:
    return file.with_suffix(".json")
