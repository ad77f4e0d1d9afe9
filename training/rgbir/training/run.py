"""A run's folder: the resolved recipe, versions, checkpoints, weights and the log of one training.

recipe.json       method, variant, data and every setting; `--recipe` reads it again
versions.json     of what trained it
log.jsonl         losses, rates and validations by update
tensorboard/      the same for TensorBoard
checkpoint.pt     everything needed to go on exactly (tensors and plain values only)
weights.safetensors   the network alone, written at each checkpoint; what export reads
"""

from __future__ import annotations

import errno
import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from rgbir.index import beside, writing_to
from rgbir.training.errors import BadCheckpoint
from rgbir.training.method import Method
from rgbir.training.methods import entry
from rgbir.training.recipe import AnyRecipe, flat

WEIGHTS = "weights.safetensors"


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
        note: where its weights come from, for the bundle's card, if rgbir didn't train them.
        licence: of these weights, in words, likewise.
    """

    folder: Path
    method: str
    variant: str
    training_data: str
    identities: int
    recipe: AnyRecipe
    note: str = ""
    licence: str = ""

    def build(self) -> Method:
        """The method's network as it is before training, with the parts at rest that the recipe freezes.

        Raises:
            BadRecipe: no such method, or settings that don't go together.
        """
        method = entry(self.method).build(self.recipe, self.identities)
        method.freeze(self.recipe.freeze)
        return method

    def start(self) -> None:
        """Writes recipe and versions.

        Raises:
            CantWrite: the disk is full, or closed to us.
        """
        with writing_to(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        about = {
            "method": self.method,
            "variant": self.variant,
            "data": self.training_data,
            "identities": self.identities,
            **({"note": self.note, "licence": self.licence} if self.note else {}),
        }
        _write(
            self.folder / "recipe.json", json.dumps({**about, "recipe": self.recipe.model_dump(mode="json")}, indent=2)
        )
        versions = {name: version(name) for name in ("rgbir", "torch", "numpy", "pillow")} | {
            "python": platform.python_version()
        }
        _write(self.folder / "versions.json", json.dumps(versions, indent=2))

    def log(self, **values: Any) -> None:
        """Appends a line to `log.jsonl`.

        Raises:
            CantWrite: the disk is full, or closed to us.
        """
        file = self.folder / "log.jsonl"
        with writing_to(file), file.open("a", encoding="utf-8") as log:
            log.write(json.dumps(values) + "\n")

    def save_checkpoint(self, state: dict[str, Any], method: Method) -> None:
        """Replaces the checkpoint and the weights; a crash, or a full disk, leaves the ones before.

        Raises:
            CantWrite: the disk is full, or closed to us.
        """
        _replace(self.folder / "checkpoint.pt", lambda file: torch.save(state, file))
        self.save_weights(method)

    def save_weights(self, method: Method) -> None:
        """Replaces the weights alone.

        Raises:
            CantWrite: the disk is full, or closed to us.
        """
        weights = {name: value.detach().cpu().contiguous() for name, value in method.state_dict().items()}
        _replace(self.folder / WEIGHTS, lambda file: save_file(weights, file))

    def load_checkpoint(self) -> dict[str, Any]:
        """The last checkpoint; nothing but tensors and plain values is ever unpickled.

        Raises:
            BadCheckpoint: there is none, or it is damaged.
        """
        file = self.folder / "checkpoint.pt"
        try:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)  # noqa: TID251  # a run of ours
        except FileNotFoundError:
            if (self.folder / WEIGHTS).is_file():
                raise BadCheckpoint(
                    f"{self.folder} has weights and no state of a training to go on with; train a new run that starts from"
                    f" them: --set start={self.folder}"
                ) from None
            raise BadCheckpoint(
                f"{file} is not there; the run stopped before its first checkpoint, start it anew"
            ) from None
        except Exception as error:  # torch raises many kinds on a damaged file
            raise BadCheckpoint(f"{file} can't be read: {error}") from error
        return state

    def load_weights(self) -> Method:
        """The trained network, ready to embed.

        Raises:
            BadCheckpoint: no weights, or those of another recipe.
        """
        method = self.build()
        file = self.folder / WEIGHTS
        try:
            method.load_state_dict(load_file(file))
        except FileNotFoundError:
            raise BadCheckpoint(f"{file} is not there; the run wrote no checkpoint yet") from None
        except Exception as error:
            raise BadCheckpoint(f"{file} doesn't fit the run's recipe: {error}") from error
        return method.eval()


def load_run(folder: Path) -> Run:
    """The run in that folder.

    Raises:
        BadCheckpoint: no run there.
        BadRecipe: its recipe has a method, a setting or a value that isn't known here.
    """
    file = folder / "recipe.json"
    if not file.is_file():
        raise BadCheckpoint(f"{folder} holds no run: no {file.name}; expected the --out folder of `rgbir train`")
    content = json.loads(file.read_text(encoding="utf-8"))
    recipe = entry(content["method"]).recipe.changed(dict(flat(content["recipe"])))
    return Run(
        folder,
        content["method"],
        content["variant"],
        content["data"],
        content["identities"],
        recipe,
        content.get("note", ""),
        content.get("licence", ""),
    )


def _write(file: Path, text: str) -> None:
    _replace(file, lambda new: Path(new).write_text(text + "\n", encoding="utf-8"))


def _replace(file: Path, write: Callable[[Path], object]) -> None:
    with beside(file) as new:
        try:
            write(new)
        except (RuntimeError, SafetensorError) as error:  # what torch and safetensors make of a full disk
            raise OSError(errno.EIO, f"{str(error).splitlines()[0]}; is the disk full?") from error
