"""A run's folder: the resolved recipe, versions, checkpoints, weights and the log of one training.

recipe.json       method, variant, row, data and every setting; `--recipe` reads it again
versions.json     of what trained it
data.json         the people and images that it trains on, as sums
people.json       of own pictures: who is trained on, held back and tested
network.json      of own pictures: their cameras
log.jsonl         losses, rates and validations by update
tensorboard/      the same for TensorBoard
checkpoint.pt     everything needed to go on exactly (tensors and plain values only)
weights.safetensors   the network alone, written at each checkpoint; what export reads
weights.best_validation.safetensors, weights.best_on_test.safetensors
                  the network at its best measurement, where the recipe selects so; then export reads these
lock              held by the process that trains here
"""

from __future__ import annotations

import errno
import json
import math
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from rgbir.index import (
    PEOPLE,
    CameraNetwork,
    CantWrite,
    GalleryBusy,
    GalleryError,
    Kept,
    PeopleLists,
    beside,
    clear_unfinished,
    is_locked,
    locked,
    why,
    writing_to,
)
from rgbir.training.data.people import Description, difference
from rgbir.training.errors import BadCheckpoint, BadRecipe, RunBusy
from rgbir.training.folder import CHECKPOINT, DATA, LOCK, LOG, NETWORK, RECIPE, VERSIONS, WEIGHTS, parsed, saved_updates
from rgbir.training.method import Method
from rgbir.training.methods import entry
from rgbir.training.recipe import AnyRecipe, ViewsRecipe, flat


@dataclass(frozen=True, slots=True)
class Run:
    """What was trained: enough to build the network again.

    Attributes:
        folder: where its files lie.
        method: its method's name.
        variant: of the method, as `rgbir methods` lists them.
        training_data: the data set's name in a bundle's.
        identities: how many people its classifiers tell apart.
        recipe: the resolved settings.
        row: of its paper's tables that it was begun by; None without one, and for runs of before it was written down.
        note: where its weights come from, for the bundle's card, if rgbir didn't train them.
        licence: of these weights, in words, likewise.
        people: lists of a site's own pictures, that `start` writes down; None for a data set that has lists of its own.
        network: their cameras, likewise.
    """

    folder: Path
    method: str
    variant: str
    training_data: str
    identities: int
    recipe: AnyRecipe
    row: str | None = None
    note: str = ""
    licence: str = ""
    people: PeopleLists | None = None
    network: CameraNetwork | None = None

    def bundle_name(self, weights: Kept) -> str:
        """The name of a bundle of such weights; it says whether mirror images are embedded too."""
        flipped = isinstance(self.recipe, ViewsRecipe) and self.recipe.mirrored != "none"
        marks = f"{'' if weights == 'last' else f'.{weights}'}{'.flip' if flipped else ''}"
        return f"{self.method}_{self.recipe.backbone}.{self.training_data}{marks}"

    def build(self) -> Method:
        """The method's network as it is before training, with the parts at rest that the recipe freezes.

        Raises:
            BadRecipe: no such method, or settings that don't go together.
        """
        method = entry(self.method).build(self.recipe, self.identities)
        if isinstance(self.recipe, ViewsRecipe):
            method.mirrored = self.recipe.mirrored
        method.freeze(self.recipe.freeze)
        return method

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other processes from training in this folder meanwhile; it is made if it isn't there.

        Raises:
            RunBusy: another process is.
            CantWrite: the disk is full, or closed to us.
        """
        with writing_to(self.folder):
            made = not self.folder.exists()
            self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.folder / LOCK))
            except GalleryBusy as error:
                raise RunBusy(f"{error}. Another run needs another --out") from None
            except GalleryError as error:
                raise CantWrite(str(error)) from error
            try:
                yield
            finally:
                if made and not (self.folder / RECIPE).exists():  # nothing was begun
                    shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def busy(self) -> bool:
        """Whether a process is training in this folder."""
        return is_locked(self.folder / LOCK)

    def refuse_if_busy(self) -> None:
        """What `alone` refuses, told before there is anything to do.

        Raises:
            RunBusy: another process trains in this folder.
        """
        if self.busy:
            with self.alone():
                pass

    def start(self, data: Description | None = None) -> None:
        """Writes recipe and versions.

        Args:
            data: what it trains on, as `described` has it; it is written down, too.

        Raises:
            BadRecipe: the folder holds a run already.
            CantWrite: the disk is full, or closed to us.
        """
        if (self.folder / RECIPE).exists():
            raise BadRecipe(f"{self.folder} holds a run already; go on with --resume, or choose another --out")
        with writing_to(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        versions = {name: version(name) for name in ("rgbir", "torch", "numpy", "pillow")} | {
            "python": platform.python_version()
        }
        _write(self.folder / VERSIONS, json.dumps(versions, indent=2) + "\n")
        if data is not None:
            self.note_data(data)
        if self.people is not None:
            with writing_to(self.folder / PEOPLE):
                self.people.write(self.folder / PEOPLE)
        if self.network is not None:
            _write(self.folder / NETWORK, json.dumps(self.network.to_dict()) + "\n")
        about = {
            "method": self.method,
            "variant": self.variant,
            "row": self.row,
            "data": self.training_data,
            "identities": self.identities,
            **({"note": self.note, "licence": self.licence} if self.note else {}),
        }
        content = {**about, "recipe": self.recipe.model_dump(mode="json")}
        _write(self.folder / RECIPE, json.dumps(content, indent=2) + "\n")  # the last: a folder with it can be resumed

    def note_data(self, data: Description) -> None:
        """Writes down what is trained on.

        Raises:
            CantWrite: the disk is full, or closed to us.
        """
        _write(self.folder / DATA, json.dumps(data) + "\n")

    def trained_on(self) -> Description | None:
        """What `note_data` wrote down; None for a run of before there was such a note.

        Raises:
            BadCheckpoint: the note is damaged.
        """
        file = self.folder / DATA
        if not file.exists():
            return None
        try:
            content: Description = json.loads(file.read_text(encoding="utf-8"))
            difference(content, content | {"sha256": ""})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadCheckpoint(
                f"{file} is damaged ({why(error)}), so nobody can tell what the run was trained on; if you know that its data are"
                " the same, remove the file and resume again"
            ) from error
        return content

    def knows(self) -> set[str]:
        """Sums of the people whom its weights were trained on, in this run and in those that it started from.

        Raises:
            BadCheckpoint: what it wrote down is damaged.
        """
        data = self.trained_on() or {"identities": {}}
        return {entry["sha256"] for entry in data["identities"].values()} | set(data.get("before", ()))

    @property
    def of_own_pictures(self) -> bool:
        """Whether lists of a site's own people lie in the folder."""
        return (self.folder / PEOPLE).is_file()

    def expect_data(self, data: Description) -> None:
        """
        Raises:
            BadRecipe: the run was begun on other data.
            BadCheckpoint: what it wrote down of them is damaged.
        """
        if (before := self.trained_on()) is not None and (apart := difference(before, data)):
            raise BadRecipe(f"{self.folder} was begun on other data: {apart}. Give the same data, or begin a new run")

    def expect_room(self, size: int) -> None:
        """Looks before the first update whether a checkpoint and its weights will fit beside those that are there.

        Args:
            size: of both, in bytes.

        Raises:
            CantWrite: they won't.
        """
        free = shutil.disk_usage(self.folder).free
        if free < size:
            raise CantWrite(
                f"{self.folder} has {free / 1e6:,.0f} MB of room, and a checkpoint with its weights takes {size / 1e6:,.0f} MB"
                " beside the one before; make room, or choose another --out"
            )

    def log(self, **values: Any) -> None:
        """Appends a line to `log.jsonl`.

        Raises:
            CantWrite: the disk is full, or closed to us.
        """
        file = self.folder / LOG
        with writing_to(file), file.open("a", encoding="utf-8") as log:
            log.write(json.dumps(values) + "\n")

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint to go on from.

        Raises:
            BadCheckpoint: there are weights alone.
        """
        if (self.folder / CHECKPOINT).exists():
            return True
        # Selected weights of no update are imported ones; a run that was killed early may have some of more.
        if (self.folder / WEIGHTS).exists() or saved_updates(self.folder, self.weights_file().name) == 0:
            raise BadCheckpoint(
                f"{self.folder} has weights and no state of a training to go on with; train a new run that starts from"
                f" them: --set start={self.folder}"
            )
        return False

    def go_on_from(self, done: int, method: Method) -> None:
        """Makes everything in the folder that of a run which did so many updates: a killed run may have told of more.

        Raises:
            CantWrite: the disk is full, or closed to us.
        """
        best = [self.weights_file("best_validation"), self.weights_file("best_on_test")]
        names = (CHECKPOINT, WEIGHTS, LOG, RECIPE, VERSIONS, DATA, PEOPLE, NETWORK)
        clear_unfinished(*(self.folder / name for name in names), *best)
        file = self.folder / LOG
        text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        kept = [line for line in text.split("\n")[:-1] if parsed(line).get("update", math.inf) <= done]
        if (whole_lines := "".join(f"{line}\n" for line in kept)) != text:
            _write(file, whole_lines)
        for kept_weights in best:
            if (saved_updates(self.folder, kept_weights.name) or 0) > done:
                with writing_to(kept_weights):
                    kept_weights.unlink()
        if done and saved_updates(self.folder) != done:
            _replace(self.folder / WEIGHTS, lambda file: _save_weights(method, done, file))

    def has_validation(self, done: int, measured: str = "rank_1") -> bool:
        """Whether the log tells a validation after so many updates, or what else is measured by that name."""
        file = self.folder / LOG
        lines = map(parsed, file.read_text(encoding="utf-8").split("\n") if file.exists() else ())
        return any(line.get("update") == done and measured in line for line in lines)

    def save_checkpoint(self, state: dict[str, Any], method: Method) -> None:
        """Replaces the checkpoint and the weights; a crash, or a full disk, leaves the ones before.

        Raises:
            CantWrite: the disk is full, or closed to us.
        """
        if (
            log := self.folder / LOG
        ).exists():  # which is cut to the checkpoint when a run is resumed, and can't be added to
            with writing_to(log), log.open("rb") as opened:
                os.fsync(opened.fileno())
        with _beside(self.folder / WEIGHTS) as weights:
            _save_weights(method, int(state["updates"]), weights)
            # The checkpoint gets its name first: `go_on_from` makes weights of it, and nobody could make it of weights.
            with _beside(self.folder / CHECKPOINT) as checkpoint:
                torch.save(state, checkpoint)

    def save_weights(self, method: Method) -> None:
        """Replaces the weights that the recipe selects, alone: nobody could go on with them.

        Raises:
            CantWrite: the disk is full, or closed to us.
        """
        _replace(self.weights_file(), lambda file: _save_weights(method, 0, file))

    def weights_file(self, which: Kept | None = None) -> Path:
        """Where the last weights lie, or the best ones; those that the recipe selects if not given."""
        which = which or self.recipe.select
        return self.folder / (WEIGHTS if which == "last" else f"weights.{which}.safetensors")

    def keep_if_best(self, which: Kept, method: Method, update: int, rank_1: float) -> bool:
        """Keeps the weights under that name if their rank-1 is above that of the ones kept before; whether it was.

        A number that is reached again changes nothing, as in AGW's code. The file says its update and its rank-1, so a
        run that was stopped goes on with them.

        Args:
            which: `best_validation` or `best_on_test`.
            method: the network.
            update: how many updates it has had.
            rank_1: what was measured, 0..1.

        Raises:
            BadCheckpoint: the file that is there is damaged.
            CantWrite: the disk is full, or closed to us.
        """
        file = self.weights_file(which)
        if file.is_file() and rank_1 <= self.best(which)[1]:
            return False
        _replace(file, lambda new: _save_weights(method, update, new, rank_1))
        return True

    def best(self, which: Kept) -> tuple[int, float]:
        """The update of the best weights, and the rank-1 that they were kept for, 0..1.

        Raises:
            BadCheckpoint: there are none, or they are damaged.
        """
        file = self.weights_file(which)
        try:
            with safe_open(file, "pt") as content:
                about = content.metadata()
                return int(about["updates"]), float(about["rank_1"])
        except FileNotFoundError:
            raise BadCheckpoint(f"{file} is not there; the run has measured nothing yet") from None
        except Exception as error:  # safetensors raises several kinds on a damaged file
            raise BadCheckpoint(f"{file} can't be read: {why(error)}") from error

    def load_checkpoint(self) -> dict[str, Any]:
        """The last checkpoint; nothing but tensors and plain values is ever unpickled.

        Raises:
            BadCheckpoint: there is none, or it is damaged.
        """
        file = self.folder / CHECKPOINT
        if not self.has_checkpoint:
            raise BadCheckpoint(f"{file} is not there; the run stopped before its first checkpoint, start it again")
        try:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)  # noqa: TID251  # a run of ours
        except Exception as error:  # torch raises many kinds on a damaged file
            raise BadCheckpoint(f"{file} can't be read: {why(error)}") from error
        return state

    def load_weights(self, which: Kept | None = None) -> Method:
        """The trained network, ready to embed.

        Args:
            which: of its weights; what the recipe selects if not given.

        Raises:
            BadCheckpoint: no weights, or those of another recipe.
        """
        method = self.build()
        which = which or self.recipe.select
        file = self.weights_file(which)
        try:
            method.load_state_dict(load_file(file))
        except FileNotFoundError:
            missing = "wrote no checkpoint yet" if which == "last" else f"has kept no weights as {which}"
            raise BadCheckpoint(f"{file} is not there; the run {missing}") from None
        except Exception as error:
            raise BadCheckpoint(f"{file} doesn't fit the run's recipe: {why(error)}") from error
        return method.eval()


def load_run(folder: Path) -> Run:
    """The run in that folder.

    Raises:
        BadCheckpoint: no run there, or its recipe.json is damaged.
        BadRecipe: its recipe has a method, a setting or a value that isn't known here.
    """
    file = folder / RECIPE
    if not file.is_file():
        raise BadCheckpoint(f"{folder} holds no run: no {file.name}; expected the --out folder of `rgbir train`")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        method, variant, data, identities = (content[name] for name in ("method", "variant", "data", "identities"))
        settings = {"denormals": "keep", **dict(flat(content["recipe"]))}  # a run of before the setting did
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadCheckpoint(
            f"{file} is none of rgbir's, or damaged: {why(error)}; expected the --out folder of `rgbir train`"
        ) from error
    recipe = entry(method).recipe.changed(settings)
    more = {name: content[name] for name in ("row", "note", "licence") if name in content}
    return Run(folder, method, variant, data, identities, recipe, **more)


def _write(file: Path, text: str) -> None:
    _replace(file, lambda new: Path(new).write_text(text, encoding="utf-8"))


def _replace(file: Path, write: Callable[[Path], object]) -> None:
    with _beside(file) as new:
        write(new)


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    with beside(file) as new:
        try:
            yield new
        except (RuntimeError, SafetensorError) as error:  # what torch and safetensors make of a full disk
            raise OSError(errno.EIO, f"{str(error).splitlines()[0]}; is the disk full?") from error


def _save_weights(method: Method, updates: int, file: Path, rank_1: float | None = None) -> None:
    weights = {name: value.detach().cpu().contiguous() for name, value in method.state_dict().items()}
    measured = {} if rank_1 is None else {"rank_1": repr(rank_1)}
    save_file(weights, file, metadata={"updates": str(updates), **measured})
