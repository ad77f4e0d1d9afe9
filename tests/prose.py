"""Plain English: long lines, long sentences and words that a reader stumbles over.

`python -m tests.prose FILE…` prints them, `python -m tests.prose` counts those of every page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
LINE, SENTENCE = 120, 25
"""The most characters of a line, and the most words of a sentence."""

_COUNTED = r"(?:spans?|files?|rows?|lines?|figures?|images?|pages?|sentences?|tests?|process(?:es)?)"
_EACH = r"(?:request|run|camera|row|page|search|file|image|picture|sighting|person|method|test|route|line|room)"
WORDS = {
    r"\banew\b": "again",
    r"\bas ever\b": "as before",
    r"\broads?\b(?! (?:sign|user|traffic))": "way, or link",
    r"\b[Tt]he own\b|\b[Aa]n own\b": "its own",
    rf"\b{_COUNTED} an? {_EACH}\b": "per, or for each",
    r"^Who (?:[a-z]+s|may|can|was)\b(?=.*\.$)": "whoever",
}
"""What to say instead, by an expression that finds the word in a sentence."""

_CODE = re.compile(r"^ *(```|~~~).*?^ *\1 *$|<!--.*?-->", re.MULTILINE | re.DOTALL)
_SHORT = r"(?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)(?<! al\.)(?<!Fig\.)(?<!Eq\.)(?<!cf\.)"
_END = re.compile(rf"(?<=[.!?]){_SHORT}[)\"”*_]*\s+|\n\s*\n")
_MARKS = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\))?|[*_]{1,2}(?=\S)|(?<=\S)[*_]{1,2}|<[^>]+>")


class Offence(NamedTuple):
    """What a reader stumbles over.

    Attributes:
        line: from 1.
        what: `line`, `sentence` or `word`.
        text: the sentence, with what is wrong in front of it.
    """

    line: int
    what: str
    text: str


def offences(markdown: str) -> Iterator[Offence]:
    """Whatever of a page is too long, or worded so that a stranger stumbles. Tables, code and addresses don't count."""
    prose = _CODE.sub(lambda code: "\n" * code[0].count("\n"), markdown)
    for number, line in enumerate(prose.split("\n"), 1):
        address = re.search(r"\S*(?:\]\(|://)\S*$", line)
        if len(line[: address.start()] if address else line) > LINE and not line.lstrip().startswith(("|", "![")):
            yield Offence(number, "line", f"{len(line)} characters")
    for start, block in _blocks(prose):
        for offset, sentence in _sentences(block):
            for what, text in wrong(sentence):
                yield Offence(start + block.count("\n", 0, offset), what, text)


def wrong(sentence: str) -> Iterator[tuple[str, str]]:
    """What is wrong with a sentence of Markdown: `sentence` or `word`, and the text of it."""
    plain = " ".join(_MARKS.sub(r"\1", re.sub(r"(`+)[^`]+\1", "code", sentence)).split())
    if (words := len(plain.split())) > SENTENCE:
        yield "sentence", f"{words} words: {plain}"
    for expression, instead in WORDS.items():
        if word := re.search(expression, plain):
            yield "word", f"{word[0]!r} ({instead}): {plain}"


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Paragraphs and items, with the number of their first line; headings and tables are left out."""
    lines, start = list[str](), 1
    for number, line in enumerate([*text.split("\n"), ""], 1):
        bullet = re.match(r"\s*(?:[*+-]|\d+\.) +", line)
        skipped = not line.strip() or line.lstrip().startswith(("|", "#", ":::", "---"))
        if (bullet or skipped) and lines:
            yield start, "\n".join(lines)
            lines = []
        if not skipped:
            start = start if lines else number
            lines.append(line[bullet.end() :] if bullet else line)


def _sentences(block: str) -> Iterator[tuple[int, str]]:
    at = 0
    for end in [*_END.finditer(block), None]:
        yield at, block[at : end.start() if end else len(block)]
        at = end.end() if end else at


def pages() -> list[Path]:
    """The documents for readers: no decisions, and nothing that is generated."""
    generated = {"rows.md", "evidence.md", "command-line.md", "http.md"}
    written = [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
        *(ROOT / "docs").rglob("*.md"),
    ]
    return sorted(p for p in written if p.name not in generated and "decisions" not in p.parts)


def main(files: list[Path]) -> None:
    for path in files:
        for offence in offences(path.read_text(encoding="utf-8")):
            print(f"{path}:{offence.line}: {offence.what}: {offence.text}")
    for path in [] if files else pages():
        kinds = [offence.what for offence in offences(path.read_text(encoding="utf-8"))]
        parts = ", ".join(f"{kinds.count(kind)} of {kind}" for kind in sorted(set(kinds)))
        print(f"{len(kinds):4} {path.relative_to(ROOT)} {parts}")


if __name__ == "__main__":
    main([Path(file) for file in sys.argv[1:]])
