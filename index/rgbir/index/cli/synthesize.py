"""`rgbir synthesize`: people and footage that are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer

from rgbir.index.cli.options import progress
from rgbir.index.cli.output import Answer
from rgbir.index.errors import UsageError
from rgbir.index.synthetic import Split
from rgbir.index.synthetic import synthesize as draw_first
from rgbir.index.synthetic.drawing1.regdb import synthesize_regdb
from rgbir.index.synthetic.drawing2.about import name_of
from rgbir.index.synthetic.drawing2.llcm import SIZES as LLCM_SIZES
from rgbir.index.synthetic.drawing2.llcm import LowLight, write_llcm
from rgbir.index.synthetic.drawing2.regdb import SIZES as PAIRS
from rgbir.index.synthetic.drawing2.regdb import write_regdb
from rgbir.index.synthetic.drawing2.sysu import SIZES, Size, write_sysu
from rgbir.index.synthetic.drawing2.tracks import write_tracks
from rgbir.index.synthetic.drawing2.world import KNOBS, World, knobs
from rgbir.index.synthetic.filmed import film_writer, synthesize_footage
from rgbir.index.synthetic.footage import Scene
from rgbir.index.words import listed

Layout = Literal["sysu", "regdb", "llcm", "footage"]
FOOTAGE, SECOND = "With --layout footage", "Of drawing 2"


@dataclass(frozen=True, slots=True)
class Synthesized:
    """Synthetic people.

    Attributes:
        folder: where they are.
        images: how many pictures.
        identities: how many people.
        layout: whose folders are imitated.
    """

    folder: Path
    images: int
    identities: int
    layout: str


def synthesize(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    identities: Annotated[
        int | None,
        typer.Option(
            help="People, if no size is drawn; of sysu three fifths train, a fifth val, a fifth test. 200 by default;"
            " of drawing 2 120 of regdb, 180 of llcm.",
            min=1,
            max=9999,
        ),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(help="Pictures of each by each camera that sees them. 10 by default, 3 of llcm.", min=1, max=99),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other people.", min=0)] = 0,
    only_test: Annotated[bool, typer.Option("--only-test", help="Put all people in the test list.")] = False,
    layout: Annotated[
        Layout, typer.Option(help="Whose folders to imitate; footage: what three cameras film, with its truth.")
    ] = "sysu",
    drawing: Annotated[
        int | None,
        typer.Option(
            help="1, of the demonstration and of footage, or 2, which is as hard as life. 2 if not given.", min=1, max=2
        ),
    ] = None,
    size: Annotated[
        Literal["tiny", "small", "full"] | None,
        typer.Option(
            help="small has the 540 people that methods are compared on, tiny fewer, full more. small, unless --identities,"
            " --images or --only-test say what to draw.",
            rich_help_panel=SECOND,
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Switch one thing off, to see what it costs: {listed(KNOBS, 'or')}. May be repeated.",
            rich_help_panel=SECOND,
        ),
    ] = None,
    tracks: Annotated[
        bool,
        typer.Option(
            "--tracks", help="Draw every frame of each pass, with times and tables of tracks.", rich_help_panel=SECOND
        ),
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option(
            help="Length of each camera's footage. 60 by default.", min=0.1, max=3600, rich_help_panel=FOOTAGE
        ),
    ] = None,
    people: Annotated[
        float | None,
        typer.Option(help="How many people pass in a minute. 12 by default.", min=0, max=120, rich_help_panel=FOOTAGE),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(help="Pixels, an even number. 1280 by default.", min=64, max=4096, rich_help_panel=FOOTAGE),
    ] = None,
    height: Annotated[
        int | None,
        typer.Option(help="Pixels, an even number. 720 by default.", min=64, max=4096, rich_help_panel=FOOTAGE),
    ] = None,
    rate: Annotated[
        int | None, typer.Option(help="Pictures a second. 10 by default.", min=1, max=60, rich_help_panel=FOOTAGE)
    ] = None,
    film: Annotated[
        Literal["mp4", "mkv"] | None,
        typer.Option(help="Write films, not numbered pictures; needs the extra footage.", rich_help_panel=FOOTAGE),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; one a core by default.", min=1)] = None,
) -> Answer[Synthesized]:
    """Draw synthetic people in a real data set's layout, or in footage: a test bed, never a result on real data.

    Examples:
        rgbir synthesize people --size small
        rgbir synthesize people --identities 60 --images 6 --without occlusion
        rgbir synthesize regdb --layout regdb --size small --seed 3
        rgbir synthesize tracks --identities 20 --images 2 --tracks
        rgbir synthesize footage --layout footage --seconds 60 --people 12
        rgbir synthesize films --layout footage --film mp4 --seed 3
    """
    of_people = {"identities": identities, "images": images, "only-test": only_test or None}
    of_second = {"size": size, "without": without or None, "tracks": tracks or None}
    of_footage = {
        "seconds": seconds, "people": people, "width": width, "height": height, "rate": rate, "film": film
    }  # fmt: skip
    if layout == "footage":
        _refuse(of_people, "--layout footage", "people pass by the minute: --people")
        _refuse(of_second, "--layout footage", "draw crops, with --layout sysu")
        if drawing == 2:
            raise UsageError("--layout footage films the people of drawing 1; drawing 2 has none. Leave --drawing out")
        given = {name: value for name, value in of_footage.items() if value is not None and name != "film"}
        scene = Scene(seed=seed, **given)  # type: ignore[arg-type]
        return _footage(folder, scene, film, workers)
    _refuse(of_footage, f"--layout {layout}", "say --layout footage")
    if layout != "sysu":
        of_sysu = {"tracks": tracks or None, "only-test": only_test or None}
        _refuse(of_sysu, f"--layout {layout}", "say --layout sysu")
    if drawing == 1:
        _refuse(of_second, "--drawing 1", "say --drawing 2")
        if layout == "llcm":
            raise UsageError("drawing 1 has no layout llcm; leave --drawing out, which is 2")
        return _first(folder, layout, identities or 200, images or 10, seed, only_test, workers)
    if size is not None:
        _refuse(of_people, f"--size {size}", "give --identities and --images without --size")
    world = World(seed, knobs(without or []))
    asked = _Asked(size, identities, images, only_test, workers)
    if layout == "regdb":
        return _pairs(folder, world, asked)
    return _low_light(folder, world, asked) if layout == "llcm" else _second(folder, world, asked, tracks)


class _Asked(NamedTuple):
    """How much of drawing 2 is asked for; None where it wasn't said."""

    size: str | None
    identities: int | None
    images: int | None
    only_test: bool
    workers: int | None

    @property
    def named(self) -> str | None:
        """The size by its name, `small` where nothing was said."""
        nothing = self.identities is None and self.images is None and not self.only_test
        return self.size or ("small" if nothing else None)


def _first(
    folder: Path, layout: Layout, identities: int, images: int, seed: int, only_test: bool, workers: int | None
) -> Answer[Synthesized]:
    """By drawing 1."""
    if layout == "regdb":
        with progress("drawing", identities * 2 * images) as advance:
            count = synthesize_regdb(folder, identities, images, seed, workers, advance)
        line = f"{count:,} images of {identities} synthetic people in {folder}, ten splits into halves"
        return Answer(Synthesized(folder, count, identities, layout), [line])
    split = Split(0, 0, identities) if only_test else Split.of(identities)
    with progress("drawing", split.identities * 6 * images) as advance:
        count = draw_first(folder, split, images, seed, workers, advance)
    return Answer(Synthesized(folder, count, split.identities, layout), [_line(folder, count, split)])


def _second(folder: Path, world: World, asked: _Asked, tracks: bool) -> Answer[Synthesized]:
    """By drawing 2, in SYSU-MM01's layout, or in tracks."""
    people, images = asked.identities or 200, asked.images or 10
    asked_for = Size(Split(0, 0, people) if asked.only_test else Split.of(people), images)
    drawn = SIZES[asked.named] if asked.named else asked_for
    name = asked.named or f"{people}x{images}"
    write, frames = (write_tracks, 4) if tracks else (write_sysu, 1)
    with progress("drawing", drawn.split.identities * 6 * drawn.images * frames) as advance:
        count = write(folder, world, drawn.split, drawn.images, name, asked.workers, advance)
    lines = [_line(folder, count, drawn.split), name_of(world, name)]
    return Answer(Synthesized(folder, count, drawn.split.identities, "tracks" if tracks else "sysu"), lines)


def _pairs(folder: Path, world: World, asked: _Asked) -> Answer[Synthesized]:
    """By drawing 2, in RegDB's layout: colour and thermal."""
    people, images = (PAIRS[asked.named], 10) if asked.named else (asked.identities or 120, asked.images or 10)
    name = asked.named or f"{people}x{images}"
    with progress("drawing", 2 * people * images) as advance:
        count = write_regdb(folder, world, people, images, name, asked.workers, advance)
    line = f"{count:,} images of {people} synthetic people in {folder}, ten splits into halves"
    return Answer(Synthesized(folder, count, people, "regdb"), [line, name_of(world, name)])


def _low_light(folder: Path, world: World, asked: _Asked) -> Answer[Synthesized]:
    """By drawing 2, in LLCM's layout: two thirds of the people train, a third is tested."""
    people, images = asked.identities or 180, asked.images or 3
    tested = round(people / 3)
    drawn = LLCM_SIZES[asked.named] if asked.named else LowLight(people - tested, tested, images)
    name = asked.named or f"{people}x{images}"
    with progress("drawing", (drawn.train + drawn.test) * 7 * drawn.images) as advance:
        count = write_llcm(folder, world, drawn, name, asked.workers, advance)
    line = f"{count:,} images of {drawn.train + drawn.test} synthetic people in {folder} (train {drawn.train}, test {drawn.test})"
    return Answer(Synthesized(folder, count, drawn.train + drawn.test, "llcm"), [line, name_of(world, name)])


def _line(folder: Path, images: int, split: Split) -> str:
    lists = f"train {split.train}, val {split.val}, test {split.test}"
    return f"{images:,} images of {split.identities} synthetic people in {folder} ({lists})"


def _refuse(options: Mapping[str, object], by: str, instead: str) -> None:
    """
    Raises:
        UsageError: one of the options was given, and what was said before has no use for it.
    """
    if given := [f"--{name}" for name, value in options.items() if value is not None]:
        raise UsageError(f"{by} has no use for {listed(given)}; leave it out, or {instead}")


def _footage(folder: Path, scene: Scene, film: str | None, workers: int | None) -> Answer[Synthesized]:
    writer = film_writer() if film else None
    with progress("drawing", 3 * len(scene)) as advance:
        filmed = synthesize_footage(folder, scene, film, writer, workers, advance)
    line = (
        f"{filmed.frames:,} pictures of three cameras in {folder}, {scene.seconds:g} s each, {filmed.people} synthetic"
        f" people, {filmed.boxes:,} boxes of truth"
    )
    return Answer(Synthesized(folder, filmed.frames, filmed.people, "footage"), [line])
