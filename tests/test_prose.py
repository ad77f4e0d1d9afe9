"""Every page for readers in plain English, and the check of that on texts made for it."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
from collections.abc import Iterator

import pytest
from typer.main import get_command

from rgbir.client.cli import LazyGroup, app
from rgbir.client.config import subcommands
from tests.programs import needs
from tests.prose import ROOT, WORDS, offences, pages
from tests.rooms import PARTS


def test_every_page_is_in_plain_english() -> None:
    for page in pages():
        name = str(page.relative_to(ROOT))
        found = [f"{name}:{each.line}: {each.what}: {each.text}" for each in offences(page.read_text(encoding="utf-8"))]
        assert not found, "\n".join(["Say it in shorter sentences:", *found])


def test_what_a_version_asks_of_users_is_in_plain_english() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (opening,) = re.findall(r"^## \[0\.2\.0\].*?(?=^###)", changes, re.MULTILINE | re.DOTALL)
    assert "It\nasks" in opening
    assert not [str(each) for each in offences(opening)]


def faults(where: str, text: str) -> list[str]:
    """What is wrong with the sentences of a text that isn't a page; its lines are as long as its place has room."""
    return [f"{where}: {each.text}" for each in offences(text) if each.what != "line"]


def test_the_help_of_every_command_is_in_plain_english() -> None:
    group = get_command(app)
    assert isinstance(group, LazyGroup)
    context = group.make_context("rgbir", ["config"], resilient_parsing=True)
    waiting = [(f"rgbir {name}", group.get_command(context, name)) for name in group.list_commands(context)]
    found, texts = list[str](), 0
    while waiting:
        name, command = waiting.pop()
        assert command is not None
        waiting += [(f"{name} {child}", inner) for child, inner in subcommands(command).items()]
        helps = {"": command.help, **{str(param.name): getattr(param, "help", None) for param in command.params}}
        for option, text in helps.items():
            found += faults(f"{name} {option}", text or "")
            texts += bool(text)
    assert not found
    assert texts > 500


def docstrings(name: str) -> Iterator[tuple[str, str]]:
    """Of what the Python reference shows of a module: its classes, their methods, its functions."""
    module = importlib.import_module(name)
    public = getattr(module, "__all__", [each for each, value in vars(module).items() if here(value, name)])
    for each in public:
        value = getattr(module, each)
        inner = vars(value).items() if inspect.isclass(value) else ()
        methods = {method: member for method, member in inner if method[0] != "_" and callable(member)}
        for of, thing in {each: value, **{f"{each}.{method}": member for method, member in methods.items()}}.items():
            if inspect.isclass(thing) or inspect.isfunction(thing):
                yield f"{name}.{of}", inspect.cleandoc(thing.__doc__ or "")


def here(value: object, module: str) -> bool:
    return getattr(value, "__module__", None) == module and not getattr(value, "__name__", "_").startswith("_")


def as_markdown(docstring: str) -> str:
    """Arguments as items, without the words above them."""
    text = re.sub(r"^(Args|Attributes|Returns|Raises|Yields|Examples?):$", "", docstring, flags=re.MULTILINE)
    return re.sub(r"^ {4}(?=\S)", "* ", text, flags=re.MULTILINE)


def test_the_python_reference_is_in_plain_english() -> None:
    reference = (ROOT / "docs/reference/python.md").read_text(encoding="utf-8")
    modules = re.findall(r"^\.\. automodule:: (\S+)$", reference, re.MULTILINE)
    assert len(modules) >= 5
    told = dict(pair for module in ("rgbir.client", *modules) for pair in docstrings(module))
    assert len(told) > 300
    assert not [fault for name, text in told.items() for fault in faults(name, as_markdown(text))]


def test_the_pages_english_texts_are_in_plain_english() -> None:
    needs("node", "the page's texts")
    folder = ROOT / "server/rgbir/server/page/texts"
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", TABLES, *sorted(map(str, folder.glob("*.js")))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    texts = json.loads(done.stdout)
    assert len(texts) > 300
    assert not [fault for name, text in texts for fault in faults(name, text)]


TABLES = """
const texts = [];
for (const file of process.argv.slice(1)) {
    for (const table of Object.values(await import(file))) {
        for (const [name, [english]] of Object.entries(table)) {
            for (const text of typeof english === "string" ? [english] : Object.values(english)) texts.push([name, text]);
        }
    }
}
console.log(JSON.stringify(texts));
"""


@pytest.mark.slow
def test_no_message_has_a_word_that_readers_stumble_over() -> None:
    words = [re.compile(word) for word in WORDS if word[0] != "^"]
    found = []
    for file in (file for part in PARTS for file in (ROOT / part).rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        if not any(word.search(source) for word in words):
            continue
        nodes = list(ast.walk(ast.parse(source)))
        documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        texts = [(n.lineno, n.value) for n in nodes if isinstance(n, ast.Constant) and id(n) not in documentation]
        found += [
            f"{file}:{line}: {text}"
            for line, text in texts
            for word in words
            if isinstance(text, str) and word.search(text)
        ]
    assert not found


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
