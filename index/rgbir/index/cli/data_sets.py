"""`rgbir counts` and `rgbir split`: data sets that are there, and who of them is trained on and tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rgbir.index.cameras import CameraNetwork
from rgbir.index.cli.options import SKIPPED_EXIT, NetworkOption, PeopleOption
from rgbir.index.cli.output import Answer
from rgbir.index.cli.remarks import tell
from rgbir.index.datasets.dataset import Count
from rgbir.index.datasets.known import FRAMES_ROOT, ROOT, frame_set, is_known, open_data_set
from rgbir.index.datasets.own import OwnPictures
from rgbir.index.datasets.people import TEST, VAL
from rgbir.index.errors import UsageError
from rgbir.index.files import writing_to
from rgbir.index.words import listed


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
