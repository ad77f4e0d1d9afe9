"""Bulk enrolment that outlives its request: an archive of images, worked through beside the searches, with progress and an end.

What a job has enrolled stays, also when it is cancelled or the server stops; the same archive sent again goes on from there,
since an image is enrolled once.
"""

from __future__ import annotations

import asyncio
import lzma
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

from rgbir.index import IndexFailure
from rgbir.index.images import SUFFIXES
from rgbir.server.engine import Engine, Named
from rgbir.server.errors import BadArchive, NotThere, ServerFailure, TooBusy

TOGETHER, MOST_WAITING, MOST_REASONS, KEPT = 16, 4, 100, 100
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, OSError, ValueError, EOFError
)  # fmt: skip
"""What unpacking a harmed or locked member may raise."""
State = Literal["waiting", "running", "done", "cancelled", "failed"]


@dataclass(slots=True, eq=False)
class Job:
    """One archive. reasons: of the first hundred images that were skipped, by name."""

    id: str
    who: str
    total: int
    state: State = "waiting"
    added: int = 0
    present: int = 0
    skipped: int = 0
    reasons: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None

    def skip(self, name: str, reason: str) -> None:
        self.skipped += 1
        if len(self.reasons) < MOST_REASONS:
            self.reasons[name] = reason


class Jobs:
    """One server's; one job runs at a time, a few may wait."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()

    def start(self, archive: Path, who: str, may: Callable[[str], bool]) -> Job:
        """Takes the archive over, and deletes it at the end.

        Args:
            may: whether the caller may add images of a camera.

        Raises:
            BadArchive: not a ZIP file.
            TooBusy: enough jobs are waiting.
        """
        if sum(job.state in ("waiting", "running") for job in self._jobs.values()) > MOST_WAITING:
            raise TooBusy(f"{MOST_WAITING} jobs are waiting already; come back when one has ended")
        try:
            with zipfile.ZipFile(archive) as opened:
                total = sum(1 for _ in _images(opened))
        except _UNREADABLE as error:
            raise BadArchive(
                f"the archive is no ZIP file that can be read: {error}; it holds CAMERA/…/image.jpg"
            ) from error
        job = Job(uuid.uuid4().hex, who, total)
        self._jobs[job.id] = job
        for old in [own for own in self._jobs.values() if own.ended_at][: max(0, len(self._jobs) - KEPT)]:
            del self._jobs[old.id]
        self._tasks[job.id] = asyncio.create_task(self._run(job, archive, may))
        return job

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
        """Ends all of them."""
        for name in list(self._tasks):
            await self.cancel(name)

    async def _run(self, job: Job, archive: Path, may: Callable[[str], bool]) -> None:
        try:
            async with self._turn:
                job.state = "running"
                await self._enrol(job, archive, may)
            job.state = "done"
        except asyncio.CancelledError:
            job.state = "cancelled"
            raise
        except (IndexFailure, ServerFailure, OSError, zipfile.BadZipFile) as error:
            job.state, job.error = "failed", str(error)
        finally:
            job.ended_at = datetime.now(UTC)
            archive.unlink(missing_ok=True)
            self._tasks.pop(job.id, None)

    async def _enrol(self, job: Job, archive: Path, may: Callable[[str], bool]) -> None:
        network = self.engine.gallery.network
        with zipfile.ZipFile(archive) as opened:
            group: list[Named] = []
            camera = ""
            for member in _images(opened):
                folder = PurePosixPath(member.filename).parts[0]
                if folder not in network:
                    job.skip(
                        member.filename,
                        f"no camera {folder!r} in the gallery's network; the first folder is the camera",
                    )
                    continue
                if not may(network[folder].id):
                    job.skip(member.filename, f"this key may not add images of camera {folder}")
                    continue
                data = await self.engine.look(partial(_read, opened, member, self.engine.settings.max_bytes))
                if data is None:
                    job.skip(
                        member.filename,
                        f"larger than {self.engine.settings.max_bytes:,} bytes, or it can't be unpacked",
                    )
                    continue
                if group and (folder != camera or len(group) == TOGETHER):
                    await self._send(job, group, camera)
                    group = []
                group.append((member.filename, data))
                camera = folder
            if group:
                await self._send(job, group, camera)

    async def _send(self, job: Job, group: list[Named], camera: str) -> None:
        while True:
            try:
                results = await self.engine.enrol(group, camera, None, None, None)
                break
            except TooBusy:
                await asyncio.sleep(0.5)  # searches go first
        for name, status, _, reason in results:
            if status == "skipped":
                job.skip(name, reason or "")
            else:
                job.added += status == "added"
                job.present += status == "present"


def _images(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """Members `CAMERA/…/image`, in byte order of their names."""
    for member in sorted(archive.infolist(), key=lambda member: member.filename.encode()):
        path = PurePosixPath(member.filename)
        if not member.is_dir() and len(path.parts) > 1 and path.suffix.lower() in SUFFIXES:
            yield member


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes | None:
    """The member's bytes, whatever its header says of their number; None if they are too many or can't be unpacked."""
    if member.file_size > most:
        return None
    try:
        with archive.open(member) as content:
            data = content.read(most + 1)
    except _UNREADABLE:
        return None
    return data if len(data) <= most else None
