"""A report of how often a model errs, for readers: as Markdown, and as one HTML page that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from typing import NamedTuple

from rgbir.index.robustness import Accepts, Estimate, Property, Robustness, Side, Slice

TITLE = "Errors that you must know"
COLUMNS = ("", "probes", "people", "rank-1", "mAP", "mINP")
ACCEPTS = (
    "probes of",
    "searched",
    "probes",
    "people",
    "false leads",
    "found and called a lead",
    "right first hits that pass",
)
INTRODUCTION = (
    "Percent, with the interval that holds the truth 19 times of 20 if other people were drawn. Probes of one person aren't"
    " independent: whole people were resampled. The people and cameras are those of this data; others may differ more.",
    "Rank-1 is the share of probes whose first answer is right. Slices overlap: small crops are often blurred, too.",
)
FALSE_LEADS = (
    "Each probe was searched with its person in the gallery, and without. A false lead is a search without the person that the"
    " verdict calls a lead all the same. The verdict's calibration was measured on the other half of the people."
)
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.2rem .7rem;border-bottom:1px solid #999;text-align:left}"
)
PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'; sandbox"
)
"""The Content-Security-Policy that a server sends with it."""


class Block(NamedTuple):
    """A part of the page.

    Attributes:
        level: of its heading, from 1.
        title: its heading.
        texts: paragraphs.
        rows: a table, its head first; none without one.
    """

    level: int
    title: str
    texts: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def blocks(report: Robustness) -> Iterator[Block]:
    """The page in its order."""
    yield Block(1, TITLE, (", ".join(f"{key}: {value}" for key, value in report.about.items()), *INTRODUCTION))
    for side in report.sides:
        yield Block(2, f"{side.probes.capitalize()} probes", (), _table([side.whole]))
        yield from (_property(each) for each in side.properties)
        yield Block(
            3, "By pair of cameras", ("The probe's camera → the only camera that is searched.",), _table(side.pairs)
        )
        yield Block(3, "False leads", (FALSE_LEADS,), _accepts(side))
    yield Block(2, "Measured by", (", ".join(f"{key} {value}" for key, value in report.protocol.items()),))


def markdown(report: Robustness) -> str:
    """With tables of GitHub's kind."""
    lines: list[str] = []
    for block in blocks(report):
        lines += [f"{'#' * block.level} {block.title}", ""]
        for text in block.texts:
            lines += [text, ""]
        if block.rows:
            rows = [f"| {' | '.join(cell.replace('|', '∣') for cell in row)} |" for row in block.rows]
            lines += [rows[0], "|" + "---|" * len(block.rows[0]), *rows[1:], ""]
    return "\n".join(lines).rstrip() + "\n"


def errors_page(report: Robustness) -> str:
    """A whole document, with its style and without a script."""
    body = []
    for block in blocks(report):
        body.append(f"<h{block.level}>{escape(block.title)}</h{block.level}>")
        body += [f"<p>{escape(text)}</p>" for text in block.texts]
        if block.rows:
            lines = ["".join(f'<th scope="col">{escape(cell)}</th>' for cell in block.rows[0])]
            lines += ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in block.rows[1:]]
            body.append(f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{TITLE}</title>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head><body>\n'
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _property(each: Property) -> Block:
    whose = {"probe": "the probe's", "rows sought": "the rows sought", "both": ""}[each.of]
    title = f"{each.name.capitalize()}{f' ({whose})' if whose else ''}"
    return Block(3, title, (f"{each.measure}.", *([each.unknown] if each.unknown else ())), _table(each.slices))


def _table(slices: tuple[Slice, ...] | list[Slice]) -> tuple[tuple[str, ...], ...]:
    rows = []
    for each in slices:
        figures = [each.why, "", ""] if each.why else [_shown(f) for f in (each.rank_1, each.mean_ap, each.mean_inp)]
        rows.append((each.name, f"{each.probes:,}", f"{each.identities:,}", *figures))
    return (COLUMNS, *rows) if rows else ()


def _accepts(side: Side) -> tuple[tuple[str, ...], ...]:
    return (ACCEPTS, *(_accept(each) for each in side.accepts))


def _accept(each: Accepts) -> tuple[str, ...]:
    figures = [each.why, "", ""] if each.why else map(_shown, (each.false_accepts, each.right_leads, each.passing))
    return each.camera, each.searched, f"{each.probes:,}", f"{each.identities:,}", *figures


def _shown(estimate: Estimate | None) -> str:
    if estimate is None:
        return "too few"
    return f"{100 * estimate.value:.1f} ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})"
