"""What this server's jobs of films have come to, for whoever measures it."""

from __future__ import annotations

from collections import Counter

from rgbir.server.engine.work import Job, State


class Filmed:
    """Counts since the server was started.

    Attributes:
        jobs: by the state in which they ended.
        sightings: by what became of them: added, present, skipped.
        tracks: of people who passed.
        seconds: of footage that was worked through.
    """

    def __init__(self) -> None:
        self.jobs: Counter[State] = Counter()
        self.sightings: Counter[str] = Counter()
        self.tracks = 0
        self.seconds = 0.0

    def count(self, job: Job, state: State) -> None:
        """A job of a film that ended."""
        assert job.film is not None
        self.jobs[state] += 1
        self.sightings.update(added=job.added, present=job.present, skipped=job.skipped)
        self.tracks += job.film.tracks
        self.seconds += job.film.seconds_done
