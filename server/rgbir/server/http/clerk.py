"""What a server does for its cases by itself: erasures of the gallery every minute, and what was kept long enough every hour."""

from __future__ import annotations

import asyncio
import itertools
import logging

from rgbir.index import GalleryError, UsageError
from rgbir.server.cases.casebook import Casebook
from rgbir.server.cases.records import Case
from rgbir.server.engine.engine import Engine
from rgbir.server.errors import ServerFailure

_log = logging.getLogger(__name__)
MINUTE_S, EVERY_S = 60, 3600


async def keep_cases(engine: Engine, book: Casebook) -> None:
    """Goes on until it is cancelled, whatever fails."""
    for minute in itertools.count():
        try:
            await engine.look(lambda: book.heed(engine.gallery))
            await engine.look(lambda: book.judging.tidy(engine.gallery))
            await engine.look(book.store.file.empty_journal)
            await _renew(engine, book)
            if minute % (EVERY_S // MINUTE_S) == 0:
                await _expire(engine, book)
        except UsageError as error:  # a clock that wants to be looked at first
            _log.error("%s", error)
        except (GalleryError, ServerFailure, OSError) as error:
            _log.error("the cases were not looked after: %s", error)
        except Exception:  # whatever it was, the next minute tries again
            _log.exception("the cases were not looked after; it is tried again in a minute")
        await asyncio.sleep(MINUTE_S)


async def _renew(engine: Engine, book: Casebook) -> None:
    for task in await engine.change(lambda: book.judging.renew(engine.gallery)):
        await engine.note(action="measured judgement again", who="server", judgement=task.id)


async def _expire(engine: Engine, book: Casebook) -> None:
    def tell(case: Case) -> None:
        engine.note_at_once(action="delete case", who="retention", case=case.number, case_id=case.id)

    for case in await engine.look(lambda: book.expire(tell=tell)):
        await engine.note(action="deleted case", who="retention", case=case.number, case_id=case.id)
