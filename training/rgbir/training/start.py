"""The weights that a training begins with."""

from __future__ import annotations

import re
from pathlib import Path

from torch import Tensor

from rgbir.index import listed
from rgbir.training.errors import BadCheckpoint, BadRecipe
from rgbir.training.method import Method
from rgbir.training.recipe import AnyRecipe
from rgbir.training.run import load_run
from rgbir.training.weights.fitting import Misfits, misfits
from rgbir.training.weights.reading import WeightsFile

POOLING = re.compile(r"(^|\.)pool\.")
"""A power that a pooling learns: another pooling has none, and starts well without it."""


def start(method: Method, recipe: AnyRecipe) -> list[str]:
    """Gives the network the weights of an ImageNet checkpoint, of another run or of a file, or leaves it as initialised.

    Args:
        method: the network.
        recipe: says where the weights lie, under `imagenet` or `start`.

    Returns:
        For the screen: where they came from, and what isn't as it is there.

    Raises:
        BadRecipe: `imagenet` and `start` are both set.
        BadCheckpoint: no such file, or weights of another network. Of people whom the network isn't trained on it may be.
    """
    if recipe.imagenet and recipe.start:
        raise BadRecipe("imagenet and start are both set; a run starts from one of them")
    if recipe.imagenet:
        method.start_from_imagenet(Path(recipe.imagenet))
        return [f"started from {recipe.imagenet}"]
    if recipe.start:
        return _start_from(method, _file(Path(recipe.start)))
    return []


def known_before(recipe: AnyRecipe) -> list[str]:
    """Sums of the people whom the run knows that `start` names, ascending; none of a file of weights, or without a start.

    Raises:
        BadCheckpoint: no run, or a damaged one.
    """
    start = Path(recipe.start) if recipe.start else None
    return sorted(load_run(start).knows()) if start is not None and start.is_dir() else []


def _file(path: Path) -> WeightsFile:
    """A file of weights, or those of a run's folder.

    Raises:
        BadCheckpoint: it can't be read, or there are none.
    """
    if not path.is_dir():
        return WeightsFile.read(path)
    run = load_run(path)
    file = run.weights_file(run.recipe.select)
    if not file.is_file():
        raise BadCheckpoint(f"{file} is not there; the run wrote no checkpoint yet")
    return WeightsFile.read(file)


def _start_from(method: Method, file: WeightsFile) -> list[str]:
    given, initial = file.tensors(), method.state_dict()
    apart = misfits(initial, given)
    people = [name for name, (ours, theirs) in apart.shapes.items() if _of_people(method, name, ours, theirs)]
    pooling = [name for name in (*apart.missing, *apart.unknown) if POOLING.search(name)]
    if rest := apart.without(*people, *pooling):
        raise BadCheckpoint(
            f"the weights of {file.path} don't fit this recipe's network: {rest}; found {file.summary()}. Give weights of the"
            " same method, variant and settings"
        )
    kept = {name: value for name, value in given.items() if name in initial and name not in people}
    method.load_state_dict(kept, strict=False)
    return [f"started from {file.path}: {len(kept)} tensors", *_told(apart, people, pooling, initial, given)]


def _of_people(method: Method, name: str, ours: tuple[int, ...], theirs: tuple[int, ...]) -> bool:
    """Whether a tensor has a row for each person, and differs in nothing but their number."""
    return name.split(".")[0] in method.of_identities and ours[1:] == theirs[1:] and len(ours) == len(theirs) > 0


def _told(
    apart: Misfits, people: list[str], pooling: list[str], initial: dict[str, Tensor], given: dict[str, Tensor]
) -> list[str]:
    lines = []
    if people:
        lines.append(
            f"left at their start, as {len(initial[people[0]])} people are trained on and there were"
            f" {len(given[people[0]])}: {listed(people)}"
        )
    for name in pooling:
        lines.append(
            f"left at its start, as the file has another pooling: {name}"
            if name in apart.missing
            else f"left out, as this network has another pooling: {name}"
        )
    return lines
