"""What is given is used, or refused by name: form fields and query parameters that a route doesn't have, and those given twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from rgbir.index import UsageError, did_you_mean, listed
from rgbir.server.http.forms import is_list

MOST_FIELDS, MOST_FIELD_BYTES = 1_200, 65_536
"""Of one form; a thousand of them may be cameras."""


class _Known(NamedTuple):
    """A route's parameters.

    Attributes:
        query, form: the names of query parameters and of form fields, each with whether it may be repeated.
    """

    query: dict[str, bool]
    form: dict[str, bool]


async def only_known(request: Request) -> None:
    """Looks before anything is decided: an unknown parameter may be a filter that somebody relies on.

    Raises:
        UsageError: a parameter that the route doesn't have, or one of a single value that came twice.
    """
    route = request.scope["route"]
    if not isinstance(route, APIRoute):
        return
    known = _known(route)
    _check("query parameter", request.query_params.multi_items(), known.query, known.form, "form field")
    if known.form:
        _check("form field", (await request.form()).multi_items(), known.form, known.query, "query parameter")


def _check(
    kind: str, given: Iterable[tuple[str, Any]], known: dict[str, bool], elsewhere: dict[str, bool], other: str
) -> None:
    for name, times in Counter(name for name, _ in given).items():
        shown = name if len(name) <= 80 else f"{name[:80]}…"
        if name in elsewhere and name not in known:
            raise UsageError(f"{shown!r} is a {other} here, and came as a {kind}")
        if name not in known:
            raise UsageError(f"no {kind} {shown!r} here; {_told(known)}{did_you_mean(name[:80], known)}")
        if times > 1 and not known[name]:
            raise UsageError(f"{kind} {shown!r} came {times} times, and has one value; send it once")


def _told(known: dict[str, bool]) -> str:
    return f"there are: {listed(known)}" if known else "this route has none"


_SEEN: dict[int, _Known] = {}
"""By a route's identity; routes live as long as the program."""


def _known(route: APIRoute) -> _Known:
    if (seen := _SEEN.get(id(route))) is not None:
        return seen
    query: dict[str, bool] = {}
    form: dict[str, bool] = {}

    def collect(dependant: Dependant) -> None:
        query.update((field.alias, is_list(field.field_info.annotation)) for field in dependant.query_params)
        form.update((field.alias, is_list(field.field_info.annotation)) for field in dependant.body_params)
        for more in dependant.dependencies:
            collect(more)

    collect(route.dependant)
    _SEEN[id(route)] = known = _Known(query, form)
    return known
