"""Is the audit log whole? Each entry's place in the chain, and heads of it that were noted elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from rgbir.client.evidence.entries import hash_of, line_of
from rgbir.server.access.audit import START, lines_of, size_of
from rgbir.server.access.heads import read_heads
from rgbir.server.errors import AuditFailed

CLOCK_S = 2.0
"""Seconds that a clock may be set back by while it is kept right."""


class Finding(NamedTuple):
    """What is wrong with a log.

    Attributes:
        entry: number of the first entry that shows it; None where none does.
        text: that in words.
    """

    entry: int | None
    text: str


class Chain(NamedTuple):
    """What a look at a log found.

    Attributes:
        first, last: numbers of the first and the last entry whose place in the chain is right; None without any.
        findings: none if the log is whole.
    """

    first: int | None
    last: int | None
    findings: list[Finding]


def examined(
    files: Path | Sequence[Path], head: str | None = None, heads: Path | None = None, live: bool = False
) -> Chain:
    """Follows the chain, up to where it is broken. Bytes are judged, not what JSON makes of them.

    Args:
        files: of one log, the oldest first. One that goes on from another may come without it.
        head: the hash of an entry that must be in it, as noted elsewhere.
        heads: a file of `Heads`, each of which must be in it, from its first entry on.
        live: the log is one file that is being written; it is read up to the last entry that was there by then.

    Raises:
        AuditFailed: no such file, or a line that is no entry.
    """
    wanted = [] if heads is None else read_heads(heads)
    end = size_of(files) if live and isinstance(files, Path) else None  # after the heads: theirs are in it
    sought = {head, *(noted.hash for noted in wanted)}
    previous, number, latest = START, 0, ""
    first: int | None = None
    seen, findings = {START}, []
    for line, entry in lines_of(files, end):
        if first is None and entry.get("action") == "continued" and isinstance(entry.get("n"), int):
            number, previous = entry["n"] - 1, str(entry.get("previous"))
            seen.add(previous)
        last, number = None if first is None else number, number + 1
        wrong = ""
        if entry.get("n") != number:
            wrong = f"its number is {entry.get('n')}; entries were taken out or put in"
        elif entry.get("previous") != previous:
            wrong = "it doesn't follow the one before it; that one was changed or taken out"
        elif entry.get("hash") != hash_of(entry) or line != line_of(entry):
            wrong = "it is not what was written"
        if wrong:
            return Chain(first, last, [Finding(number, f"entry {number}: {wrong}")])
        first = number if first is None else first
        previous = entry["hash"]
        if previous in sought:
            seen.add(previous)
        at = str(entry.get("at"))
        if latest and _seconds(at) < _seconds(latest) - CLOCK_S:
            text = f"entry {number}: the clock ran back, from {latest} to {at}; its times can't be trusted"
            findings.append(Finding(number, text))
        latest = at
    if head is not None and head not in seen:
        text = (
            f"the entry with the hash {head} is not in the {number} entries; the end was cut off, or it is another log"
        )
        findings.append(Finding(None, text))
    begun = 1 if first is None else first
    for noted in wanted:
        which = f"entry {noted.n}, whose hash was noted in {heads}, is"
        if noted.n < begun - 1:
            text = f"{which} of a file that was rotated away; name that one first, or nothing before entry {begun} is proven"
            findings.append(Finding(None, text))
            break
        if noted.hash not in seen:
            text = f"{which} not in the {number} entries; the log was made again, or its end was cut off"
            findings.append(Finding(noted.n, text))
            break
    return Chain(first, None if first is None else number, findings)


def now(file: Path, heads: Path | None = None) -> Chain:
    """Of a log that is being written: up to the last entry that was written before this look.

    A line that is no entry is a finding here, and files' paths aren't told.
    """
    try:
        chain = examined(file, None, heads, live=True)
    except AuditFailed as error:
        text = str(error).replace(str(file), "the log").replace(str(heads), "the file of heads")
        return Chain(None, None, [Finding(None, text)])
    findings = [
        finding._replace(text=finding.text.replace(str(heads), "the file of heads")) for finding in chain.findings
    ]
    return chain._replace(findings=findings)


def problems(files: Path | Sequence[Path], head: str | None = None, heads: Path | None = None) -> list[str]:
    """What `examined` finds, in words; none if the log is whole."""
    return [finding.text for finding in examined(files, head, heads).findings]


def _seconds(moment: str) -> float:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except (ValueError, OverflowError):
        return 0.0
