"""A released checkpoint becomes a run: what it was trained as, and its weights by our names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from rgbir.index import sha256
from rgbir.training.errors import BadCheckpoint, BadRecipe
from rgbir.training.method import Method
from rgbir.training.methods import Entry, entry
from rgbir.training.recipe import AnyRecipe
from rgbir.training.released.forms import Release, release
from rgbir.training.run import Run
from rgbir.training.weights.fitting import COUNTER, misfits
from rgbir.training.weights.reading import WeightsFile

WITHOUT_COUNTERPART = ("pool.p",)
"""Ours that they write into their code: the power of their pooling, 3."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A run that was made of a released checkpoint.

    Attributes:
        run: its folder has recipe, versions, weights and a line of the log; there is nothing to resume.
        tensors: how many of the file's tensors the network took.
        unused: how many of them its authors' network never reads, which were left out.
    """

    run: Run
    tensors: int
    unused: int


def import_released(
    path: Path, name: str, out: Path, trained_on: str = "unknown", changes: Mapping[str, Any] | None = None
) -> Imported:
    """Makes a run's folder of a checkpoint as its authors published it. Nothing in the file is run.

    Args:
        path: the file, as their program wrote it.
        name: whose it is, a key of `RELEASES`.
        out: the run's folder; must not hold a run.
        trained_on: the data set's name in a bundle's, such as `sysu_mm01`, or `regdb_split2`.
        changes: settings that a file of weights doesn't tell, such as the height of the images.

    Raises:
        BadCheckpoint: the file can't be read safely, or isn't that method's: what is missing or too much is named.
        BadRecipe: no such release or setting, or `out` holds a run already.
        CantWrite: the disk is full, or closed to us.
    """
    form = release(name)
    if (out / "recipe.json").exists():
        raise BadRecipe(f"{out} holds a run already; choose another --out")
    return take(WeightsFile.read(path), form, out, trained_on, changes)


def take(
    file: WeightsFile, form: Release, out: Path, trained_on: str = "unknown", changes: Mapping[str, Any] | None = None
) -> Imported:
    """The same of a file that was read.

    Raises:
        BadCheckpoint: it isn't that method's.
        BadRecipe: no such setting.
        CantWrite: the disk is full, or closed to us.
    """
    given = file.parts(form.modules) if form.modules else file.tensors()
    if form.classifier not in given or given[form.classifier].ndim != 2:
        raise BadCheckpoint(
            f"{_no_release(file, form)}: no {form.classifier} with a row for each person; found {file.summary()}"
        )
    listed = entry(form.method)
    variant = _variant(form, listed, given)
    recipe = _recipe(listed, variant, given, trained_on, changes or {})
    digest = sha256(file.path)
    run = Run(
        out,
        form.method,
        variant,
        trained_on,
        int(given[form.classifier].shape[0]),
        recipe,
        note=f"imported from {file.path.name} (sha256 {digest[:16]}…), written by {form.source}; not trained by rgbir",
        licence=form.licence,
    )
    network = run.build()
    taken, unused = _adapted(network, file, form, given)
    network.load_state_dict(taken, strict=False)
    run.start()
    run.save_weights(network)
    run.log(update=0, imported=file.path.name, sha256=digest, tensors=len(taken), unused=len(unused))
    return Imported(run, len(taken), len(unused))


def _variant(form: Release, listed: Entry, given: Mapping[str, Tensor]) -> str:
    if form.without_blocks and not _blocks(given):
        return form.without_blocks
    return "official-code" if "official-code" in listed.variants else next(iter(listed.variants))


def _blocks(given: Mapping[str, Tensor]) -> list[Tensor]:
    """The first layer of each non-local block in the file, float (inner, channels, 1, 1)."""
    return [tensor for name, tensor in given.items() if re.search(r"\bNL_\d\.\d+\.theta\.weight$", name)]


def _recipe(
    listed: Entry, variant: str, given: Mapping[str, Tensor], trained_on: str, changes: Mapping[str, Any]
) -> AnyRecipe:
    """The variant's settings, with what the file tells of them, and then the changes."""
    settings: dict[str, Any] = {}
    if blocks := _blocks(given):
        settings["nl.inter"] = "one" if blocks[0].shape[0] == 1 else "half"
    if split := re.search(r"_split(\d+)$", trained_on):
        settings["data.split"] = int(split[1])
    return listed.resolve(variant).changed({**settings, **changes})


def _adapted(
    network: Method, file: WeightsFile, form: Release, given: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], list[str]]:
    """The file's tensors by our names, and the names of those that its authors' network doesn't read.

    Raises:
        BadCheckpoint: a tensor of ours isn't filled, or one of theirs has no place.
        BadRecipe: the settings make a network that its authors don't have.
    """
    ours = {name: tensor for name, tensor in network.state_dict().items() if name not in WITHOUT_COUNTERPART}
    try:
        theirs = form.translated(ours, given)
    except KeyError as error:
        raise BadRecipe(
            f"{form.source} writes no network with {error.args[0]}, which these settings make; leave out what changes it"
        ) from None
    taken = {name: given[other] for name, other in theirs.items() if other in given}
    left = [name for name in given if name not in theirs.values() and not name.endswith(COUNTER)]
    unused = [name for name in given if name not in theirs.values() and form.unused.match(name)]
    apart = misfits(
        {theirs[name]: tensor for name, tensor in ours.items()},
        {theirs[name]: tensor for name, tensor in taken.items()}
        | {name: given[name] for name in left if not form.unused.match(name)},
    )
    if apart:
        raise BadCheckpoint(f"{_no_release(file, form)}: {apart}; found {file.summary()}")
    return taken, unused


def _no_release(file: WeightsFile, form: Release) -> str:
    return f"{file.path} is no checkpoint of {form.method} as {form.source} writes it"
