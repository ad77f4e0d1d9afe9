"""How an answer looks in a notebook. All text in it may be a stranger's, so all of it is escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

_KINDS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


class Row(NamedTuple):
    """One hit.

    Attributes:
        picture: its crop, JPEG or PNG; none where it can't be shown.
        instead: what stands there then.
        cells: the text of the other columns.
    """

    picture: bytes | None
    instead: str
    cells: Sequence[str]


def answer(title: str, verdicts: Iterable[str], columns: Sequence[str], rows: Sequence[Row], more: int) -> str:
    """HTML of an answer: what was asked, what is doubtful, and the hits.

    Args:
        more: hits that aren't among the rows.
    """
    parts = [f"<p>{escape(title)}</p>"]
    parts += [f"<p><strong>{escape(verdict)}</strong></p>" for verdict in verdicts]
    heads = "".join(f"<th>{escape(name)}</th>" for name in ("", *columns))
    body = "".join(_row(row) for row in rows)
    parts.append(f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>" if rows else "<p>no hits</p>")
    if more:
        parts.append(f"<p>and {more:,} more</p>")
    return f"<div>{''.join(parts)}</div>"


def _row(row: Row) -> str:
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in row.cells)
    return f"<tr><td>{_picture(row)}</td>{cells}</tr>"


def _picture(row: Row) -> str:
    kind = next((kind for start, kind in _KINDS.items() if (row.picture or b"").startswith(start)), None)
    if row.picture is None or kind is None:
        return f"<em>{escape(row.instead or 'no picture')}</em>"
    return f'<img alt="" style="height: 120px" src="data:{kind};base64,{b64encode(row.picture).decode()}">'
