"""Names at the end of a path: whatever a caller writes there, slashes and line feeds too.

Starlette's own `path` ends at a line feed, so that a name with one in it would meet no route.
"""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class NameConvertor(Convertor[str]):
    """The rest of the path as it is, percent-encoding undone."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("name", NameConvertor())


def named(parameter: str) -> str:
    """What stands for it at the end of a route's path."""
    return f"{{{parameter}:name}}"
