"""`rgbir reproduce demonstration`. What needs torch is imported by the command: its help needs none."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from rgbir.export.errors import BadReproduction, Interrupted
from rgbir.export.reproduce.stoppable import stoppable
from rgbir.index import Bundle, Encoder, SysuMM01, listed
from rgbir.index.cli.output import Answer, remark

COMMAND = "OMP_NUM_THREADS=1 rgbir reproduce demonstration --out remade"
NAME = "expat_compact.synthetic_people"
NOTE = f"Synthetic people only; a demonstration, never a result on real data. Made by: {COMMAND}"
ANSWER = "ends after this update or set, and saves it; once more ends it at once"

DRAWINGS = (1, 2)
SHOWN = {"rank-1": "rank_1", "mAP": "mAP", "mINP": "mINP"}
Scores = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Remade:
    """The demonstration's bundle, made again.

    Attributes:
        bundle: its folder.
        weights: sha256 of its weights.
        same: whether they are those of the bundle that comes with rgbir, byte by byte.
        measured: by drawing, the mean of each score over ten sets of sixty people, 0 to 1, and its standard deviation.
    """

    bundle: Path
    weights: str
    same: bool
    measured: dict[str, Scores]


def demonstration(
    out: Annotated[Path, typer.Option(help="Folder of people, trainings and bundle; the same command goes on in it.")],
    workers: Annotated[
        int, typer.Option(help="Processes that prepare batches; they don't change what is in them.", min=0)
    ] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of decoded images; rgbir/images in the user's cache folder by default.")
    ] = None,
) -> Answer[Remade]:
    """Make the demonstration's bundle again: draw people, train from nothing, export, measure on ten sets of others.

    On a processor of the same kind and with OMP_NUM_THREADS=1, the same weights come of it, byte by byte. It takes hours.

    Examples:
        rgbir reproduce demonstration --out remade
        rgbir reproduce demonstration --out remade --workers 1 --cache /tmp/images
    """
    from rgbir.export.reproduce.demonstration.recipe import WEIGHTS
    from rgbir.export.reproduce.folder import alone
    from rgbir.training.data.cache import default_folder

    options = {"--out": out, "--workers": workers or None, "--cache": cache}
    words = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    again = shlex.join(["rgbir", "reproduce", "demonstration", *words])
    with alone(out), stoppable(ANSWER, again) as asked:
        bundle, measured = _made(out, workers, cache or default_folder(), asked, remark)
    digest = Bundle(bundle).card.files["weights.bin"]
    about = Remade(bundle, digest, digest == WEIGHTS, measured)
    lines = [f"{bundle} has {'the same weights as' if about.same else 'other weights than'} the bundle of rgbir"]
    for drawing, scores in measured.items():
        spread = scores["spread"]
        figures = (f"{name} {100 * scores[key]:.1f} ± {100 * spread[key]:.1f}" for name, key in SHOWN.items())
        lines.append(f"drawing {drawing}, ten sets: {', '.join(figures)}")
    return Answer(about, lines)


def _made(
    out: Path, workers: int, cache: Path, stop: Callable[[], bool], say: Callable[[str], None]
) -> tuple[Path, dict[str, Scores]]:
    """The bundle, and what was measured by drawing. What is there already isn't done again."""
    from rgbir.export.bundle import export, record_measurement
    from rgbir.export.cli import explain_bundle
    from rgbir.export.reproduce.sets import PEOPLE, SEEDS, over_sets, the_set
    from rgbir.index.evaluation.sources import encoded
    from rgbir.training import load_run

    bundle, sets, measured = out / NAME, out / "sets", dict[str, Scores]()
    if not bundle.exists():
        export(load_run(_trained(out, workers, cache, stop, say)), bundle, note=NOTE)
    encoder = Encoder(Bundle(bundle))

    def of(drawing: int) -> Iterator[SysuMM01]:
        for seed in SEEDS:
            if stop():
                raise Interrupted(f"before set {seed} of drawing {drawing}")
            yield the_set(drawing, seed, sets)

    for drawing in DRAWINGS:
        say(f"measuring on ten sets of drawing {drawing}")
        scores = over_sets(of(drawing), lambda task: encoded(task.images, encoder), encoder.card.metric)
        measured[str(drawing)] = scores
        people = f"means over {scores['sets']} sets of {PEOPLE.identities} people, seeds {SEEDS[0]} to {SEEDS[-1]}"
        described = {"data": people, "command": COMMAND}
        shares = {name: value for name, value in scores.items() if name != "sets"}
        record_measurement(bundle, f"sysu, all-search, single-shot, drawing {drawing}", {**described, **shares})
    if encoder.card.reaction is None:
        explain_bundle(bundle, the_set(DRAWINGS[0], SEEDS[0], sets).root)
    return bundle, measured


def _trained(out: Path, workers: int, cache: Path, stop: Callable[[], bool], say: Callable[[str], None]) -> Path:
    """The folder of the last run. A finished one isn't trained again.

    Raises:
        BadReproduction: a run was begun there by another recipe, that of another version, say.
    """
    from rgbir.export.reproduce.demonstration.recipe import METHOD, STAGES, VARIANT
    from rgbir.export.reproduce.folder import write
    from rgbir.export.reproduce.training import Training, trained
    from rgbir.training import METHODS, load_run

    start: dict[str, Any] = {}
    for stage in STAGES:
        run, finished = out / stage.name, out / f"{stage.name}.json"
        recipe = METHODS[METHOD].resolve(VARIANT).changed({**stage.settings, **start})
        if (run / "recipe.json").exists():
            there, wanted = load_run(run).recipe.model_dump(), recipe.model_dump()
            if other := [name for name in wanted if name != "start" and there.get(name) != wanted[name]]:
                raise BadReproduction(f"{run} was begun with another {listed(other)}; give another --out, or remove it")
        if not finished.exists():
            data = stage.drawn(out / stage.data)
            records = list(data.records("train"))
            say(f"training on {len(data.identities('train')):,} people")
            training = Training(stage.name, data, records, METHOD, VARIANT, None, recipe)
            write(finished, {"updates": trained(training, run, "cpu", workers, cache, stop).updates})
        start = {"start": str(run)}
    return run
