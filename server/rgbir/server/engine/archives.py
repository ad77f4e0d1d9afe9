"""Archives of images, worked through beside the searches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rgbir.server.engine.archive import Archive, opened
from rgbir.server.engine.engine import Engine
from rgbir.server.engine.shots import Shot
from rgbir.server.engine.work import Job, State
from rgbir.server.errors import TooBusy

TOGETHER = 16


class Archives:
    """The work of jobs whose files are ZIP archives."""

    suffix = ".zip"

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def job(self, file: Path, who: str, cameras: tuple[str, ...] | None, since: int) -> Job:
        """The job of an archive that was taken.

        Args:
            cameras: those whose images may be added; all if None.
            since: the gallery's moment when the archive began to come: what is erased after it isn't enrolled from it.

        Raises:
            BadArchive: not a ZIP file.
        """
        total = await self.engine.look(lambda: _count(file))
        return Job(file.stem, who, total, cameras, since=since)

    async def do(self, job: Job, file: Path, reached: Callable[[], None]) -> None:
        network = self.engine.gallery.network
        content = await self.engine.look(lambda: Archive(file))
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
                    job.done = place  # the images before that place are dealt with
                    await self.engine.look(reached)
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

    async def end(self, job: Job, state: State, file: Path) -> None:
        """Nothing."""


def _count(archive: Path) -> int:
    """Its files.

    Raises:
        BadArchive: it can't be read.
    """
    with opened(archive) as content:
        return len(content.members)
