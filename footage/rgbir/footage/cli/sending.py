"""Films sent to a server, which finds the people in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from rgbir.client import Client, JobFailed
from rgbir.client.wire import Job
from rgbir.index import UsageError
from rgbir.index.cli.options import progress
from rgbir.index.cli.output import Skip, remark


@dataclass(frozen=True, slots=True)
class SentFilm:
    """What a server made of one film.

    Attributes:
        name: of the file.
        job: its id on the server.
        sha256: of the film, as the server received it.
        seconds: of footage that were worked through.
        found_by: the detector's fingerprint, or motion.
        tracks, shots: how many.
        added, present, skipped: pictures of people that are new; that were there; that were erased meanwhile.
        remarks: what is worth knowing.
    """

    name: str
    job: str
    sha256: str
    seconds: float
    found_by: str
    tracks: int
    shots: int
    added: int
    present: int
    skipped: int
    remarks: list[str]

    @classmethod
    def of(cls, job: Job) -> SentFilm:
        assert job.film is not None
        film = job.film
        return cls(
            film.name, job.id, film.sha256, film.seconds_done, film.found_by, film.tracks, film.shots, job.added, job.present,
            job.skipped, film.remarks,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of films that were sent.

    Attributes:
        films: those that were worked through.
        skipped: those that were not, with the reason.
        added, present: pictures of people that are new, and that were there.
    """

    films: list[SentFilm]
    skipped: list[Skip]
    added: int
    present: int


def send(
    films: Sequence[Path],
    server: str | Client,
    camera: str,
    fields: Mapping[str, Any],
    key: str | None,
    ca: Path | None,
) -> Sent:
    """Sends films one after the other, and waits for each.

    Args:
        fields: as `Client.enrol_footage` takes them.

    Raises:
        UsageError: one is a folder of pictures.
        ClientError: the server can't be asked, or refuses what is the same for all films.
    """
    for film in films:
        if film.is_dir():
            raise UsageError(f"{film}: a server takes films, and this is a folder of pictures; enrol it with --gallery")
    done: list[SentFilm] = []
    skipped: list[Skip] = []
    client = Client(server, key=key, ca=ca) if isinstance(server, str) else server
    with client:
        for film in films:
            called = str(film.resolve()) if "name_time" in fields else None
            job = client.enrol_footage(film, camera=camera, called=called, **fields)
            with progress(film.name, 0) as advance:
                try:
                    ended = client.wait_for_job(job, on_progress=_Advance(advance))
                except JobFailed as error:
                    skipped.append(Skip(str(film), str(error)))
                    remark(f"skipped: {error}")
                    continue
            done.append(SentFilm.of(ended))
            for line in done[-1].remarks:
                remark(line)
    return Sent(done, skipped, sum(film.added for film in done), sum(film.present for film in done))


class _Advance:
    """Tells the seconds that came since the last look."""

    def __init__(self, advance: Any) -> None:
        self.advance, self.at = advance, 0.0

    def __call__(self, job: Job) -> None:
        if job.film is not None:
            self.advance(job.film.seconds_done - self.at)
            self.at = job.film.seconds_done


def lines(sent: Sent, server: str) -> list[str | Table]:
    """The same for people."""
    table = Table("film", "seconds", "tracks", "added", "there")
    for film in sent.films:
        table.add_row(film.name, f"{film.seconds:,.0f}", f"{film.tracks:,}", f"{film.added:,}", f"{film.present:,}")
    return [
        *([table] if sent.films else []),
        *(f"skipped {skip.source}: {skip.reason}" for skip in sent.skipped),
        f"{sent.added:,} added, {sent.present:,} were there, on {server}",
    ]
