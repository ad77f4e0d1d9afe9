"""Rewrites docs/methods/rows.md: every row of every table, the command that trains it, and what its paper prints.

python -m tests.publish_rows
"""

from __future__ import annotations

from pathlib import Path

from rgbir.training.methods import METHODS, Entry, published_rows
from rgbir.training.methods.checkpoints import checkpoint_of
from rgbir.training.methods.published import MISSING, SCORES, SETTINGS, quoted
from rgbir.training.methods.systems import systems

PAGE = Path(__file__).parent.parent / "docs" / "methods" / "rows.md"
HEAD = """# Every row of every table

A row is a set of changes to a method's recipe, by name. This trains it; `--data` is the root of the data set that the row is
about, and FILE the checkpoint that the row's line names, with weights from ImageNet:

```sh
rgbir train METHOD --row ROW --data DATA --out runs/ROW --set imagenet=FILE --device cuda
```

`resnet50-19c8e357.pth`, `alexnet-owt-7be5be79.pth` and `densenet121-a639ec97.pth` are torchvision's, `mlfn-9cb5a267.pth.tar` is
deep-person-reid's; nothing is downloaded. Where the line says none, leave `--set imagenet=FILE` out. That a row starts from these
weights is so here, not in every paper: those of LCCRF and HPILN never mention any. A row about RegDB is a run for each of its ten
splits (`--set data.split=1` to `10`).

Published numbers are the papers', in percent and as printed, and not ours. Searches, all and indoor, are SYSU-MM01's, and from
thermal to visible or back is RegDB. expAT and LCCRF count images, not identities, so their ranks beyond the first are lower than
others'. A line without numbers says why it has none; rows that begin with `ours.` stand in no table of their paper. The numbers of a
baseline are those that other papers quote, with whom; [all that they quote](#what-the-papers-quote-of-others) is at the end, after
[a list of every system](#every-system-of-the-tables).

This page is written by `python -m tests.publish_rows`.
"""
SYSTEMS = """
## Every system of the tables

{total} systems are named in a table of the five papers: {here} are here, {quoted} are quoted with the reason why they aren't, none is
missing. Commands need `--data DATA`, and a training `--out` and `--set imagenet=FILE`. What the papers print of a system is in the
tables after this one, or beside its row above.

| system | here | to be known |
|---|---|---|
"""
QUOTED = """
## What the papers quote of others

As the five papers print it, digit by digit, with the papers that do. None of these numbers
is ours. [Which of them are here](#every-system-of-the-tables) stands above.
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(_section(name, entry) for name, entry in METHODS.items()) + _systems() + QUOTED + _quoted()


def _systems() -> str:
    every = systems()
    here = [f"`{system.command}`" if system.command else "quoted" for system in every]
    lines = [f"| {system.name} | {place} | {system.reason} |\n" for system, place in zip(every, here, strict=True)]
    quoted_ones = here.count("quoted")
    return SYSTEMS.format(total=len(every), here=len(every) - quoted_ones, quoted=quoted_ones) + "".join(lines)


def _section(name: str, entry: Entry) -> str:
    printed = published_rows().get(name, {})
    lines = [f"\n## {name}\n\n{entry.paper}.\n\n| row | changes | FILE | published |\n|---|---|---|---|\n"]
    for row, changes in entry.rows.items():
        settings = ", ".join(f"`{key}={_value(value)}`" for key, value in changes.items()) or "none"
        file = checkpoint_of(entry.resolve(row=row))
        lines.append(f"| `{row}` | {settings} | {f'`{file}`' if file else 'none'} | {printed.get(row, '')} |\n")
    return "".join(lines)


def _quoted() -> str:
    lines: list[str] = []
    for setting, words in SETTINGS.items():
        lines.append(
            f"\n### Quoted: {words}\n\n| method | {' | '.join(SCORES)} | quoted by |\n|---|---|---|---|---|---|\n"
        )
        for line in quoted():
            if line.setting == setting:
                scores = " | ".join("" if score == MISSING else score for score in line.scores)
                lines.append(f"| {line.method} | {scores} | {line.papers} |\n")
    return "".join(lines)


def _value(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
