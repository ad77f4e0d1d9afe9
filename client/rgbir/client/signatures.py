"""The true signature of a client's method: every option with its type and default, in the place of `**options`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from textwrap import wrap
from typing import Any, Unpack, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo


def show_truly(method: Callable[..., Any], build: Callable[..., Any]) -> None:
    """Gives a method the signature and the help of the function that builds its request.

    Args:
        method: of a client.
        build: takes what the method takes, and returns a `Call` of what the method returns.
    """
    plain = inspect.signature(build, eval_str=True)
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]
    help_ = inspect.getdoc(build) or ""
    for parameter in plain.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD and get_origin(parameter.annotation) is Unpack:
            (form,) = get_args(parameter.annotation)
            options = dict(_options(form))
            parameters += [option for option, _ in options.values()]
            help_ = _with_options(help_, parameter.name, {name: what for name, (_, what) in options.items()})
        else:
            parameters.append(parameter)
    (answer,) = get_args(plain.return_annotation)
    shown = inspect.Signature(parameters, return_annotation=answer)
    method.__signature__ = shown  # type: ignore[attr-defined]
    method.__annotations__ = {
        **{name: parameter.annotation for name, parameter in shown.parameters.items() if name != "self"},
        "return": answer,
    }
    method.__doc__ = help_


def _options(form: type) -> Iterator[tuple[str, tuple[inspect.Parameter, str]]]:
    """Each field of a form of the wire, with what it is for."""
    for name, hint in get_type_hints(form, include_extras=True).items():
        kind, field = get_args(hint)
        assert isinstance(field, FieldInfo)
        option = inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=_without_extras(kind)
        )
        yield name, (option, field.description or "")


def _without_extras(kind: Any) -> Any:
    """The type that a caller sees, without the bounds of the wire."""
    return get_type_hints(type("Seen", (), {"__annotations__": {"kind": kind}}))["kind"]


def _with_options(help_: str, name: str, options: dict[str, str]) -> str:
    """The help, each option on lines of its own in the place of the one for all."""
    lines = [
        "\n".join(wrap(f"{option}: {what}.", 120, initial_indent="    ", subsequent_indent="        "))
        for option, what in options.items()
    ]
    arguments = "\n".join(lines)
    whole, count = re.subn(rf"^    {name}: .*$", lambda _: arguments, help_, flags=re.MULTILINE)
    return whole if count else f"{help_}\n\nArgs:\n{arguments}"
