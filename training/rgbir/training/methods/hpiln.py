"""HPILN: a colour re-identification network, unchanged, trained on both modalities with hard pentaplets and identities.

Source: Zhao, Lin, Xuan, Xi, "HPILN: a feature learning framework for cross-modality person re-identification", IET Image
Processing 13(14):2897-2904, 2019. No code of its authors is known. Its readings: docs/methods/hpiln.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.index import Modality
from rgbir.training.data.batch import MixedBatch
from rgbir.training.errors import BadRecipe
from rgbir.training.losses import Centres, HardestTriplet, HardPentaplet
from rgbir.training.losses.pentaplet import Terms
from rgbir.training.method import Losses, Method
from rgbir.training.networks import (
    BFE,
    HACNN,
    MGN,
    MLFN,
    PCB,
    DenseNet121Pooled,
    MuDeep,
    Network,
    ResMid,
    ResNet50Pooled,
)
from rgbir.training.recipe import Augmentation, Data, MixedRecipe
from rgbir.training.schedules import WarmupStep
from rgbir.training.settings import Settings

PAPER = (
    "Y.-B. Zhao, J.-W. Lin, Q. Xuan, X. Xi, HPILN: a feature learning framework for cross-modality person"
    " re-identification, IET Image Processing 13(14):2897-2904, 2019"
)
IDEA = "a colour network as it is; each image's hardest triplet anywhere, and its hardest across the modalities"

Name = Literal["res_mid", "mgn", "pcb", "bfe", "mlfn", "hacnn", "mudeep", "resnet50", "densenet121"]
Objective = Literal["id", "hp", "hpi", "ht", "hti", "center"]


class Hp(Settings):
    """The hard pentaplet loss (methods.md 5.3)."""

    terms: Terms = Field("both", description="ours, for diagnosis: one of the two sums alone")


class Bfe(Settings):
    """The switches of BFE (methods.md 5.7, 3)."""

    erase: tuple[float, float] = Field(
        (0.5, 0.5), description="height and width of the erased part; (0.33, 1.0) in later code"
    )
    embed: Literal["erased", "concat"] = Field("erased", description="1024-d as printed, or 1536-d as the code has it")


class Center(Settings):
    """The centre loss (methods.md 5.3)."""

    weight: float = Field(0.0005, ge=0, description="beside the identity loss")
    rate: float = Field(0.5, gt=0, description="at which the centres follow")


class HPILNRecipe(MixedRecipe):
    """The paper's settings where it states them, with Res-Mid; each other network is a variant with its image size.

    Attributes:
        hp: the pentaplet loss.
        bfe: what BFE erases and gives.
        center: the centre loss.
    """

    backbone: Name = "res_mid"
    height: int = Field(224, ge=32)
    width: int = Field(224, ge=16)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    data: Data = Data(train_identities="trainval")
    augment: Augmentation = Augmentation(padcrop=0, erasing=0.0, shift=0.5)
    schedule: WarmupStep = WarmupStep(updates=10_000, warmup=0, milestones=())
    loss: Objective = Field(
        "hpi", description="identity, pentaplets, both; hardest triplets without and with identity; centres"
    )
    margin: float = Field(0.3, ge=0, description="the paper searches 0.3 to 1.8 and doesn't say which it took")
    id_heads: Literal["mean", "sum"] = Field("mean", description="over a network's classifiers")
    hp: Hp = Hp()
    bfe: Bfe = Bfe()
    center: Center = Center()
    slim: Literal[1, 2, 4, 8] = Field(1, description="ours, for processors: divides every width of the network")


NETWORKS: dict[Name, Callable[[HPILNRecipe], Network]] = {
    "res_mid": lambda r: ResMid(r.slim),
    "mgn": lambda r: MGN(r.slim),
    "pcb": lambda r: PCB(r.slim),
    "bfe": lambda r: BFE(r.slim, r.bfe.embed, r.bfe.erase),
    "mlfn": lambda r: MLFN(r.slim),
    "hacnn": lambda r: HACNN(r.slim),
    "mudeep": lambda r: MuDeep(r.slim),
    "resnet50": lambda r: ResNet50Pooled(r.slim),
    "densenet121": lambda r: DenseNet121Pooled(r.slim),
}


class HPILN(Method):
    """One network for both modalities; the classifiers read what the network gives them, the ranking its embedding.

    Raises:
        BadRecipe: the network takes images of another size.
    """

    one_stream = True

    def __init__(self, recipe: HPILNRecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = NETWORKS[recipe.backbone](recipe)
        if self.network.size not in (None, (recipe.height, recipe.width)):
            height, width = self.network.size or (0, 0)
            raise BadRecipe(
                f"{recipe.backbone} takes images of {height}x{width} only; set height={height} width={width}"
            )
        heads = self.network.heads if recipe.loss in ("id", "hpi", "hti", "center") else ()
        self.classifiers = nn.ModuleList(_classifier(length, identities) for length in heads)
        self.pentaplet = HardPentaplet(recipe.margin, recipe.hp.terms) if recipe.loss in ("hp", "hpi") else None
        self.triplet = HardestTriplet(recipe.margin) if recipe.loss in ("ht", "hti") else None
        centres = Centres(identities, self.network.dimension, recipe.center.rate)
        self.centres = centres if recipe.loss == "center" else None

    @property
    def dimension(self) -> int:
        return self.network.dimension

    def start_from_imagenet(self, file: Path) -> None:
        self.network.start_from_imagenet(file)

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.network(images).embedding

    def losses(self, batch: MixedBatch) -> Losses:
        views = self.network(batch.images)
        classified = [self.gathered(part) for part in views.classified[: len(self.classifiers)]]
        logits = [classifier(part) for classifier, part in zip(self.classifiers, classified, strict=True)]
        losses: Losses = {}
        with torch.autocast(batch.images.device.type, enabled=False):
            if logits:
                smoothing = self.recipe.label_smoothing
                each = torch.stack(
                    [F.cross_entropy(x.float(), batch.labels, label_smoothing=smoothing) for x in logits]
                )
                losses["identity"] = each.mean() if self.recipe.id_heads == "mean" else each.sum()
            vectors = [self.gathered(vector).float() for vector in views.ranked]
            if self.pentaplet is not None:
                each = torch.stack([self.pentaplet(vector, batch.labels, batch.infrared) for vector in vectors])
                losses["pentaplet"] = self._over_vectors(each)
            if self.triplet is not None:
                each = torch.stack([self.triplet(vector, batch.labels) for vector in vectors])
                losses["triplet"] = self._over_vectors(each)
            if self.centres is not None:
                embedding = self.gathered(views.embedding).float()
                losses["centre"] = self.recipe.center.weight * self.centres(embedding, batch.labels)
        return losses

    def _over_vectors(self, losses: Tensor) -> Tensor:
        """A ranking loss of each vector that the network ranks → one scalar."""
        return losses.mean() if self.network.ranking == "mean" else losses.sum()


def _classifier(length: int, identities: int) -> nn.Module:
    classifier = nn.Linear(length, identities)
    nn.init.normal_(classifier.weight, std=0.01)
    nn.init.zeros_(classifier.bias)
    return classifier


SIZES: dict[Name, tuple[int, int]] = {
    "res_mid": (224, 224),
    "mgn": (384, 128),
    "pcb": (224, 224),
    "bfe": (256, 128),
    "mlfn": (224, 224),
    "hacnn": (160, 64),
    "mudeep": (256, 128),
    "resnet50": (224, 224),
    "densenet121": (224, 224),
}
"""Height and width of the paper's Table 1; of the last four it says nothing."""


def _with(network: Name) -> dict[str, Any]:
    height, width = SIZES[network]
    return {"backbone": network, "height": height, "width": width}


VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    **{network: _with(network) for network in SIZES if network != "res_mid"},
    "bfe-concat": {**_with("bfe"), "bfe.embed": "concat"},
}

BLIND: dict[str, Any] = {"sampling": "blind"}
"""What the paper's comparison losses are taken to sample with; it credits its own balance for part of the gain."""


def _rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """Tables 2, 4 and 5, the margins, and the losses of figures 7 and 8 (methods.md 5.8)."""
    five: tuple[Name, ...] = ("res_mid", "mgn", "pcb", "mlfn", "bfe")
    for network in five:
        yield f"table2.{network}", _with(network)
    for network in five:
        for loss in ("id", "hp", "hpi"):
            yield f"table4.{network}.{loss}", {**_with(network), "loss": loss}
    for network in SIZES:
        yield f"table5.{network}", _with(network)
    for network in five:
        for loss, changes in (("ht", BLIND), ("hti", BLIND), ("center", {})):
            yield f"figures7-8.{network}.{loss}", {**_with(network), "loss": loss, **changes}
    for margin in (0.3, 0.6, 0.9, 1.2, 1.5, 1.8):
        yield f"margin.{margin:g}", {"margin": margin}


ROWS: dict[str, dict[str, Any]] = dict(_rows())

PUBLISHED = (
    "SYSU-MM01 all-search single-shot, HPI: Res-Mid R1 40.49 mAP 41.64; MGN 39.77, 41.12; PCB 33.29, 35.15;"
    " MLFN 33.34, 36.13; BFE 41.36, 42.95",
    "SYSU-MM01 indoor-search single-shot, HPI: Res-Mid R1 45.65 mAP 56.19; MGN 44.06, 54.52; PCB 39.70, 50.49;"
    " MLFN 36.25, 47.99; BFE 45.77, 56.52",
    "all-search single-shot R1 by loss (ID, HP, HPI): Res-Mid 32.68 36.06 40.49; MGN 27.29 36.68 39.77;"
    " PCB 11.22 26.51 33.29; MLFN 28.44 30.62 33.34; BFE 25.69 38.89 41.36",
    "all-search single-shot R1 of Table 5's further networks: HACNN 1.07  MuDeep 9.35  ResNet50 5.36  DenseNet121 13.59",
)
