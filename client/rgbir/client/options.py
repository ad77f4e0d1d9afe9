"""A search's options on the command line: made of what travels, so that an option is declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer
from pydantic.fields import FieldInfo

Command = Callable[..., Any]


def with_options(form: type) -> Callable[[Command], Command]:
    """Gives a command the options of a form of the wire in place of its `**options`, which it gets as they travel."""
    hints = {name: get_args(hint) for name, hint in get_type_hints(form, include_extras=True).items()}
    made = [_parameter(name, kind, field) for name, (kind, field) in hints.items()]

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        taken = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*taken, *made)]

        @wraps(command)
        def run(**given: Any) -> Any:
            expect_filled(**given)
            return command(
                **given | {name: _as_it_travels(name, kind, given[name]) for name, (kind, _) in hints.items()}
            )

        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        run.__annotations__["return"] = signature.return_annotation
        return run

    return decorate


def _parameter(name: str, kind: Any, field: FieldInfo) -> inspect.Parameter:
    """An option of text for moments and lists, of the field's own type for the others."""
    help_, plain = str(field.description), _plain(kind)
    if plain is datetime:
        plain = str
    elif get_origin(plain) is Sequence:
        plain, help_ = str, f"{help_}, separated by commas"
    bounds = {key: getattr(bound, key) for bound in field.metadata for key in ("ge", "le") if hasattr(bound, key)}
    option = typer.Option(help=f"{help_[0].upper()}{help_[1:]}.", min=bounds.get("ge"), max=bounds.get("le"))
    annotation: Any = Annotated[plain | None if field.default is None else plain, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=annotation)


def _plain(kind: Any) -> Any:
    """The type without None and without its bounds."""
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (part for part in get_args(kind) if part is not NoneType)
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _as_it_travels(name: str, kind: Any, value: Any) -> Any:
    if get_origin(_plain(kind)) is Sequence and value is not None:
        return [entry.strip() for entry in value.split(",") if entry.strip()]
    return moment(name, value) if _plain(kind) is datetime else value


def flag(name: str) -> str:
    """A parameter as it stands on the command line."""
    return f"--{name.replace('_', '-')}"


def expect_filled(**given: Any) -> None:
    """
    Raises:
        BadParameter: an option that is given as an empty text, or as one of separators alone.
    """
    for name, value in given.items():
        if isinstance(value, str) and not value.replace(",", " ").strip():
            raise typer.BadParameter(f"{flag(name)} is empty; name something, or leave it out")


def box_of(name: str, text: str) -> tuple[int, int, int, int]:
    """The box that an option says.

    Raises:
        BadParameter: it says none.
    """
    sides = text.split(",")
    if len(sides) != 4 or not all(side.strip().isascii() and side.strip().isdecimal() for side in sides):
        raise typer.BadParameter(f"{flag(name)} is left,top,right,bottom in pixels, such as 40,10,90,160, not {text!r}")
    left, top, right, bottom = map(int, sides)
    return left, top, right, bottom


def moment(name: str, text: str | None) -> datetime | None:
    """The moment that an option says.

    Raises:
        BadParameter: it says none, or has no zone.
    """
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{flag(name)} must be ISO 8601 such as 2026-03-01T22:15:00+01:00, not {text!r}"
        ) from None
    if instant.tzinfo is None:
        raise typer.BadParameter(f"{flag(name)} {text!r} has no zone; append an offset such as +01:00, or Z")
    return instant
