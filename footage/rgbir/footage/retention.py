"""Nothing of a recording is kept without somebody having said for how long.

Detection turns a gallery of those whom somebody chose to enrol into one of everybody who passed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from rgbir.footage.clock import Clock
from rgbir.footage.errors import BadFootage
from rgbir.index import AnyGallery, GalleryBusy, GalleryFull, RetentionWaits, UsageError

EVERY_S, SOON_S = 3600.0, 60.0
"""Between two times that a gallery's rule is carried out; and after somebody else was writing."""


def settle(gallery: AnyGallery, keep_days: int | None, no_retention: bool) -> int | None:
    """The days for which the gallery keeps what is enrolled now; None is for ever, which somebody said.

    Args:
        keep_days: as the caller says; a gallery without sightings takes it on.
        no_retention: that the caller wants no limit.

    Raises:
        UsageError: nobody said anything, or what is said contradicts the gallery's rule.
    """
    rule = gallery.keep_days
    if keep_days is not None and no_retention:
        raise UsageError("give --keep-days or --no-retention, not both")
    if no_retention:
        if rule is not None:
            raise UsageError(
                f"the gallery keeps sightings for {rule} days, and --no-retention has no effect on it; leave it out"
            )
        return None
    if keep_days is None and rule is None:
        raise UsageError(
            "footage enrols everyone who passes, so say how long they are kept: --keep-days N, or --no-retention for no limit"
        )
    if keep_days is None or keep_days == rule:
        return rule
    if rule is not None or len(gallery):
        has = f"keeps sightings for {rule} days" if rule is not None else "holds sightings and keeps them for ever"
        raise UsageError(
            f"the gallery {has}, and --keep-days says {keep_days}; change its rule first:"
            f" rgbir index retain --gallery {gallery.address} --keep-days {keep_days}"
        )
    gallery.set_keep_days(keep_days)
    return keep_days


class Expiry:
    """Carries a gallery's rule out, every hour, for as long as somebody calls it.

    Args:
        gallery: open.
        say: told once if somebody has to look at the rule or at the clock first.
        steady: seconds since whenever.
    """

    def __init__(
        self, gallery: AnyGallery, say: Callable[[str], None], steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._gallery, self._say, self._steady = gallery, say, steady
        self._due, self._warned = 0.0, False

    def __call__(self) -> None:
        """
        Raises:
            GalleryBusy, GalleryFull: somebody else is writing, or the disk is full; it is due again in a minute.
        """
        if self._steady() < self._due:
            return
        self._due = self._steady() + SOON_S
        try:
            self._gallery.expire()
        except RetentionWaits as error:
            if not self._warned:
                self._say(str(error))
            self._warned = True
        self._due = self._steady() + EVERY_S

    def quietly(self) -> None:
        """The same, where nobody can do anything about a gallery that is busy or full."""
        with suppress(GalleryBusy, GalleryFull):
            self()


def check_age(clock: Clock, seconds: float | None, days: int | None, now: datetime | None = None) -> None:
    """Whether what is enrolled of a recording is reached by the rule, and not at once.

    Raises:
        BadFootage: its time isn't known, so the rule would never reach it; or it is older than the rule keeps.
    """
    if days is None:
        return
    if clock.start is None:
        raise BadFootage(
            f"nobody knows when it was taken ({clock.origin}), so what is enrolled of it would be kept beyond {days} days; say --start,"
            " or --name-time with --zone, or --no-retention for a gallery without a rule"
        )
    last = clock.at(seconds or 0.0)
    now = datetime.now(UTC) if now is None else now
    if last is not None and last < now - timedelta(days=days):
        raise BadFootage(
            f"it was taken until {last:%Y-%m-%d %H:%M} UTC, and the gallery keeps sightings for {days} days: nothing of it would stay"
        )
