"""What a server does by itself: retention and the cache every hour; journal and the audit log's head every minute."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Any

from rgbir.index import GalleryError, UsageError
from rgbir.server.engine.engine import Engine
from rgbir.server.errors import AuditFailed

_log = logging.getLogger(__name__)
MINUTE_S, EVERY_S = 60, 3600
"""Seconds between two rounds, and between carrying out a gallery's retention."""


async def keep_house(engine: Engine, expire: Callable[[], None] | None = None) -> None:
    """Goes on until it is cancelled, whatever fails.

    Args:
        expire: carries out the retention; None where another worker does what is done every hour.
    """
    for minute in itertools.count():
        if expire is not None and minute % (EVERY_S // MINUTE_S) == 0:
            await _hourly(engine, expire)
        await _every_minute(engine)
        await asyncio.sleep(MINUTE_S)


async def _hourly(engine: Engine, expire: Callable[[], None]) -> None:
    try:
        await engine.change(expire)
        await engine.look(lambda: _expire_films(engine))
        await engine.change(lambda: engine.gallery.refresh_cache())
    except (UsageError, AuditFailed) as error:  # retention that wants to be asked first, or can't be noted
        _log.error("%s", error)
    except (GalleryError, OSError) as error:  # another process is writing, or the medium is read-only
        _log.info("%s", error)
    except Exception:  # whatever it was, the next hour tries again
        _log.exception("retention failed; it is tried again in an hour")


def _expire_films(engine: Engine) -> None:
    """Noted before it is done and after, where a film is due."""
    if engine.kept is None:
        return
    event: dict[str, Any] = {"who": "retention"}

    def tell(films: list[str]) -> None:
        event["conditions"] = {"films": films}
        engine.note_at_once(action="erase", **event)

    if gone := engine.kept.expire(engine.gallery.keep_days, tell):
        _log.warning("%s: %d films older than the gallery's rule are deleted", engine.kept.folder, gone)
        engine.note_at_once(action="erased", **event, removed=gone)


async def _every_minute(engine: Engine) -> None:
    try:
        await engine.change(lambda: engine.gallery.empty_journal())
    except (GalleryError, OSError):
        pass
    except Exception:
        _log.exception("the journal couldn't be emptied; it is tried again in a minute")
    try:
        await engine.anchor()
    except AuditFailed as error:
        _log.error("%s", error)
    except Exception:
        _log.exception("the audit log's head couldn't be noted; it is tried again in a minute")
