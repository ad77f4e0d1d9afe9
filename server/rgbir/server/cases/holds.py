"""Legal holds in the ledger, so that an older copy of the cases doesn't give up what was put on hold since."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

from rgbir.index import why
from rgbir.server.cases.ledger import Gone, add_to_ledger, ledger_of, read_ledger
from rgbir.server.cases.store import CaseStore
from rgbir.server.errors import CantWrite

_log = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def note_hold(store: CaseStore, case: str, who: str, reason: str) -> None:
    """Notes that a case is put on hold, before it is.

    Raises:
        CantWrite: it can't be noted.
    """
    _note(store, Gone(at=time.time_ns() // 1000, hold=case, who=who, reason=reason))


def note_lift(store: CaseStore, case: str) -> None:
    """Notes that a hold is lifted, before it is.

    Raises:
        CantWrite: it can't be noted.
    """
    _note(store, Gone(at=time.time_ns() // 1000, lifted=case))


def hold_again(store: CaseStore) -> int:
    """Puts on hold what the ledger says is, and this file doesn't: it is older. A hold that was lifted since stays until it is lifted again.

    Returns:
        How many cases.
    """
    last: dict[str, Gone] = {}
    for line in read_ledger(ledger_of(store.file.folder)):
        if name := line.hold or line.lifted:
            last[name] = line
    free = [case for case in store.cases() if case.hold is None and case.id in last and last[case.id].hold]
    for case in free:
        line = last[case.id]
        at = _EPOCH + timedelta(microseconds=line.at)
        store.change(case.id, held_at=at, held_by=line.who, held_why=line.reason)
        _log.warning(
            "case %r is held again by the ledger: %r put it on hold on %s", case.number, line.who, f"{at:%Y-%m-%d}"
        )
    return len(free)


def _note(store: CaseStore, line: Gone) -> None:
    ledger = ledger_of(store.file.folder)
    try:
        add_to_ledger(ledger, [line])
    except OSError as error:
        raise CantWrite(f"{ledger} can't be written: {why(error)}; the hold is as it was") from error
