"""Archives that are enrolled beside the searches, and how far jobs are."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, File, UploadFile

from rgbir.client import wire
from rgbir.index import sha256
from rgbir.server.access.keys import Key
from rgbir.server.engine.jobs import Jobs
from rgbir.server.engine.work import Job
from rgbir.server.errors import NotThere, ServerFailure
from rgbir.server.http.guard import Beforehand, Enrolling, Serving
from rgbir.server.http.problems import BUSY, NOT_FOUND, PROBLEMS
from rgbir.server.http.routes.shared import Archiving, Working, job_of, may_follow

router = APIRouter(responses=PROBLEMS, tags=["jobs"])


class Room(Beforehand):
    """Whether another archive may come now.

    Raises:
        TooBusy: enough of them wait.
    """

    def decide(self, app: FastAPI, caller: Key) -> None:
        jobs: Jobs = app.state.jobs
        jobs.make_sure_of_room()


@router.post(
    "/gallery/jobs",
    summary="Enrol an archive of images",
    status_code=202,
    responses=BUSY,
    dependencies=[Depends(Room())],
)
async def start_job(
    engine: Serving,
    jobs: Working,
    archives: Archiving,
    caller: Enrolling,
    archive: Annotated[UploadFile, File(description="a ZIP file with CAMERA/…/image.jpg, and perhaps sightings.csv")],
) -> wire.Job:
    """Answers once the archive is on disk; the job goes on beside the searches, and after a restart, too. A table `sightings.csv` at its top, with columns path and optionally camera, time, identity, track and box, says which images are meant and what is known of each."""
    since = await engine.look(engine.gallery.moment)
    jobs.make_sure_of_room()
    taken = await engine.look(lambda: jobs.take(archive.file))
    try:
        if engine.audited:
            digest = await engine.look(lambda: sha256(taken))
            await engine.note(action="enrol archive", who=caller.name, job=taken.stem, sha256=digest)
        return job_of(engine, jobs.start(await archives.job(taken, caller.name, caller.cameras, since)))
    except ServerFailure:
        jobs.refuse(taken)
        raise


@router.get("/gallery/jobs", summary="The jobs since the server was started, and those it goes on with")
async def list_jobs(engine: Serving, jobs: Working, caller: Enrolling) -> wire.JobList:
    return wire.JobList(jobs=[job_of(engine, job) for job in jobs.all() if may_follow(caller, job)])


@router.get("/gallery/jobs/{job}", summary="How far a job is", responses=NOT_FOUND)
async def get_job(engine: Serving, jobs: Working, caller: Enrolling, job: str) -> wire.Job:
    return job_of(engine, _job(jobs, caller, job))


@router.delete("/gallery/jobs/{job}", summary="Cancel a job; what it enrolled stays", responses=NOT_FOUND)
async def cancel_job(engine: Serving, jobs: Working, caller: Enrolling, job: str) -> wire.Job:
    return job_of(engine, await jobs.cancel(_job(jobs, caller, job).id))


def _job(jobs: Jobs, caller: Key, name: str) -> Job:
    job = jobs.get(name)
    if not may_follow(caller, job):
        raise NotThere(f"no job {name!r}; it was never started, or the server was started again since")
    return job
