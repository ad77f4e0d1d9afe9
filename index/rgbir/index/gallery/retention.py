"""Is it safe to erase by age? A clock that was set wrong would erase what should be kept for years."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from pydantic import AwareDatetime, BaseModel

from rgbir.index.errors import RetentionWaits, UsageError
from rgbir.index.gallery.erasures import Condition

MOST_DAYS = 365_000
MOST_JUMP = timedelta(days=1)
MOST_SHARE = 0.5


def check_days(days: int | None) -> None:
    """Sightings are kept for whole days, or for ever where that is None.

    Raises:
        UsageError: less than a day, or more than a calendar has.
    """
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise UsageError(
            f"sightings are kept for a day at least, and {MOST_DAYS:,} at most, or for ever; not for {days} days"
        )


class Run(BaseModel, frozen=True, extra="forbid"):
    """When retention was carried out.

    Attributes:
        boot, up_s: which start of the machine, and how long before, whatever the clock says.
    """

    at: AwareDatetime
    boot: str
    up_s: float

    @classmethod
    def now(cls, at: datetime | None = None) -> Self:
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            up_s = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
        except OSError:
            boot, up_s = "", 0.0
        return cls(at=at or datetime.now(UTC), boot=boot, up_s=up_s)

    def due(self, days: int) -> Condition:
        """What was taken more days ago than it is kept."""
        return Condition(before=self.at - timedelta(days=days))

    def jump(self, before: Run | None) -> timedelta:
        """By how much the clock went further than time did since then. After another start of the machine nobody knows how long
        it was off, so all of it counts."""
        if before is None:
            return timedelta()
        passed = self.up_s - before.up_s if self.boot and self.boot == before.boot else 0.0
        return self.at - before.at - timedelta(seconds=passed)


def check(now: Run, noted: str | None, erased: int, total: int) -> bool:
    """Whether what retention would erase is what time has brought.

    Args:
        noted: the last run that is remembered, as JSON.
        erased, total: sightings that are due, and all there are.

    Returns:
        Whether this run is to be remembered: after a jump that erases nothing yet, later ones are still compared with the last.

    Raises:
        RetentionWaits: it may be what a wrong clock brought.
    """
    before = None if noted is None else Run.model_validate_json(noted)
    jump = now.jump(before)
    if not erased:
        return jump <= MOST_JUMP
    if before is not None and jump > MOST_JUMP:
        raise RetentionWaits(
            f"retention would erase {erased:,} of {total:,} sightings, and the clock is {jump.total_seconds() / 86_400:.1f} days"
            f" further than it was at the last run ({before.at:%Y-%m-%d %H:%M} UTC) and time since can explain; look at the clock,"
            " then say `rgbir index retain --yes`"
        )
    if erased > MOST_SHARE * total:
        raise RetentionWaits(
            f"retention would erase {erased:,} of {total:,} sightings, over half; look at the rule and the clock, then say"
            " `rgbir index retain --yes`"
        )
    return True
