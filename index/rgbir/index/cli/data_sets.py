"""`rgbir counts` and `rgbir synthesize`: data sets that are there, and those that are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from rgbir.index.cameras import CameraNetwork
from rgbir.index.cli.options import SKIPPED_EXIT, NetworkOption, PeopleOption, progress
from rgbir.index.cli.output import Answer
from rgbir.index.cli.remarks import tell
from rgbir.index.datasets.dataset import Count
from rgbir.index.datasets.known import FRAMES_ROOT, ROOT, frame_set, is_known, open_data_set
from rgbir.index.datasets.own import OwnPictures
from rgbir.index.datasets.people import TEST, VAL
from rgbir.index.errors import UsageError
from rgbir.index.files import writing_to
from rgbir.index.synthetic import Split
from rgbir.index.synthetic import synthesize as draw_people
from rgbir.index.synthetic.drawing1.regdb import synthesize_regdb
from rgbir.index.synthetic.filmed import film_writer, synthesize_footage
from rgbir.index.synthetic.footage import Scene
from rgbir.index.words import listed

Layout = Literal["sysu", "regdb", "footage"]
FOOTAGE = "With --layout footage"


@dataclass(frozen=True, slots=True)
class Drawn:
    """Who of own pictures is trained on, held back and tested.

    Attributes:
        file: the lists.
        train, val, test: how many people.
        seed: of the draw.
    """

    file: Path
    train: int
    val: int
    test: int
    seed: int


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


def counts(
    data: Annotated[Path, typer.Argument(help=f"{ROOT} {FRAMES_ROOT}")],
    network: NetworkOption = None,
    people: PeopleOption = None,
) -> Answer[list[Count]]:
    """Count a data set's images and people, beside what was published; reading its lists checks its layout too.

    Files that lie there and aren't read are counted by reason; then the exit code is 3.

    Examples:
        rgbir counts SYSU-MM01
        rgbir counts pictures --network site.toml --json
    """
    data_set = (frame_set(data) if network is None and people is None else None) or open_data_set(data, network, people)
    counted = data_set.counts()
    return Answer(list(counted), _shown(counted, data_set.name), SKIPPED_EXIT if tell(data_set) else 0)


def split(
    data: Annotated[Path, typer.Argument(help="Own pictures: a folder <camera>/<identity>/…, or a table.")],
    network: Annotated[
        str, typer.Option(help=f"Their cameras and places: {listed(['a TOML file', *CameraNetwork.built_in()], 'or')}.")
    ],
    out: Annotated[Path, typer.Option(help="The file to write, JSON; it must not exist.")],
    seed: Annotated[int, typer.Option(help="Another seed, other lists.", min=0)] = 0,
    val: Annotated[float, typer.Option(help="Share of the people who are held back to watch a training by.")] = VAL,
    test: Annotated[float, typer.Option(help="Share of the people who are tested, and never trained on.")] = TEST,
) -> Answer[Drawn]:
    """Draw who of your own pictures is trained on, held back and tested, and write it down, for --people.

    Examples:
        rgbir split pictures --network site.toml --out people.json
        rgbir split pictures.csv --network site.toml --out people.json --val 0 --test 0.3 --seed 7
    """
    if out.exists():
        raise UsageError(f"{out} exists, and a training may rest on it; choose another name")
    if is_known(data):
        raise UsageError(
            f"{data} holds a data set whose lists are published; lists are drawn of your own pictures only"
        )
    opened = open_data_set(data, network)
    assert isinstance(opened, OwnPictures)
    pictures = opened.with_lists(seed, val=val, test=test)
    assert pictures.lists is not None
    with writing_to(out):
        pictures.lists.write(out)
    train, held_back, tested = (len(part) for part in (pictures.lists.train, pictures.lists.val, pictures.lists.test))
    line = f"{out}: {train:,} people to train on, {held_back:,} held back, {tested:,} to test, drawn with seed {seed}"
    return Answer(Drawn(out, train, held_back, tested, seed), [line], SKIPPED_EXIT if tell(pictures) else 0)


def _shown(counted: Sequence[Count], name: str) -> list[str | Table]:
    table = Table("what", "found", "published", "")
    for count in counted:
        published = "" if count.published is None else f"{count.published:,}"
        table.add_row(count.what, f"{count.found:,}", published, "differs" if count.differs else "")
    if all(count.published is None for count in counted):
        return [table]
    apart = sum(count.differs for count in counted)
    differ = f"{apart} of {len(counted)} counts differ from the published {name}"
    return [table, differ if apart else f"{name} as published"]


def synthesize(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    identities: Annotated[
        int | None,
        typer.Option(
            help="People; three fifths train, a fifth val, a fifth test (sysu). 200 by default.", min=1, max=9999
        ),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(help="Pictures of each by each camera: six, or RegDB's two. 10 by default.", min=1, max=99),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other people.", min=0)] = 0,
    only_test: Annotated[bool, typer.Option("--only-test", help="Put all people in the test list.")] = False,
    layout: Annotated[
        Layout, typer.Option(help="Whose folders to imitate; footage: what three cameras film, with its truth.")
    ] = "sysu",
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
        rgbir synthesize people --identities 60 --images 6
        rgbir synthesize regdb --layout regdb --identities 40 --images 10 --seed 3
        rgbir synthesize footage --layout footage --seconds 60 --people 12
        rgbir synthesize films --layout footage --film mp4 --seed 3
    """
    of_people = {"identities": identities, "images": images, "only-test": only_test or None}
    of_footage = {
        "seconds": seconds, "people": people, "width": width, "height": height, "rate": rate, "film": film
    }  # fmt: skip
    if layout == "footage":
        _refuse(of_people, "footage", "people pass by the minute: --people")
        given = {name: value for name, value in of_footage.items() if value is not None and name != "film"}
        scene = Scene(seed=seed, **given)  # type: ignore[arg-type]
        return _footage(folder, scene, film, workers)
    _refuse(of_footage, layout, "say --layout footage")
    identities, images = identities or 200, images or 10
    if layout == "regdb":
        with progress("drawing", identities * 2 * images) as advance:
            count = synthesize_regdb(folder, identities, images, seed, workers, advance)
        line = f"{count:,} images of {identities} synthetic people in {folder}, ten splits into halves"
        return Answer(Synthesized(folder, count, identities, layout), [line])
    split = Split(0, 0, identities) if only_test else Split.of(identities)
    with progress("drawing", split.identities * 6 * images) as advance:
        count = draw_people(folder, split, images, seed, workers, advance)
    line = f"{count:,} images of {split.identities} synthetic people in {folder} (train {split.train}, val {split.val}, test {split.test})"
    return Answer(Synthesized(folder, count, split.identities, layout), [line])


def _refuse(options: Mapping[str, object], layout: Layout, instead: str) -> None:
    """
    Raises:
        UsageError: one of the options was given, and that layout has no use for it.
    """
    if given := [f"--{name}" for name, value in options.items() if value is not None]:
        raise UsageError(f"--layout {layout} has no use for {listed(given)}; leave it out, or {instead}")


def _footage(folder: Path, scene: Scene, film: str | None, workers: int | None) -> Answer[Synthesized]:
    writer = film_writer() if film else None
    with progress("drawing", 3 * len(scene)) as advance:
        filmed = synthesize_footage(folder, scene, film, writer, workers, advance)
    line = (
        f"{filmed.frames:,} pictures of three cameras in {folder}, {scene.seconds:g} s each, {filmed.people} synthetic"
        f" people, {filmed.boxes:,} boxes of truth"
    )
    return Answer(Synthesized(folder, filmed.frames, filmed.people, "footage"), [line])
