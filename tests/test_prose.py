"""Every page for readers in plain English, and the check of that on texts made for it."""

from __future__ import annotations

import pytest

from tests.prose import ROOT, offences, pages

NOT_YET = {
    "docs/benchmarks.md": 78,
    "docs/how-to/kubernetes.md": 3,
    "docs/how-to/measure-by-judging.md": 3,
    "docs/how-to/milvus.md": 3,
    "docs/how-to/read-an-evaluation.md": 3,
    "docs/how-to/reverse-proxy.md": 10,
    "docs/how-to/several-gpus.md": 9,
    "docs/how-to/sizing.md": 12,
    "docs/large-galleries.md": 6,
    "docs/server.md": 124,
}
"""How many offences a page may still have; a page that isn't here may have none. Numbers only fall."""


def test_every_page_is_in_plain_english() -> None:
    for page in pages():
        name = str(page.relative_to(ROOT))
        found = [f"{name}:{each.line}: {each.what}: {each.text}" for each in offences(page.read_text(encoding="utf-8"))]
        assert len(found) <= NOT_YET.get(name, 0), "\n".join(["Say it in shorter sentences:", *found])


def test_the_pages_that_are_not_yet_held_to_it_exist() -> None:
    assert set(NOT_YET) <= {str(page.relative_to(ROOT)) for page in pages()}


WORDS_25 = " ".join(["so"] * 25)


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("# Title\n\n" + "word " * 12 + "\n" + "word " * 14 + "end.", "sentence", 3),
        (f"Short. {WORDS_25} more.", "sentence", 1),
        (f"* {WORDS_25} and\n  one more.", "sentence", 1),
        (f"1. Short.\n2. {WORDS_25} [a link](to/a/page.md).", "sentence", 2),
        (f"Short.\n{WORDS_25}, e.g. this.", "sentence", 2),
        ("Short. " * 17 + "Four.", "line", 1),
        ("One.\n\n> " + "Short. " * 17 + "Four.", "line", 3),
        ("The list is made\nanew.", "word", 1),
        ("All is as ever.", "word", 1),
        ("The same road leads there.", "word", 1),
        ("There is a second road.", "word", 1),
        ("It pulls to the own centre.", "word", 1),
        ("There is one span a request.", "word", 1),
        ("Two. **Who leaves** is forgotten.", "word", 1),
    ],
)
def test_what_a_reader_stumbles_over_is_found(text: str, what: str, line: int) -> None:
    assert [(each.what, each.line) for each in offences(text)] == [(what, line)]


@pytest.mark.parametrize(
    "text",
    [
        f"{WORDS_25[:-3]} end.\n{WORDS_25[:-3]}",
        f"# {WORDS_25} more\n\nShort.",
        f"| {WORDS_25} | {WORDS_25} |" * 2,
        f"```sh\n{WORDS_25} more, anew {WORDS_25}\n```\n\n~~~text\n{WORDS_25 * 2}\n~~~",
        f"<!-- {WORDS_25}\n{WORDS_25} -->",
        f"`{WORDS_25} more`.",
        f"* {WORDS_25}\n* {WORDS_25}\n\n  {WORDS_25}",
        "Read [this](" + "a/" * 80 + "b.md).",
        "Read https://example.org/" + "a" * 120,
        "It is `anew` in the code. Each has a file of its own, and keeps its own centre.",
        "Who leaves first? Whoever leaves is forgotten, and a person who leaves, too.",
        "It writes one line for each request. A railway and a broad road sign. Three times a day.",
        "It comes with its truth. rgbir draws " + "so " * 18 + "on.",
    ],
)
def test_nothing_is_found_in_good_text(text: str) -> None:
    assert not list(offences(text))
