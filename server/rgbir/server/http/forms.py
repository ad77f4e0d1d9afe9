"""A search's form fields: made of what travels, so that a field is declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from fastapi import Depends, FastAPI, Form, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import BeforeValidator, Field, StringConstraints, TypeAdapter, ValidationError, WithJsonSchema
from pydantic.fields import FieldInfo
from starlette.datastructures import FormData

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


class Seldom(Generic[T]):
    """A dependency of form fields that looks only at those that came.

    FastAPI looks at every field that a route declares, and for a search that cost more than all else it did: there are nearly
    thirty, and two are sent. So it is told of none here. The document of the interface has them from `properties`, and
    `only_known` from `several`. The route has another field, too, for which FastAPI has read the form.

    Args:
        take: makes of the fields, which are its parameters, what the route wants. Each has a default.

    Attributes:
        several: the names of the fields, each with whether it may be repeated.
    """

    def __init__(self, take: Callable[..., Coroutine[Any, Any, T]]) -> None:
        self._take = take
        kinds = {name: field.annotation for name, field in inspect.signature(take, eval_str=True).parameters.items()}
        self._kinds: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(kind) for name, kind in kinds.items()}
        self.several: Mapping[str, bool] = {name: is_list(kind) for name, kind in kinds.items()}

    async def __call__(self, request: Request) -> T:
        """What the form says.

        Raises:
            RequestValidationError: fields that aren't of their kind, with all others of the route that aren't.
        """
        form = await request.form()
        given, wrong = self.look(form)
        if wrong:
            raise RequestValidationError(list(_all_wrong(request.scope["route"].dependant, form)), body=form)
        return await self._take(**given)

    def look(self, form: FormData) -> tuple[dict[str, Any], list[Any]]:
        """Its fields of a form that are right, by name, and what is wrong with the others."""
        given, wrong = dict[str, Any](), list[Any]()
        for name in form:
            if name in self._kinds:
                _look(name, self._kinds[name], self.several[name], form, given, wrong)
        return given, wrong

    def properties(self) -> dict[str, Any]:
        """The fields in the document of the interface, as FastAPI writes them."""
        app = FastAPI()
        app.post("/", dependencies=[Depends(self._take)])(_nothing)
        schemas: dict[str, Any] = app.openapi()["components"]["schemas"]
        properties: dict[str, Any] = next(
            schema["properties"] for name, schema in schemas.items() if name.startswith("Body_")
        )
        return properties


def _look(
    name: str, kind: TypeAdapter[Any], several: bool, form: FormData, given: dict[str, Any], wrong: list[Any]
) -> None:
    """Puts a field's value into `given`, or what is wrong with it into `wrong`."""
    value = form.getlist(name) if several else form[name]
    if value == "":
        return  # as FastAPI has it, a field without a value wasn't sent
    try:
        given[name] = kind.validate_python(value)
    except ValidationError as error:
        wrong += [{**entry, "loc": ("body", name, *entry["loc"])} for entry in error.errors(include_url=False)]


def _all_wrong(dependant: Dependant, form: FormData) -> Iterator[Any]:
    """What is wrong with the fields of a route, those of FastAPI included, which it would look at later."""
    for seldom in seldom_of(dependant):
        yield from seldom.look(form)[1]
    for field in dependant.body_params:
        kind: Any = field.field_info.annotation
        wrong = list[Any]()
        if field.alias in form:
            _look(field.alias, TypeAdapter(kind), is_list(kind), form, {}, wrong)
        elif field.field_info.is_required():
            wrong = [{"type": "missing", "loc": ("body", field.alias), "msg": "Field required", "input": None}]
        yield from wrong


async def _nothing() -> None:
    """Of a route that is there for its fields."""


def seldom_of(dependant: Dependant) -> Iterator[Seldom[Any]]:
    """Of a route's dependencies those that FastAPI isn't told the fields of."""
    if isinstance(dependant.call, Seldom):
        yield dependant.call
    for inner in dependant.dependencies:
        yield from seldom_of(inner)


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


Wanted = Annotated[SearchOptions, Depends(Seldom(taken(wire.SearchFields, SearchOptions.read)))]
Asked = Annotated[SearchOptions, Depends(Seldom(taken(wire.QueryFields, SearchOptions.read)))]


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
