"""The page that tells the runs: nothing is on it that isn't in their file, or in `synth.toml`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean, stdev
from typing import Any

from rgbir.export.reproduce.synth.budget import within
from rgbir.export.reproduce.synth.drawing import drawing
from rgbir.export.reproduce.synth.evidence import Run, alike
from rgbir.export.reproduce.synth.measure import LISTS, SCORES, TESTED
from rgbir.export.reproduce.synth.pairs import LEAST, UNDECIDED, Paired, paired
from rgbir.export.reproduce.synth.rows import SynthRow, changes, rows
from rgbir.index import listed

SIZES = ("small", "full", "tiny")
DECIDED_BY = ("rank_1", "mAP")
"""What two rows are compared by, on the people tested."""
UNLEARNT = "neither has learnt"
LEARNT = 2.0
"""Times chance: a row below it has learnt next to nothing."""
HEAD = """\
# Evidence on synthetic people

Every method of the five papers, the main parts of each, and `strong` are trained alike on synthetic people. Then they
are compared in pairs. Nobody on the images is real. **What is found here says nothing about the papers' numbers on real
data**, nor about real cameras.

`rgbir reproduce synth` makes this page from [the finished runs](evidence.json); [how](how-to/compare-methods.md).
"""
READING = """\
## How to read it

* A figure is the mean over seeds, in percent; ± is the standard deviation over seeds (n - 1).
* Infrared asks for colour: all-search, single shot, ten galleries.
* Networks train on the list train. Nothing is chosen on val or test: the last weights count.
* Test is ten sets of sixty people, drawn from other seeds. A run's figure is the mean over them. "Between sets" is the
  standard deviation of rank-1 over these sets, as a mean over seeds.
* A difference is taken seed by seed. Its interval is Student's at 95 percent with n - 1 degrees of freedom.
* "Higher" and "lower" stand only where the interval excludes zero. Else it is not decided here.
* A row whose rank-1 on the people tested is below twice chance has learnt next to nothing within the budget. Two such
  rows aren't compared. Their losses may need a longer course, or weights from ImageNet.
* Each interval errs once in twenty times by chance. A table of many has a few that do.
* The seeds change the training, and the people stay the same.
* Rows of different methods aren't ordered: nothing is claimed of them.
* Seconds are those of all updates at the pace of the last process. Other work on the machine counts.
* "On" is where a row was trained. Rows of a processor and of a GPU are compared, too; they [differ
  little](how-to/compare-methods.md#on-a-gpu).
"""
BUDGET = """\
## What was changed of the papers' recipes

Every network is shown as many images, and each view of an image counts as one. A course is as long as the budget
allows: so many updates, or the nearest number of whole epochs. Warm-up, milestones and steps keep their share of it.
"""


def page(runs: Sequence[Run]) -> str:
    """All of it, as Markdown.

    Args:
        runs: finished ones, in any order.
    """
    known = rows()
    parts = [HEAD]
    here, apart = _groups(runs, known)
    if not here:
        parts.append("**Nothing was run yet.** These rows are waiting, from cheap to dear:\n")
        parts.append("\n".join(f"* `{row.label}`: {row.words}" for row in known) + "\n")
    for (name, images), group in here.items():
        parts.append(_section(name, images, group, known))
    if apart:
        parts.append(_apart(apart))
    parts += [READING, BUDGET, _table(("methods", "setting", "why"), _changes()) + "\n"]
    return "\n".join(parts)


def complete(runs: Sequence[Run], size: str, images: int) -> tuple[int, int]:
    """How many rows have enough seeds of that size and budget, and how many rows there are."""
    known = rows()
    here, _ = _groups(runs, known)
    group = _measured(here.get((drawing(size).name, images), []))
    return sum(sum(run["label"] == row.label for run in group) >= LEAST for row in known), len(known)


def _groups(runs: Sequence[Run], known: Sequence[SynthRow]) -> tuple[dict[tuple[str, int], list[Run]], list[Run]]:
    """Runs by drawing and budget, as far as they are of the present drawing and recipes; and the others."""
    by_label = {row.label: row for row in known}
    drawings = {size: drawing(size) for size in SIZES}
    here: dict[tuple[str, int], list[Run]] = {}
    apart = []
    for size in SIZES:
        of_size = [run for run in runs if run["drawing"] == drawings[size].to_dict()]
        for run in sorted(of_size, key=lambda run: int(run["images"])):
            row = by_label.get(run["label"])
            if row is not None and alike(run["recipe"], _expected(row, run)):
                here.setdefault((drawings[size].name, run["images"]), []).append(run)
            else:
                apart.append(run)
    current = [drawn.to_dict() for drawn in drawings.values()]
    return here, [*apart, *(run for run in runs if run["drawing"] not in current)]


def _expected(row: SynthRow, run: Run) -> dict[str, Any]:
    """The row's present recipe, with that run's budget."""
    epoch = run["epoch"]
    recipe = within(row.recipe, run["images"], epoch["images_per_update"], epoch["updates"])
    return recipe.model_dump(mode="json")


def _section(name: str, images: int, runs: Sequence[Run], known: Sequence[SynthRow]) -> str:
    by_row = {
        row.label: sorted((run for run in runs if run["label"] == row.label), key=lambda run: int(run["seed"]))
        for row in known
    }
    lacking = {label: len(_measured(of_row)) for label, of_row in by_row.items() if len(_measured(of_row)) < LEAST}
    partial = "Partial: " if lacking else ""
    lines = [f"## {partial}{name}, {images:,} images a training", ""]
    if "/tiny" in name:
        lines += ["**No measurement**: the size tiny shows that all of it works, and nothing else.", ""]
    if lacking:
        lines += [f"**Partial**: {len(known) - len(lacking)} of {len(known)} rows have {LEAST} seeds or more.", ""]
    lines += _decided(known, by_row)
    lines += [_table(_columns(runs), _figures(known, by_row, runs)), "", *_chance(runs)]
    lines += _compared(known, by_row)
    if waiting := sum(not of_row for of_row in by_row.values()):
        lines += [
            f"Not run: {waiting} of {len(known)} rows. [What they are](how-to/compare-methods.md#the-recipes).",
            "",
        ]
    if fewer := [f"`{label}` ({count})" for label, count in lacking.items() if count]:
        lines += [f"With fewer than {LEAST} seeds: {listed(fewer)}.", ""]
    failed = [f"* `{run['label']}` from seed {run['seed']} failed: {run['failed']}" for run in runs if "failed" in run]
    versions = dict.fromkeys(
        listed(f"{package} {number}" for package, number in run["versions"].items()) for run in runs
    )
    lines += [*failed, *([""] if failed else []), *(f"Trained with {words}." for words in versions)]
    return "\n".join(lines) + "\n"


def _chance(runs: Sequence[Run]) -> list[str]:
    """What rank-1 is without any learning: one person in so many."""
    counts = {of: sorted({run[of]["people"] for run in runs if of in run}) for of in _lists(runs)}
    words = [f"{100 / people:.1f} on {of} ({people} people)" for of, some in counts.items() for people in some]
    return [f"Chance at rank-1: {listed(words)}.", ""] if words else []


def _compared(known: Sequence[SynthRow], by_row: dict[str, list[Run]]) -> list[str]:
    """The pairs of which both rows were measured, and how many there are besides."""
    pairs = [row for row in known if row.against]
    lines = []
    if whole := _whole(known, by_row):
        lines += ["**In pairs**, on the people tested, in points:", ""]
        compared = ("row", "against", "what is said of them", "seeds")
        columns = (
            *compared,
            *(f"{SCORES[score]} {what}" for score in DECIDED_BY for what in ("difference", "verdict")),
        )
        lines += [_table(columns, _pairs(whole, by_row)), ""]
    if lacking := len(pairs) - len(whole):
        lines += [f"Not compared: {lacking} of {len(pairs)} pairs, of which a row has no figures yet.", ""]
    return lines


def _whole(known: Sequence[SynthRow], by_row: dict[str, list[Run]]) -> list[SynthRow]:
    """Rows that were measured, as the one was that they are compared with."""
    return [row for row in known if row.against and _measured(by_row[row.label]) and _measured(by_row[row.against])]


def _decided(known: Sequence[SynthRow], by_row: dict[str, list[Run]]) -> list[str]:
    """The pairs of which one score is decided, for who reads no table."""
    lines = []
    for row in _whole(known, by_row):
        pairs, learnt = _paired(row, by_row)
        verdicts = [_verdict(pair, learnt) for pair in pairs]
        if any("**" in verdict for verdict in verdicts):
            words = (
                f"{SCORES[score]} {pair.mean:+.1f}, {verdict}"
                for score, pair, verdict in zip(DECIDED_BY, pairs, verdicts, strict=True)
            )
            lines.append(f"* `{row.label}` ({row.words}) against `{row.against}`: {'; '.join(words)}.")
    return ["**What is decided here**, in points; the intervals are below:", "", *lines, ""] if lines else []


def _measured(runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if TESTED in run]


def _columns(runs: Sequence[Run]) -> list[str]:
    scores = [f"{of} {words}" for of in _lists(runs) for words in SCORES.values()]
    return ["row", "what it is", "seeds", *scores, "between sets", "updates", "images", "seconds", "on"]


def _lists(runs: Sequence[Run]) -> list[str]:
    """Those of which something was measured."""
    return [of for of in LISTS if any(of in run for run in runs)]


def _figures(known: Sequence[SynthRow], by_row: dict[str, list[Run]], runs: Sequence[Run]) -> Iterator[list[str]]:
    for row in known:
        if not (of_row := _measured(by_row[row.label])):
            continue
        cells = [_mean([run[of][score] for run in of_row if of in run]) for of in _lists(runs) for score in SCORES]
        costs = [run["cost"] for run in of_row]
        updates, images = (f"{fmean(cost[what] for cost in costs):,.0f}" for what in ("updates", "images"))
        seconds = [cost["seconds"] for cost in costs if cost["seconds"] is not None]
        spent = f"{fmean(seconds):,.0f}" if seconds else "-"
        devices = listed(dict.fromkeys(cost["device"] for cost in costs))
        between = f"{fmean(run[TESTED]['spread']['rank_1'] for run in of_row):.1f}"
        yield [f"`{row.label}`", row.words, str(len(of_row)), *cells, between, updates, images, spent, devices]


def _mean(values: Sequence[float]) -> str:
    """Mean and spread with one decimal."""
    if not values:
        return "-"
    return f"{fmean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def _pairs(pairs: Sequence[SynthRow], by_row: dict[str, list[Run]]) -> Iterator[list[str]]:
    for row in pairs:
        of_scores, learnt = _paired(row, by_row)
        cells = [cell for pair in of_scores for cell in (_difference(pair), _verdict(pair, learnt))]
        yield [f"`{row.label}`", f"`{row.against}`", row.claim, str(of_scores[0].seeds), *cells]


def _paired(row: SynthRow, by_row: dict[str, list[Run]]) -> tuple[list[Paired], bool]:
    """By each score, a row with the one that it is compared with; and whether one of the two has learnt."""
    both = [_measured(by_row[label]) for label in (row.label, row.against)]
    of_scores = [
        paired(*({run["seed"]: run[TESTED][score] for run in of_row} for of_row in both)) for score in DECIDED_BY
    ]
    return of_scores, any(map(_learnt, both))


def _learnt(runs: Sequence[Run]) -> bool:
    """Whether the mean of a row's runs is away from chance."""
    rank_1 = fmean(run[TESTED]["rank_1"] for run in runs)
    return rank_1 >= LEARNT * fmean(100 / run[TESTED]["people"] for run in runs)


def _difference(pair: Paired) -> str:
    if pair.mean is None:
        return "-"
    if pair.half is None:
        return f"{pair.mean:+.1f}, no interval"
    return f"{pair.mean:+.1f} ({pair.mean - pair.half:+.1f} to {pair.mean + pair.half:+.1f})"


def _verdict(pair: Paired, learnt: bool) -> str:
    words = pair.verdict if learnt else UNLEARNT
    return words if words in (UNDECIDED, UNLEARNT) else f"**{words}**"


def _apart(runs: Sequence[Run]) -> str:
    lines = ["## Not mixed with these", "", "Runs of another drawing, or of recipes that were changed since:", ""]
    counts: dict[str, int] = {}
    for run in runs:
        drawn = run["drawing"]
        words = f"`{run['label']}` on {drawn['name']}, seed {drawn['seed']}, sheet {drawn['sheet'][:12]}, {run['images']:,} images"
        counts[words] = counts.get(words, 0) + 1
    lines += [f"* {words}: {count} {'run' if count == 1 else 'runs'}" for words, count in counts.items()]
    return "\n".join(lines) + "\n"


def _changes() -> Iterator[list[str]]:
    for change in changes():
        settings = ", ".join(f"`{name}={value}`" for name, value in change.settings.items())
        yield [listed(change.of), settings, change.why]


def _table(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    head, *others = (f"| {' | '.join(line)} |" for line in (columns, *lines))
    return "\n".join([head, "|" + "---|" * len(columns), *others])
