"""Who asks, and whether they may: every route but the page's and the probes' goes through here.

Dependencies are coroutines throughout: FastAPI would run plain functions in a thread each, at a millisecond a request.
"""

from __future__ import annotations

import hashlib
import logging
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, FastAPI, Form, Request

from rgbir.client import wire
from rgbir.index import Answer, Code, Remark, SearchOptions, UsageError, listed
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


def caller_of(engine: Engine, authorization: str) -> Key:
    """The key that came with a request, its cameras by their ids.

    Raises:
        NoKey: none, or nobody's.
        KeysUnreadable: whose it is can't be told.
    """
    if engine.keyring is None:
        return ANYONE
    scheme, _, token = authorization.partition(" ")
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
    network = engine.gallery.network
    return key.of(lambda name: network[name].id if name in network else name)


class Beforehand(ABC):
    """A dependency that is decided before a byte of the body is taken; the door asks it, and keeps its word for the route."""

    @abstractmethod
    def decide(self, app: FastAPI, caller: Key) -> None:
        """Raises what keeps the request out."""

    async def __call__(self, request: Request) -> Key:
        caller: Key = request.scope[CALLER]
        return caller


CALLER = "rgbir.caller"


class Allowed(Beforehand):
    """The caller, who has one of the roles.

    Args:
        whole: the caller sees all cameras, too.
    """

    def __init__(self, *roles: Role, whole: bool = False) -> None:
        self.roles, self.whole = roles, whole

    def lets(self, caller: Key) -> bool:
        """Whether the route is for that key."""
        return caller.may(*self.roles) and not (self.whole and caller.cameras is not None)

    def decide(self, app: FastAPI, caller: Key) -> None:
        """Lets in whom the route is for.

        Raises:
            NotAllowed: the caller has none of the roles, or doesn't see all cameras where that is needed.
        """
        if not caller.may(*self.roles):
            wanted = " or ".join(role.value for role in (*self.roles, Role.ADMIN))
            raise NotAllowed(f"key {caller.name!r} has the role {caller.role}; this needs {wanted}")
        if not self.lets(caller):
            raise NotAllowed(
                f"key {caller.name!r} is for cameras {listed(caller.cameras or ())}; this is of all cameras, and needs a key of all"
            )


RIGHTS: Mapping[wire.Right, Allowed] = {
    "search": Allowed(Role.SEARCH),
    "enrol": Allowed(Role.ENROL),
    "export": Allowed(Role.EXPORT),
    "look": Allowed(Role.SEARCH, Role.ENROL),
    "cases": Allowed(Role.SEARCH),
    "monitor": Allowed(Role.SEARCH, Role.ENROL, Role.MONITOR, whole=True),
    "erase": Allowed(),
    "keys": Allowed(),
    "administer": Allowed(whole=True),
}
"""What there is to be allowed, by the names that callers are told."""

Searching = Annotated[Key, Depends(RIGHTS["search"])]
Enrolling = Annotated[Key, Depends(RIGHTS["enrol"])]
Exporting = Annotated[Key, Depends(RIGHTS["export"])]
Casing = Annotated[Key, Depends(RIGHTS["cases"])]
Looking = Annotated[Key, Depends(RIGHTS["look"])]
LookingAtAll = Annotated[Key, Depends(Allowed(Role.SEARCH, Role.ENROL, whole=True))]
Monitoring = Annotated[Key, Depends(RIGHTS["monitor"])]
Erasing = Annotated[Key, Depends(RIGHTS["erase"])]
KeyMaking = Annotated[Key, Depends(RIGHTS["keys"])]
Administering = Annotated[Key, Depends(RIGHTS["administer"])]
Known = Annotated[Key, Depends(Allowed(*Role))]
"""Whoever has a key, whatever it is for."""


def rights_of(caller: Key) -> list[wire.Right]:
    """Names of all that a key may do."""
    return [right for right, allowed in RIGHTS.items() if allowed.lets(caller)]


def enrolling(caller: Key, camera: str, name: str | None = None) -> None:
    """Refuses a camera that is not the key's.

    Args:
        name: how the caller called it.

    Raises:
        NotAllowed: it isn't.
    """
    if not caller.sees(camera):
        raise NotAllowed(
            f"key {caller.name!r} is for cameras {listed(sorted(caller.cameras or ()))}, not for {name or camera}"
        )


def camera_of(caller: Key, engine: Engine, name: str) -> str:
    """The id of a camera that a caller names; a key of some cameras isn't told which others there are.

    Raises:
        UnknownCamera, NotAllowed: no such camera.
    """
    network = engine.gallery.network
    if caller.cameras is not None and name not in network:
        enrolling(caller, name)
    return network[name].id


def scoped(options: SearchOptions, caller: Key, engine: Engine) -> SearchOptions:
    """The options, searching and telling of no camera that the key doesn't see.

    Raises:
        NotAllowed: a camera is named that it doesn't.
    """
    if caller.cameras is None:
        return options
    for name in options.cameras or ():
        enrolling(caller, camera_of(caller, engine, name), name)
    if options.camera is not None:
        camera_of(caller, engine, options.camera)
    return replace(options, visible=caller.cameras)


class Purpose(NamedTuple):
    """Why somebody searches, for the audit log.

    Attributes:
        purpose: in the caller's words.
        case: the case it belongs to.
    """

    purpose: str | None
    case: str | None

    def unheard(self, engine: Engine) -> Iterator[Remark]:
        """That it was stated for nobody, where nothing is logged."""
        if not engine.audited and (self.purpose or self.case):
            text = "this server keeps no audit log, so the purpose and the case are noted nowhere"
            yield Remark(Code.NOT_LOGGED, text)


async def _stated(
    purpose: Annotated[str | None, Form(max_length=500, description="why, for the audit log")] = None,
    case: Annotated[str | None, Form(max_length=100, description="the case it belongs to, for the audit log")] = None,
) -> Purpose:
    return Purpose(purpose, case)


async def _purpose(engine: Serving, stated: Annotated[Purpose, Depends(_stated)]) -> Purpose:
    """What was stated.

    Raises:
        UsageError: no purpose, where the server wants one.
    """
    text = "".join(sign for sign in stated.purpose or "" if unicodedata.category(sign)[0] in "LNPS")
    if engine.settings.need_purpose and not text:
        raise UsageError("this server wants to know why: send a purpose, too")
    return stated


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
    """Counts a search, and notes it before it is answered: who, why, hashes of the query's images, filters, model, generation, hits, how they were re-ranked."""
    for answer in answers:
        metrics.searched(answer)
    if not engine.audited:
        return
    hashes = query if isinstance(query, str) else await engine.look(lambda: _hashes(query))
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
    if answers and (done := answers[0].reranking) is not None:
        event["rerank"] = {"method": done.method, "scored": done.scored, "seen": done.seen}
    await engine.note(**event | more)


def _hashes(images: list[Named]) -> list[str]:
    return [hashlib.sha256(data).hexdigest() for _, data in images]


def _said(options: SearchOptions) -> Mapping[str, Any]:
    """The options that were given."""
    default, given = asdict(SearchOptions()), asdict(options)
    return {name: value for name, value in given.items() if value != default[name]}
