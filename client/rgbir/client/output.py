"""What commands say, where, and to whom: the answer on standard output, everything else on standard error.

A command returns its `Answer`, and the root prints it: its lines for people, or its content as one document of JSON. Parts that
can't import this one return an object with the same fields. Along the way a command speaks through two loggers, by which other parts
reach it: `rgbir.notes` for what happens, `rgbir.remarks` for what is worth knowing. `--quiet` silences both, and `-v` adds what the
modules themselves log.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar, cast, get_args, get_type_hints

from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

S = TypeVar("S")
LEVELS = (logging.NOTSET, logging.INFO, logging.DEBUG)
"""Of the loggers of modules, without -v, with it, and with -vv."""
WHOLE_LINES = 10_000
"""Characters of a line that nobody reads on a terminal: no column is folded."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[S]):
    """What a command found or did.

    Attributes:
        content: of its documented shape; what `--json` prints.
        lines: for people: texts and tables.
        exit_code: 0, or 3 where something was passed over, or 1 where the answer is no.
    """

    content: S
    lines: Iterable[str | Table] = field(default_factory=list)
    exit_code: int = 0


def shape_of(callback: Any) -> Any:
    """The type of the content that a command returns; None if it returns no answer."""
    returned = get_type_hints(callback).get("return")
    arguments = get_args(returned)
    return arguments[0] if arguments else None


_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Signs that a terminal obeys, or can't be given: file names, tables and cards of others may hold them."""


def printable(text: str) -> str:
    """A text for a terminal: what a terminal would obey is shown as it is written in JSON, such as `\\u001b`."""
    return _UNPRINTABLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def as_document(content: Any) -> str:
    """One document. A number that isn't finite is null: JSON has none."""
    plain = to_jsonable_python(content, by_alias=True, inf_nan_mode="null")
    return printable(json.dumps(plain, indent=2, ensure_ascii=False))  # which takes a file's name that is no text


def show(lines: Iterable[str | Table]) -> None:
    """Prints texts as they are, and tables within the terminal's width: no cell is cut."""
    for line in lines:
        if isinstance(line, str):
            print(printable(line))
        else:
            show_table(line)


def show_table(table: Table) -> None:
    """A table, or a block for each row where the longest words don't fit beside each other."""
    for column in table.columns:
        column.header = printable(str(column.header))
        column._cells[:] = [printable(str(cell)) for cell in column.cells]
    wide = sys.stdout.isatty() or "COLUMNS" in os.environ
    console = Console(width=None if wide else WHOLE_LINES, markup=False, highlight=False)
    if Measurement.get(console, console.options.update(max_width=WHOLE_LINES), table).minimum <= console.width:
        console.print(table)
        return
    headings = [str(column.header) for column in table.columns]
    broad = max(map(len, headings))
    rows = zip(*(column.cells for column in table.columns), strict=True)
    for number, cells in enumerate(rows):
        if number:
            print()
        for heading, cell in zip(headings, cells, strict=True):
            print(f"{heading:<{broad}}  {cell}".rstrip())


def local(moment: datetime | None) -> str:
    """A moment on this machine's clocks, with its zone, such as `2026-11-26 09:14:05 CET`; `-` for none."""
    return "-" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def note(text: str) -> None:
    """Says what happens."""
    logging.getLogger("rgbir.notes").info("%s", text)


def remark(text: str) -> None:
    """Says what is worth knowing, on standard error."""
    logging.getLogger("rgbir.remarks").info("%s", text)


class _Speaker(logging.Handler):
    """Prints messages alone, on standard output or standard error, whichever these are then."""

    def __init__(self, stream: str) -> None:
        super().__init__()
        self.stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        print(printable(self.format(record)), file=getattr(sys, self.stream), flush=True)


@dataclass(slots=True)
class Manner:
    """How a command was asked to speak.

    Attributes:
        json: its answer as JSON.
        quiet: nothing but the answer and errors.
        verbose: how often -v was given.
    """

    json: bool = False
    quiet: bool = False
    verbose: int = 0

    @classmethod
    def of(cls, ctx: Any) -> Manner:
        """The call's, which options of the root and of the command set together."""
        return cast(Manner, ctx.meta.setdefault("rgbir.manner", cls()))

    def take_effect(self) -> None:
        """Sets the loggers: notes go where the answer doesn't."""
        for name, stream in (("rgbir.notes", "stderr" if self.json else "stdout"), ("rgbir.remarks", "stderr")):
            logger = logging.getLogger(name)
            logger.handlers[:] = [_Speaker(stream)]
            logger.setLevel(logging.ERROR if self.quiet else logging.INFO)
            logger.propagate = False
        modules = logging.getLogger("rgbir")
        modules.handlers[:] = [handler for handler in modules.handlers if not isinstance(handler, _Speaker)]
        if self.quiet or self.verbose:
            speaker = _Speaker("stderr")
            speaker.setFormatter(logging.Formatter("%(name)s: %(message)s"))
            modules.addHandler(speaker)
        modules.setLevel(logging.ERROR if self.quiet else LEVELS[min(self.verbose, 2)])
