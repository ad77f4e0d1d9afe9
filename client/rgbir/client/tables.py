"""Answers as tables of pandas, which is imported when one is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    import pandas

M = TypeVar("M", bound=BaseModel)
_TYPES = {bool: "boolean", int: "Int64", float: "float64", str: "string", datetime: "datetime64[us, UTC]"}


class Rows(list[M], Generic[M]):
    """A list of models that becomes a table.

    Args:
        kind: of each; it gives the columns, of an empty list too.
        items: the models.
    """

    def __init__(self, kind: type[M], items: Iterable[M] = ()) -> None:
        super().__init__(items)
        self.kind = kind

    def __reduce__(self) -> tuple[type[Rows[M]], tuple[type[M], list[M]]]:
        return type(self), (self.kind, list(self))

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each; times are in UTC.

        Raises:
            ImportError: there is no pandas.
        """
        return of_models(self.kind, self)


class Entries(list[dict[str, Any]]):
    """Entries of the audit log."""

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each, with `at` in UTC.

        Raises:
            ImportError: there is no pandas.
        """
        table = _pandas().DataFrame(list(self))
        if "at" in table:
            table["at"] = _pandas().to_datetime(table["at"], utc=True)
        return table


def of_models(kind: type[M], models: Iterable[M]) -> pandas.DataFrame:
    """A row for each model, a column for each field.

    Raises:
        ImportError: there is no pandas.
    """
    names = list(kind.model_fields)
    return of_records(columns(kind), ({name: getattr(model, name) for name in names} for model in models))


def columns(*kinds: type[BaseModel]) -> dict[str, str]:
    """The types of the columns, by the names of the models' fields."""
    return {name: _type(field.annotation) for kind in kinds for name, field in kind.model_fields.items()}


def of_records(types: Mapping[str, str], records: Iterable[Mapping[str, Any]]) -> pandas.DataFrame:
    """A row for each record; its missing values are missing in the table.

    Raises:
        ImportError: there is no pandas.
    """
    pd, rows = _pandas(), list(records)
    return pd.DataFrame({name: _column([row.get(name) for row in rows], kind) for name, kind in types.items()})


def _column(values: list[Any], kind: str) -> Any:
    pd = _pandas()
    if kind.startswith("datetime"):
        return pd.to_datetime(pd.Series(values, dtype="object"), utc=True).astype(kind)
    return pd.Series(values, dtype=kind)


def _type(annotation: Any) -> str:
    """Of a column for values of that kind."""
    if get_origin(annotation) is Annotated:
        return _type(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return _TYPES[str]
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return _type(kinds[0]) if len(kinds) == 1 else "object"
    return _TYPES.get(annotation, "object")


def _pandas() -> Any:
    """
    Raises:
        ImportError: there is none.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("a table needs pandas: pip install pandas") from error
    return pandas
