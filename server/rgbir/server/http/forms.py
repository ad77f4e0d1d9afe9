"""A search's form fields: made of what travels, so that a field is declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from fastapi import Depends, Form
from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic.fields import FieldInfo

from rgbir.client import wire
from rgbir.index import CameraEdit, Modality, Position, SearchOptions, UsageError, listed, parse_polygons

T = TypeVar("T")
CameraName = Annotated[str, StringConstraints(max_length=200)]
Text = Annotated[str, StringConstraints(max_length=1000)]


def _or_none(value: Any) -> Any:
    return None if value == "" else value


_Moment = Annotated[
    wire.Moment | None, BeforeValidator(_or_none), WithJsonSchema({"type": "string", "format": "date-time"})
]
_Identity = Annotated[
    Annotated[int, Field(ge=0)] | None, BeforeValidator(_or_none), WithJsonSchema({"type": "integer", "minimum": 0})
]
_EACH = "once for all shots, or once for each in their order, empty where it isn't known"
Boxes = Annotated[
    list[Text] | None,
    Form(
        description=f"where the person is, left,top,right,bottom in pixels: {_EACH}; several of one image are shots of it"
    ),
]
QueryBoxes = Annotated[
    list[Text] | None,
    Form(
        description="where the person is, left,top,right,bottom in pixels: once for all images, or once for each in their"
        " order, empty for the whole image"
    ),
]
Moments = Annotated[list[_Moment] | None, Form(description=f"when, with a zone: {_EACH}")]
Identities = Annotated[list[_Identity] | None, Form(description=f"whom it shows: {_EACH}")]
Tracks = Annotated[list[Text] | None, Form(description=f"its track: {_EACH}")]


def taken(form: type, read: Callable[[dict[str, Any]], T]) -> Callable[..., Coroutine[Any, Any, T]]:
    """A dependency that reads the fields of a form of the wire; lists come as tuples of names."""
    hints = get_type_hints(form, include_extras=True)
    lists = [name for name, hint in hints.items() if _several(get_args(hint)[0])]

    defaults = {name: get_args(hint)[1].default for name, hint in hints.items()}

    async def take(**given: Any) -> T:
        given = defaults | given
        return read(given | {name: names(given[name]) for name in lists if given[name] is not None})

    take.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [_parameter(name, hint) for name, hint in hints.items()]
    )
    return take


def _parameter(name: str, hint: Any) -> inspect.Parameter:
    kind, field = get_args(hint)
    assert isinstance(field, FieldInfo)
    description = field.description
    if _several(kind):
        kind, description = list[wire.Names] | None, f"{description}; repeat the field, or separate by commas"
    taken = Annotated[kind, *field.metadata, Form(description=description)]  # type: ignore[valid-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=taken)


def is_list(annotation: Any) -> bool:
    """Whether a field's values are a list, or a list or nothing, so that it may be repeated."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_origin(annotation) is list or any(get_origin(argument) is list for argument in get_args(annotation))


def _several(kind: Any) -> bool:
    return any(get_origin(part) is Sequence for part in get_args(kind))


Wanted = Annotated[SearchOptions, Depends(taken(wire.SearchFields, SearchOptions.read))]
Asked = Annotated[SearchOptions, Depends(taken(wire.QueryFields, SearchOptions.read))]


def _edit(given: dict[str, Any]) -> CameraEdit:
    """What a form says of a camera; empty fields count as not sent.

    Raises:
        UsageError: values that don't fit.
    """
    values = {name: value for name, value in given.items() if value not in (None, "", ())}
    if modalities := values.pop("modalities", None):
        if not set(modalities) <= set(Modality):
            raise UsageError(f"modalities are rgb, ir or both of them, not {listed(modalities)}")
        values["modalities"] = frozenset(map(Modality, modalities))
    if position := values.pop("position", None):
        values["position"] = parse_position(position)
    if values.get("recording") == NOWHERE:
        values["recording"] = ""
    if zones := values.pop("zones", None):
        values["ignored"] = () if zones == NOWHERE else parse_polygons(zones)
    return CameraEdit(**values | {"aliases": frozenset(values.get("aliases", ()))})


NOWHERE = "none"
"""Says that a camera has no recordings any more, or no zones."""
Described = Annotated[CameraEdit, Depends(taken(wire.CameraFields, _edit))]


def names(cameras: Iterable[str]) -> tuple[str, ...]:
    """Of a form field that may be repeated, or hold several separated by commas."""
    return tuple(name.strip() for entry in cameras for name in entry.split(",") if name.strip())


def parse_position(text: str) -> Position:
    """`x,y` on a plan.

    Raises:
        UsageError: it isn't.
    """
    try:
        x, y = map(float, text.split(","))
    except ValueError:
        raise UsageError(f"position is x,y such as 12.5,3, not {text[:80]!r}") from None
    return x, y
