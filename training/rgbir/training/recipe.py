"""How a method is trained: every setting has a name, a default from the paper, and a place in a file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, field_validator

from rgbir.index import Kept, Resize, Tta, did_you_mean, fault, listed, why
from rgbir.training.augmentation import Augmentation as Augmentation
from rgbir.training.augmentation import Views
from rgbir.training.errors import BadRecipe
from rgbir.training.optim import Adam, Sgd
from rgbir.training.schedules import Agw, EpochSteps, WarmupEpoch, WarmupStep
from rgbir.training.settings import Settings
from rgbir.training.settings import flat as flat

S = TypeVar("S", bound=Settings)
Trunk = Literal["resnet50", "compact", "mobilenet_v2"]


class Data(Settings):
    """Which of a data set's images are trained on, where it leaves a choice."""

    train_identities: Literal["train", "trainval"] = Field(
        "train", description="SYSU-MM01 lists to train on: 296 or 395 identities"
    )
    split: int = Field(1, ge=1, le=10, description="RegDB split to train on; test the model on the same")
    draw: Literal["images", "tracklets"] = Field(
        "images",
        description="what batches are drawn from: images, or tracklets and then a frame of each, so that long ones don't count more",
    )


class Tested(Settings):
    """After which epochs the test set is measured, for `select=best_on_test` alone; after the last one always."""

    first: int = Field(2, ge=0, description="the first of them, counted from 0; 2 in AGW's program")
    every: int = Field(2, ge=1, description="epochs from one to the next")


class Recipe(Settings):
    """What every method's recipe has.

    Attributes:
        data: which images are trained on.
        augment: how images are changed before the network sees them.
        tested: when the test set is measured, where weights are chosen by it.
    """

    backbone: str = Field("resnet50", description="the network; each method says which it takes")
    imagenet: str | None = Field(
        None, description="file of ImageNet weights to start from, by torchvision's names; nothing is downloaded"
    )
    start: str | None = Field(
        None, description="a run's folder, or a file of weights, of the same network, to start from"
    )
    freeze: tuple[str, ...] = Field(
        (), description="parts of the network that stay as they start, such as backbone.layer1"
    )
    height: int = Field(384, ge=32, description="of the network's images, in pixels")
    width: int = Field(128, ge=16, description="of the network's images, in pixels")
    resize: Resize = Field("bilinear", description="the filter that makes images of that size; the bundle keeps it")
    seed: int = Field(0, ge=0, description="of all that is drawn: first weights, batches, changes of images")
    amp: Literal["off", "bf16", "fp16"] = Field(
        "off", description="mixed precision of the network; losses stay in float32"
    )
    denormals: Literal["flush", "keep"] = Field(
        "flush",
        description="on a processor, numbers below 1.2e-38: they become 0, which is faster, or stay as they are",
    )
    sync_bn: bool = Field(
        True,
        description="with several GPUs: batch norm by the whole batch, or by each GPU's part; with one no difference",
    )
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="share of a label that the identity loss spreads over all identities"
    )
    data: Data = Data()
    augment: Augmentation = Augmentation()
    validate_every: int = Field(200, ge=0, description="updates between validations; 0 is never")
    checkpoint_every: int = Field(
        5_000, ge=1, description="updates between checkpoints; the last update writes one too"
    )
    explosion: float = Field(
        1_000.0,
        ge=0,
        description="a loss so many times the lowest median of 100 updates, or 1 if that is more, ends the run; 0 is off",
    )
    cmc: Literal["identity", "image"] = Field("identity", description="what ranks count when the run validates")
    select: Kept = Field(
        "last",
        description="weights that a bundle is made of: the last; of the best validation; of the best epoch on the test set",
    )
    tested: Tested = Tested()

    @field_validator("freeze", mode="before")
    @classmethod
    def _one_part(cls, value: object) -> object:
        """A single name needs no brackets."""
        return (value,) if isinstance(value, str) else value

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """A copy with settings changed by their dotted names, such as `{"expat.form": "exp_mean"}`.

        Raises:
            BadRecipe: an unknown name (with the nearest known one) or a value that doesn't fit.
        """
        return with_changes(self, changes)


def with_changes(settings: S, changes: Mapping[str, Any]) -> S:
    """A copy with settings changed by their dotted names.

    Raises:
        BadRecipe: an unknown name (with the nearest known one) or a value that doesn't fit.
    """
    content = settings.model_dump(mode="json")
    known = dict(flat(content))
    for name, value in changes.items():
        if name not in known:
            raise BadRecipe(f"no setting {name!r} in this recipe{_meant(name, known)}")
        *groups, last = name.split(".")
        place = content
        for group in groups:
            place = place[group]
        place[last] = value
    try:
        return type(settings).model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadRecipe(f"{where} = {first['input']!r}: {fault(first).lower()}") from error


class TupleRecipe(Recipe):
    """Of the methods that train on tuples: expAT and LCCRF (methods.md 2.4, 2.6).

    Attributes:
        optimiser: how parameters follow their gradients.
        schedule: the course of the learning rate, and the length of the training.
    """

    backbone: Trunk = "resnet50"
    optimiser: Adam = Adam()
    schedule: WarmupStep = WarmupStep()
    tuples: int = Field(8, ge=1, description="tuples a batch; six images each")
    sampler: Literal["paper", "official"] = Field(
        "paper", description="`official`: the anchor is redrawn from its identity"
    )
    bn_groups: Literal["joint", "modality", "role"] = Field("joint", description="images that share a forward pass")


class PairRecipe(Recipe):
    """Of the methods that train on pairs of an RGB and an IR image of one person: DFE (methods.md 4.4).

    Attributes:
        optimiser: how parameters follow their gradients.
        schedule: the course of the learning rate, and the length of the training.
    """

    backbone: Trunk = "resnet50"
    optimiser: Sgd = Sgd()
    schedule: EpochSteps = EpochSteps()
    pairs: int = Field(32, ge=2, description="pairs a batch; two images each")
    bn_groups: Literal["joint", "modality"] = Field("joint", description="images that share a forward pass")


class IdentityRecipe(Recipe):
    """Of the methods that train on some people, several images of each in both modalities (methods.md 6.4).

    Attributes:
        optimiser: how parameters follow their gradients.
        schedule: the course of the learning rate, and the length of the training.
    """

    label_smoothing: float = Field(0.0, ge=0, lt=1)
    data: Data = Data(train_identities="trainval")
    augment: Augmentation = Augmentation(erasing=0.0)
    optimiser: Sgd = Sgd()
    schedule: Agw | WarmupStep = Agw()
    people: int = Field(6, ge=2, description="identities a batch")
    images: int = Field(4, ge=1, description="images of each in each modality")


class BaselineRecipe(IdentityRecipe):
    """Of section 7's baselines, where their papers don't say otherwise: as AGW trains."""

    backbone: Trunk = "resnet50"
    height: int = Field(288, ge=32)
    width: int = Field(144, ge=16)
    schedule: Agw = Agw(epochs=60)
    people: int = Field(8, ge=2, description="identities a batch")


class ViewsRecipe(Recipe):
    """Of the methods that train on some people, and on one or two views of each of their images (beyond.md 1).

    A method's recipe narrows optimiser and schedule to one kind.

    Attributes:
        augment: what is done to every view.
        views: how many there are, and what else is done to each.
        optimiser: how parameters follow their gradients.
        schedule: the course of the learning rate, and the length of the training.
    """

    backbone: Trunk = "resnet50"
    height: int = Field(288, ge=32)
    width: int = Field(144, ge=16)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    data: Data = Data(train_identities="trainval")
    augment: Augmentation = Augmentation(erasing=0.0)
    views: Views = Views()
    optimiser: Sgd | Adam = Sgd(nesterov=True)
    schedule: Agw | WarmupEpoch = Agw(epochs=100)
    people: int = Field(8, ge=2, description="identities a batch")
    images: int = Field(4, ge=1, description="images of each in each modality")
    sampling: Literal["random", "drop", "repeat"] = Field(
        "random",
        description="images drawn at random; or an epoch is a pass over them, where the modality of which a person has more"
        " drops some, or the other one repeats some",
    )
    tta: Literal["none", "flip"] = Field(
        "none", description="what is embedded at test time: images, or their mirror images too"
    )
    flip: Literal["renorm", "sum"] = Field(
        "renorm",
        description="of tta: the sum of the two unit vectors, of length 1 again; or the sum of the two as they are",
    )

    @property
    def mirrored(self) -> Tta:
        """What is done with mirror images at test time, in one word."""
        if self.tta == "none":
            return "none"
        return "flip-renorm" if self.flip == "renorm" else "flip-sum"


class MixedRecipe(Recipe):
    """Of the methods that see single images of some people: HPILN (methods.md 5.4), expAT on one modality (2.6).

    Attributes:
        optimiser: how parameters follow their gradients.
        schedule: the course of the learning rate, and the length of the training.
    """

    optimiser: Adam = Adam(bias_factor=1.0, decay_biases=True)
    schedule: WarmupStep | WarmupEpoch = WarmupStep(updates=10_000, warmup=0, milestones=())
    people: int = Field(8, ge=2, description="identities a batch")
    images: int = Field(8, ge=2, description="images of each")
    sampling: Literal["balanced", "blind"] = Field(
        "balanced", description="half of the images from each modality, or drawn from all of a person's"
    )


AnyRecipe = TupleRecipe | PairRecipe | IdentityRecipe | ViewsRecipe | MixedRecipe


ALIASES: dict[str, tuple[str, ...]] = {
    "lr": ("learning_rate",),
    "rate": ("learning_rate",),
    "base_lr": ("learning_rate",),
    "wd": ("weight_decay",),
    "decay": ("weight_decay",),
    "batch": ("tuples", "pairs", "people", "images"),
    "batch_size": ("tuples", "pairs", "people", "images"),
    "steps": ("updates", "epochs"),
    "iterations": ("updates", "epochs"),
    "iters": ("updates", "epochs"),
    "updates": ("epochs",),
    "epochs": ("updates",),
    "warmup_updates": ("warmup",),
    "pretrained": ("imagenet", "start"),
    "weights": ("imagenet", "start"),
    "init": ("start",),
    "size": ("height", "width"),
    "precision": ("amp",),
    "fp16": ("amp",),
    "smoothing": ("label_smoothing",),
    "val_every": ("validate_every",),
    "save_every": ("checkpoint_every",),
    "model": ("backbone",),
    "network": ("backbone",),
}
"""What settings are called elsewhere: the last parts of their names here, of which a recipe has some."""


def _meant(name: str, known: Iterable[str]) -> str:
    """The settings that were probably meant, as the end of a sentence; all that there are, if nobody can tell."""
    known = list(known)
    if below := [setting for setting in known if setting.startswith(f"{name}.")]:
        return f"; it is a group: {listed(below)}"
    last = name.lower().replace("-", "_").rpartition(".")[2]
    for short in ((last,), ALIASES.get(last, ())):
        if meant := [setting for setting in known if setting.rpartition(".")[2] in short]:
            return f"; did you mean {listed([repr(setting) for setting in meant], 'or')}?"
    by_last = {setting.rpartition(".")[2]: setting for setting in known}
    whole = {setting: setting for setting in known}
    for written, names in ((name, whole), (last, by_last)) if "." in name else ((last, by_last), (name, whole)):
        if hint := did_you_mean(written, names):
            return f"; did you mean {names[hint.split(chr(39))[1]]!r}?"
    return f"; known: {listed(known)}"


def read_changes(file: Path) -> dict[str, Any]:
    """Settings from a TOML file, or from the `recipe.json` of an earlier run.

    Raises:
        BadRecipe: no such file, or neither TOML nor JSON.
    """
    if not file.is_file():
        raise BadRecipe(f"{file} is not a file; expected a recipe in TOML, or a run's recipe.json")
    try:
        text = file.read_text(encoding="utf-8")
        content = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise BadRecipe(f"{file}: {why(error)}") from error
    if isinstance(content, Mapping) and "method" in content:  # a run's file tells what it was of, too
        content = content.get("recipe")
    if not isinstance(content, Mapping):
        raise BadRecipe(f"{file} holds no settings; expected a recipe in TOML, or a run's recipe.json")
    return dict(flat(content))


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """`["schedule.updates=100", "csbn=off"]` as settings; values are TOML where they can be, else plain text.

    Raises:
        BadRecipe: an assignment without `=`.
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise BadRecipe(f"--set takes name=value, not {assignment!r}")
        try:
            changes[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            changes[name.strip()] = value.strip()
    return changes
