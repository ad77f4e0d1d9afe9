"""Routes of a form, whose dependencies are put into an order once.

FastAPI looks at every field that a route declares, and at every dependency, again at each request. A search declares thirty
fields, of which two are sent, and has ten dependencies. Looking took longer than all that they do.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, NamedTuple

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from rgbir.server.http.forms import is_list
from rgbir.server.http.known import only_known

_OTHERS = (
    "path_params",
    "query_params",
    "header_params",
    "cookie_params",
    "websocket_param_name",
    "http_connection_param_name",
    "response_param_name",
    "background_tasks_param_name",
    "security_scopes_param_name",
)
"""Where FastAPI keeps the parameters of a function that a form's route doesn't have."""


class FormRoute(APIRoute):
    """A route that FastAPI describes and this class answers. Its function returns a `Response`.

    Parameters of the function, and those of its dependencies, are the request, fields of the form and further dependencies. All
    of these are coroutine functions. Fields that are wrong are refused together, before any dependency is asked.

    Raises:
        TypeError: a parameter is something else, such as a part of the path.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        order = _Order(self.dependant)

        async def handle(request: Request) -> Response:
            form = await _read(request)
            try:
                await only_known(request)
                return await order.answer(request, form)
            finally:
                await form.close()

        return handle


async def _read(request: Request) -> FormData:
    """
    Raises:
        HTTPException: the body is no form, has too many parts, or broke off.
    """
    try:
        return await request.form(**request.app.router.form_limits)
    except HTTPException:
        raise
    except Exception as error:  # whoever counts the body has its own answer; a full disk is told by the cause
        raise HTTPException(400, "the body can't be read as a form") from error


class _Field(NamedTuple):
    """A field of the form.

    Attributes:
        validate: gives the value and what is wrong with it, as FastAPI does.
        several: whether it may come more than once.
        needed: whether it must come.
    """

    validate: Callable[..., tuple[Any, list[Any]]]
    several: bool
    needed: bool


class _Step(NamedTuple):
    """A dependency, or the route's function at the end.

    Attributes:
        call: makes its value.
        request: its parameter that is the request.
        fields: its parameters that are fields of the form, by their names there.
        values: its parameters that are values of other steps, with these steps' places.
    """

    call: Callable[..., Awaitable[Any]]
    request: str | None
    fields: Mapping[str, str]
    values: Mapping[str, int]


class _Order:
    """What a route's function needs, each behind all that it needs itself, and once whoever needs it.

    Args:
        route: what FastAPI read of the function's parameters.

    Raises:
        TypeError: see `FormRoute`.
    """

    def __init__(self, route: Dependant) -> None:
        self._fields: dict[str, _Field] = {}
        self._steps: list[_Step] = []
        self._places: dict[int, int] = {}
        self._add(route)
        self._needed = [name for name, field in self._fields.items() if field.needed]

    def _add(self, dependant: Dependant) -> int:
        """Its place."""
        call = dependant.call
        if id(call) in self._places:
            return self._places[id(call)]
        if call is None or not _is_coroutine(call) or _has_others(dependant):
            raise TypeError(f"{call} must be a coroutine function of the request, of form fields and of such functions")
        needs = [(inner.name, self._add(inner)) for inner in dependant.dependencies]
        values = {name: place for name, place in needs if name is not None}
        for field in dependant.body_params:
            info = field.field_info
            self._fields[field.alias] = _Field(field.validate, is_list(info.annotation), info.is_required())
        fields = {field.alias: field.name for field in dependant.body_params}
        self._steps.append(_Step(call, dependant.request_param_name, fields, values))
        self._places[id(call)] = place = len(self._steps) - 1
        return place

    async def answer(self, request: Request, form: FormData) -> Response:
        """
        Raises:
            RequestValidationError: fields are missing, or aren't of their kind.
        """
        given, wrong = self._look(form)
        if wrong:
            raise RequestValidationError(wrong, body=form)
        made: list[Any] = []
        for call, asks, fields, values in self._steps:
            arguments = {name: made[place] for name, place in values.items()}
            if asks is not None:
                arguments[asks] = request
            arguments |= {name: given[alias] for alias, name in fields.items() if alias in given}
            made.append(await call(**arguments))
        response: Response = made[-1]
        return response

    def _look(self, form: FormData) -> tuple[dict[str, Any], list[Any]]:
        """The values of fields that came, by their names in the form, and what is wrong with fields."""
        given, wrong = dict[str, Any](), list[Any]()
        for name in form:
            field = self._fields[name]
            values = [value for value in form.getlist(name) if not _is_nothing(value, field.several)]
            if values:
                given[name], errors = field.validate(values if field.several else values[0], loc=("body", name))
                wrong += errors
        wrong += [
            {"type": "missing", "loc": ("body", name), "msg": "Field required", "input": None}
            for name in self._needed
            if name not in given
        ]
        return given, wrong


def _is_nothing(value: str | UploadFile, among_several: bool) -> bool:
    """Whether a form says so that a field has no value: an empty text, or the file that nobody chose in a browser."""
    if isinstance(value, str):
        return value == "" and not among_several
    return value.filename == "" and value.size == 0


def _is_coroutine(call: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)


def _has_others(dependant: Dependant) -> bool:
    """Whether it has parameters that are neither the request nor fields of a form nor dependencies."""
    return any(getattr(dependant, kind) for kind in _OTHERS)
