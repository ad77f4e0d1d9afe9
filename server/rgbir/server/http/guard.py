"""Who asks, and whether they may: every route but the page's and the probes' goes through here.

Dependencies are coroutines throughout: FastAPI would run plain functions in a thread each, at a millisecond a request.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Form, Request

from rgbir.index import Answer, SearchOptions, UsageError
from rgbir.server.access.keys import ANYONE, Key, Role
from rgbir.server.engine.engine import Engine, Named
from rgbir.server.errors import BadSettings, KeysUnreadable, NoKey, NotAllowed
from rgbir.server.http.metrics import Metrics

_log = logging.getLogger(__name__)


async def serving(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


Serving = Annotated[Engine, Depends(serving)]


async def _metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


Measuring = Annotated[Metrics, Depends(_metrics)]


async def _caller(request: Request, engine: Serving) -> Key:
    """The key that came with the request.

    Raises:
        NoKey: none, or nobody's.
        KeysUnreadable: whose it is can't be told.
    """
    if engine.keyring is None:
        return ANYONE
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NoKey("this server wants a key: send the header `Authorization: Bearer KEY`; `rgbir keys add` makes one")
    try:
        key = engine.keyring.find(token.strip())
    except BadSettings as error:
        _log.error("%s", error)
        raise KeysUnreadable(
            "the server's keys can't be read now, so nobody is let in; its log has the reason"
        ) from error
    if key is None:
        raise NoKey("nobody's key, or one that has ended; ask for a new one (`rgbir keys rotate`)")
    return key


def _allowed(*roles: Role) -> Callable[[Key], Awaitable[Key]]:
    async def check(caller: Annotated[Key, Depends(_caller)]) -> Key:
        if not caller.may(*roles):
            wanted = " or ".join(role.value for role in (*roles, Role.ADMIN))
            raise NotAllowed(f"key {caller.name!r} has the role {caller.role}; this needs {wanted}")
        return caller

    return check


Searching = Annotated[Key, Depends(_allowed(Role.SEARCH))]
Enrolling = Annotated[Key, Depends(_allowed(Role.ENROL))]
Looking = Annotated[Key, Depends(_allowed(Role.SEARCH, Role.ENROL))]
Monitoring = Annotated[Key, Depends(_allowed(Role.SEARCH, Role.ENROL, Role.MONITOR))]
Administering = Annotated[Key, Depends(_allowed())]


def enrolling(caller: Key, camera: str) -> None:
    """Refuses a camera that is not the key's.

    Raises:
        NotAllowed: it isn't.
    """
    if caller.cameras is not None:
        _within(caller, camera, set(caller.cameras))


def _within(caller: Key, camera: str, own: set[str]) -> None:
    if camera not in own:
        raise NotAllowed(f"key {caller.name!r} is for cameras {', '.join(sorted(own))}, not for {camera}")


def scoped(options: SearchOptions, caller: Key, engine: Engine) -> SearchOptions:
    """The options, searching no camera that the key doesn't see.

    Raises:
        NotAllowed: a camera is named that it doesn't.
    """
    if caller.cameras is None:
        return options
    network = engine.gallery.network
    own = {network[name].id for name in caller.cameras if name in network}
    if options.cameras is not None:
        for name in options.cameras:
            _within(caller, network[name].id, own)
        return options
    modality = None if options.camera is None and options.modality is None else engine.searcher.modality_of(options)
    seen = (camera for camera in network if camera.id in own)
    return replace(options, cameras=tuple(c.id for c in seen if modality is None or modality.other in c.modalities))


class Purpose(NamedTuple):
    """Why somebody searches, for the audit log."""

    purpose: str | None
    case: str | None


async def _purpose(
    engine: Serving,
    purpose: Annotated[str | None, Form(max_length=500, description="why, for the audit log")] = None,
    case: Annotated[str | None, Form(max_length=100, description="the case it belongs to, for the audit log")] = None,
) -> Purpose:
    """What was stated.

    Raises:
        UsageError: no purpose, where the server wants one.
    """
    if engine.settings.need_purpose and not (purpose or "").strip():
        raise UsageError("this server wants to know why: send a purpose with the search")
    return Purpose(purpose, case)


Why = Annotated[Purpose, Depends(_purpose)]


async def searched(
    engine: Engine,
    metrics: Metrics,
    caller: Key,
    why: Purpose,
    query: list[Named] | str,
    options: SearchOptions,
    answers: list[Answer],
    **more: Any,
) -> None:
    """Counts a search, and notes it before it is answered: who, why, hashes of the query's images, filters, model, generation, hits."""
    for answer in answers:
        metrics.searched(answer)
    if not engine.audited:
        return
    hashes = query if isinstance(query, str) else [hashlib.sha256(data).hexdigest() for _, data in query]
    event: dict[str, Any] = {
        "action": "search",
        "who": caller.name,
        "purpose": why.purpose,
        "case": why.case,
        "query": {"like": hashes} if isinstance(hashes, str) else {"sha256": hashes},
        "options": _said(options),
        "model": answers[0].model if answers else None,
        "fingerprint": answers[0].fingerprint if answers else None,
        "generation": answers[0].generation if answers else None,
        "exact": all(answer.exact for answer in answers),
        "hits": [[hit.id for hit in answer.hits] for answer in answers],
    }
    await engine.note(**event | more)


def _said(options: SearchOptions) -> Mapping[str, Any]:
    """The options that were given."""
    default, given = asdict(SearchOptions()), asdict(options)
    return {name: value for name, value in given.items() if value != default[name]}
