"""A search's options: declared once in the index, mirrored on the wire; forms, client and commands are made of the mirror."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest
import typer
from annotated_types import Ge, Le
from fastapi.params import Form
from pydantic.fields import FieldInfo

from rgbir.client import Client, wire
from rgbir.client.commands import search
from rgbir.index import InvalidQuery, SearchOptions
from rgbir.index.gallery.options import Filters, options_of
from rgbir.server.http.forms import taken

NOT_ASKED = {"visible"}
"""Decided by the caller's key."""


def bound(metadata: Sequence[Any], kind: type, name: str) -> float | None:
    return next((getattr(limit, name) for limit in metadata if isinstance(limit, kind)), None)


def literals(hint: Any) -> tuple[str, ...]:
    """The only values of a type, if it has such, whether None is one of them or not."""
    for part in (hint, *get_args(hint)):
        if get_origin(part) is Literal:
            return tuple(get_args(part))
    return ()


def test_the_wire_mirrors_every_option_with_its_default_bounds_values_and_words() -> None:
    declared = {each.name: each.default for each in fields(SearchOptions) if each.name not in NOT_ASKED}
    kinds = options_of(SearchOptions)
    mirrored = get_type_hints(wire.SearchFields, include_extras=True)

    assert set(mirrored) == set(declared)
    for name, hint in mirrored.items():
        kind, field = get_args(hint)
        option = kinds[name].option
        assert isinstance(field, FieldInfo)
        assert field.default == declared[name], name
        assert field.description == option.description, name
        assert bound(field.metadata, Ge, "ge") == option.least, name
        assert bound(field.metadata, Le, "le") == option.most, name
        if name != "modality":
            assert literals(kind) == kinds[name].choices, name


@pytest.mark.parametrize("form", [wire.QueryFields, wire.SearchFields])
def test_the_server_takes_each_field_of_the_wire_with_its_bounds(form: type) -> None:
    parameters = inspect.signature(taken(form, dict)).parameters
    hints = get_type_hints(form, include_extras=True)

    assert list(parameters) == list(hints)
    for name, hint in hints.items():
        _, field = get_args(hint)
        _kind, *metadata = get_args(parameters[name].annotation)
        assert parameters[name].default == field.default
        assert [each for each in metadata if not isinstance(each, Form)] == field.metadata
        assert any(isinstance(each, Form) and str(each.description).startswith(field.description) for each in metadata)


def test_the_command_line_has_an_option_for_each_field_of_the_wire() -> None:
    alone = typer.Typer(add_completion=False)
    alone.command()(search)
    command: Any = typer.main.get_command(alone)
    options = {param.name: param for param in command.params}

    for name, hint in get_type_hints(wire.SearchFields, include_extras=True).items():
        _, field = get_args(hint)
        assert options[name].default == field.default, name
        assert getattr(options[name], "min", None) == bound(field.metadata, Ge, "ge"), name
        assert getattr(options[name], "max", None) == bound(field.metadata, Le, "le"), name
        assert options[name].help.lower().startswith(field.description.lower()), name


def test_a_value_out_of_an_options_bounds_is_refused_by_name() -> None:
    for name, kind in options_of(SearchOptions).items():
        option, given = kind.option, list[tuple[Any, str]]()
        if option.least is not None and option.most is not None:
            given = [(option.least - 1, "is from"), (option.most + 1, "is from")]
        if kind.choices:
            given = [("nonsense", f"is {kind.choices[0]}")]
        for value, refusal in given:
            with pytest.raises(InvalidQuery, match=f"{name} {refusal}"):
                SearchOptions(**{name: value})


def test_an_option_that_there_is_not_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidQuery, match="no search option 'colour'; there are camera"):
        SearchOptions.read({"colour": "red"})
    with (
        Client("http://127.0.0.1:9") as client,
        pytest.raises(TypeError, match=r"no option 'camra'; there are .*; did you mean 'camera'"),
    ):
        client.search(b"", camra="3")  # type: ignore[call-arg]


def test_every_filter_of_a_query_is_an_option_of_a_search() -> None:
    assert {each.name for each in fields(Filters)} < {each.name for each in fields(SearchOptions)}
    assert all(get_origin(hint) is Annotated for hint in get_type_hints(SearchOptions, include_extras=True).values())
