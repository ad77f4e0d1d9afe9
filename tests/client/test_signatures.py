"""What a method shows of itself: every option, with the type and the default of the wire."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

import pytest

from rgbir.client import AsyncClient, Client, SearchResponse, wire
from rgbir.client import calls as every_call
from rgbir.client.tables import Rows

METHODS = [name for name, value in vars(Client).items() if not name.startswith("_") and hasattr(every_call, name)]
FORMS = {
    "search": wire.SearchFields, "search_each": wire.SearchFields, "distances": wire.QueryFields, "put_camera": wire.CameraFields,
    "enrol_footage": wire.FilmFields,
}  # fmt: skip


def fields(form: type) -> dict[str, Any]:
    """Name and default, read from the declaration itself."""
    hints = typing.get_type_hints(form, include_extras=True)
    return {name: typing.get_args(hint)[1].default for name, hint in hints.items()}


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("name", METHODS)
def test_a_method_shows_each_parameter(kind: type, name: str) -> None:
    method, build = getattr(kind, name), getattr(every_call, name)
    shown, built = inspect.signature(method), inspect.signature(build, eval_str=True)

    assert next(iter(shown.parameters)) == "self"
    assert not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in shown.parameters.values())
    of_form = fields(FORMS[name]) if name in FORMS else {}
    plain = {p.name: p.default for p in built.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD}
    assert {p.name: p.default for p in shown.parameters.values() if p.name != "self"} == plain | of_form
    for option in of_form:
        assert f"\n    {option}: " in (inspect.getdoc(method) or "")
    (answer,) = typing.get_args(built.return_annotation)
    assert shown.return_annotation == answer == typing.get_type_hints(method)["return"]
    assert inspect.iscoroutinefunction(method) == (kind is AsyncClient)


def test_forms_are_those_that_methods_take() -> None:
    """A form that a new method takes is looked at above."""
    taking = {
        name
        for name in METHODS
        for parameter in inspect.signature(getattr(every_call, name)).parameters.values()
        if parameter.kind is inspect.Parameter.VAR_KEYWORD
    }
    assert taking == set(FORMS)


def test_types_are_those_that_a_caller_gives() -> None:
    parameters = inspect.signature(Client.search).parameters
    assert str(parameters["passages"].annotation) == "typing.Literal['filter', 'rank', 'off']"
    assert parameters["top_k"].annotation is int
    assert parameters["camera"].annotation == str | None
    assert inspect.signature(Client.search).return_annotation is SearchResponse
    assert inspect.signature(AsyncClient.enrol).return_annotation == Rows[wire.Enrolled]
    assert "Annotated" not in str(inspect.signature(Client.put_camera))


def test_the_signature_is_what_a_call_takes() -> None:
    build: Callable[..., Any] = every_call.search
    for option, default in fields(wire.SearchFields).items():
        build(b"x", **{option: default})
    with pytest.raises(TypeError, match="no option 'topk'"):
        build(b"x", topk=3)
