"""An encoder's bundle: a folder with `card.json` and ONNX graphs. Export writes it, everyone else reads it here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from rgbir.index.cameras import Modality
from rgbir.index.errors import BadBundle
from rgbir.index.images import Resize
from rgbir.index.metric import Metric
from rgbir.index.runner import Runner
from rgbir.index.sealed import SealedFolder, expect_own_files, read_card
from rgbir.index.words import listed

Precision = Literal["fp32", "fp16", "int8"]
Kept = Literal["last", "best_validation", "best_on_test"]
"""Which weights of a training: the last, or those of its best measurement on held-back people, or on the test set."""

Tta = Literal["none", "flip-renorm", "flip-sum"]
"""What of an image is embedded: itself; it and its mirror image, the sum of both vectors, of length 1 again or as it is."""


class Parity(BaseModel, frozen=True, extra="forbid"):
    """How far ONNX Runtime's embeddings are from torch's, relative to the largest value."""

    largest_relative_difference: float
    tolerance: float
    cases: int = Field(description="comparisons made: inputs x batch sizes x modalities")
    float32_difference: float | None = Field(
        None, description="what torch itself loses by rounding to float32; not known of adopted models"
    )


class Drift(BaseModel, frozen=True, extra="forbid"):
    """How far a bundle of less precision turns embeddings from its fp32 original's: their cosine, over some images."""

    cosine_mean: float
    cosine_min: float
    images: int


class Figure(BaseModel, frozen=True, extra="forbid"):
    """Means over the folds of a cross-validation, in 0..1; a gain's may be below 0. How a spread is made: docs/how-to/fit-to-a-site.md."""

    rank_1: float
    rank_1_spread: float
    mean_ap: float
    mean_ap_spread: float


class Fitted(BaseModel, frozen=True, extra="forbid"):
    """Of what and by what a bundle was fitted, and what that brought on people and cameras that the fit hadn't seen."""

    bundle: str = Field(description="whose embeddings it maps, by name")
    fingerprint: str = Field(description="of that bundle")
    file: str = Field(description="the map by itself, for embeddings that are kept without their images")
    only_centred: bool = Field(description="each modality's mean is taken away, and nothing else")
    unit_length: str = Field(description="where embeddings are brought to length 1")
    people: int
    sightings: int
    cameras: list[str]
    shrinkage: float | None = Field(None, description="share of the identity in the within-class covariance")
    folds: int
    plain: Figure = Field(description="that bundle as it is")
    centred: Figure
    fitted: Figure
    gain: Figure = Field(description="of what is in the bundle, over the best that does less")
    command: str
    derived: str = Field(description="what the map is made of, in words")


class Reaction(BaseModel, frozen=True, extra="forbid"):
    """That a bundle tells where its network reacted, and by which tests that says something of the network.

    A map has the length of the last feature map's vector at each place. Two tests were passed, or a bundle has no such maps.
    With its weights shuffled the network must give other maps. Covering the fifth of an image that the map marks must move the
    embedding further than covering another fifth.
    """

    graphs: dict[Modality, str] = Field(description="ONNX file for each modality: pixels in, maps out")
    rows: int = Field(ge=2)
    columns: int = Field(ge=2)
    shuffled: float = Field(description="mean rank correlation with the maps of shuffled weights")
    covered: float = Field(description="mean distance from an embedding to that of the image without the marked fifth")
    covered_at_random: float = Field(description="the same without a fifth drawn at random")
    spread: float = Field(description="standard error of the mean difference of the two")
    images: int
    data: str = Field(description="whose images they were")
    command: str


class Card(BaseModel, frozen=True, extra="forbid"):
    """What a bundle says of itself. Figures under `measured` carry the command that measured them."""

    format: Literal[1] = 1
    name: str = Field(
        description="<method>_<backbone>.<training data>, and which weights, if not the last", min_length=1
    )
    method: str
    variant: str = ""
    row: str = Field("", description="of the paper's tables, if it was trained by one")
    backbone: str = ""
    training_data: str = ""
    weights: Kept = Field("last", description="of the run; a number of best_on_test was chosen on what it measures")
    recipe: dict[str, Any] = {}
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    resize: Resize = Field("bilinear", description="the filter that makes an image of that size")
    dimension: int = Field(ge=1)
    metric: Metric
    tta: Tta = Field("none", description="whether the graphs embed an image's mirror image too, and add how")
    vectors: tuple[str, ...] = Field((), description="that an embedding is made of, in order, if of more than one")
    graphs: dict[Modality, str] = Field(description="ONNX file for each modality; one file may serve both")
    files: dict[str, str] = Field(description="sha256 of every file but the card")
    precision: Precision = "fp32"
    parity: Parity | None = Field(None, description="of the fp32 graphs, from which others are made")
    drift: Drift | None = Field(None, description="of fp16 and int8 graphs")
    fitted: Fitted | None = Field(None, description="of a bundle that `rgbir fit` made of another one")
    reaction: Reaction | None = Field(None, description="of a bundle that tells where its network reacted")
    computed_in: Literal["bf16"] | None = Field(
        None, description="by a server whose runner rounds more than the graphs do; no bundle's card has it"
    )
    trained_on: tuple[str, ...] = Field(
        (), description="of own pictures: a sum of each person's images whom it was trained on, or fitted to"
    )
    measured: dict[str, Any] = {}
    note: str = Field("", description="where it comes from, in words: the commands that made it, say")
    licence: str = ""
    made_with: dict[str, str] = {}

    @model_validator(mode="after")
    def _graphs_are_files(self) -> Card:
        expect_own_files(self.files, set(self.graphs.values()))
        if self.fitted is not None and self.fitted.file not in self.files:
            raise ValueError(f"the map {self.fitted.file} must be a file of the bundle; it isn't listed under files")
        if self.reaction is not None and (lost := sorted(set(self.reaction.graphs.values()) - self.files.keys())):
            raise ValueError(f"graphs of reaction maps must be files of the bundle; not listed under files: {lost}")
        return self

    @property
    def fingerprint(self) -> str:
        """Of everything that decides an embedding: graphs, weights, input size, filter, metric. 16 hexadecimal digits.

        Bilinear, which is what every card meant before it named a filter, adds nothing to it. Nor do graphs of reaction maps.
        """
        maps = set() if self.reaction is None else set(self.reaction.graphs.values())
        decisive = [
            sorted((name, total) for name, total in self.files.items() if name not in maps),
            sorted((str(m), f) for m, f in self.graphs.items()),
            self.height,
            self.width,
            str(self.metric),
            *([] if self.resize == "bilinear" else [self.resize]),
            *([] if self.computed_in is None else [f"computed in {self.computed_in}"]),
        ]
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:16]

    def computed(self, runner: Runner) -> Card:
        """Of the embeddings that the runner makes with this bundle.

        A runner that rounds to bf16 makes others than the graphs say, as an int8 bundle does. So they have a name and a
        fingerprint of their own. Other runners differ by the order of their sums.
        """
        if not runner.bf16:
            return self
        return self.model_copy(update={"name": f"{self.name}.bf16", "computed_in": "bf16"})


class Bundle(SealedFolder[Card]):
    """An encoder's bundle on disk, its files compared with the card's sums.

    Raises:
        BadBundle: no card, a card of another format or kind, or of a runner; a file that is missing or altered.
    """

    def __init__(self, folder: Path | str) -> None:
        super().__init__(Path(folder), read_card(Path(folder), Card, "encoder"))
        if self.card.computed_in is not None:
            raise BadBundle(
                f"{folder}: its card says computed_in {self.card.computed_in}, which a runner decides; give the bundle as it was"
                f" exported, with --runner openvino:{self.card.computed_in}"
            )

    def graph(self, modality: Modality) -> Path:
        """The graph that embeds images of that modality.

        Raises:
            BadBundle: this model has none.
        """
        if modality not in self.card.graphs:
            raise BadBundle(
                f"bundle {self.card.name} has no graph for {modality} images; it has {listed(self.card.graphs)}"
            )
        return self.folder / self.card.graphs[modality]
