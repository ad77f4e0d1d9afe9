"""cmGAN, a reconstruction with gradient reversal: the network hides from a discriminator which modality it sees.

Source: Dai, Ji, Wang, Wu, Huang, "Cross-Modality Person Re-Identification with Generative Adversarial Training", IJCAI 2018, its
abstract, and a third party's sizes. Its readings: docs/methods/comparators.md.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.index import Metric, Modality
from rgbir.training.backbones import BACKBONES, ResNet50
from rgbir.training.data.batch import TupleBatch
from rgbir.training.layers import GlobalAveragePool, batch_norm_neck, linear_classifier
from rgbir.training.losses import Roles, Triplet, identity_pair
from rgbir.training.method import Losses, Method
from rgbir.training.networks.reversal import reversed_gradient
from rgbir.training.optim import Adam
from rgbir.training.recipe import Data, TupleRecipe
from rgbir.training.schedules import WarmupStep

PAPER = (
    "P. Dai, R. Ji, H. Wang, Q. Wu, Y. Huang, Cross-Modality Person Re-Identification with Generative Adversarial Training,"
    " IJCAI 2018"
)
IDEA = "a reconstruction, by gradient reversal: identities and triplets, against a discriminator of modalities"


class CmGANRecipe(TupleRecipe):
    """Settings are ours where neither the abstract nor the third party's program has any."""

    label_smoothing: float = Field(0.0, ge=0, lt=1)
    data: Data = Data(train_identities="trainval")
    optimiser: Adam = Adam(bias_factor=1.0, decay_biases=True)
    schedule: WarmupStep = WarmupStep(updates=41_730, warmup=0, milestones=())
    tuples: int = Field(16, ge=1, description="tuples a batch; six images each")
    bn_groups: Literal["joint"] = Field("joint", description="images that share a forward pass")
    margin: float = Field(1.4, ge=0, description="of the triplets across modalities")
    classifier: Literal["mlp", "neck"] = Field(
        "mlp", description="a layer of 512 with a rectifier before it, as the third party; or a batch norm"
    )
    reversal: float = Field(
        0.05, ge=0, description="strength of the discriminator's reversed gradient; 0: it has no effect"
    )
    rise: int = Field(10, ge=1, description="epochs in which the strength rises from 0")


class CmGAN(Method):
    """One network, whose stride is 32. Triplets and discriminator read the pooled vector, and so does the test."""

    one_stream = True
    metric = Metric.COSINE

    def __init__(self, recipe: CmGANRecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.backbone = ResNet50(last_stride=2) if recipe.backbone == "resnet50" else BACKBONES[recipe.backbone]()
        channels = self.backbone.channels
        self.pool = GlobalAveragePool()
        self.neck = batch_norm_neck(channels, "scale" if recipe.classifier == "neck" else "off")
        self.classifier: nn.Module = linear_classifier(channels, identities)
        if recipe.classifier == "mlp":
            self.classifier = nn.Sequential(nn.Linear(channels, 512), nn.ReLU(), nn.Linear(512, identities))
        self.discriminator = nn.Sequential(
            nn.Linear(channels, 1000), nn.ReLU(), nn.Linear(1000, 500), nn.ReLU(), nn.Linear(500, 2)
        )
        self.triplet = Triplet(recipe.margin)
        self.strength: Tensor
        self.register_buffer("strength", torch.zeros(()))

    @property
    def dimension(self) -> int:
        return self.backbone.channels

    def begin(self, epoch: int) -> None:
        self.strength.fill_(self.recipe.reversal * min(1.0, epoch / self.recipe.rise))

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return self.neck(self.pool(self.backbone(images)))

    def losses(self, batch: TupleBatch) -> Losses:
        images = torch.cat([batch.rgb.flatten(0, 1), batch.ir.flatten(0, 1)])
        pooled = self.gathered(self.pool(self.backbone(images)), blocks=6)
        seen = self.discriminator(reversed_gradient(pooled, self.strength))
        n, sides = len(batch.labels), pooled.float().unflatten(0, (2, 3, -1))
        anchors = self.neck(pooled).unflatten(0, (2, 3, -1))[:, 0].flatten(0, 1)
        rgb, ir = self.classifier(anchors).float().split(n)
        with torch.autocast(pooled.device.type, enabled=False):
            modality = torch.arange(2, device=pooled.device).repeat_interleave(3 * n)
            return {
                "identity": identity_pair(rgb, ir, batch.labels, self.recipe.label_smoothing),
                "triplet": self.triplet(Roles(*sides[0]), Roles(*sides[1])),
                "discriminator": F.cross_entropy(seen.float(), modality),
            }


VARIANTS: dict[str, dict[str, Any]] = {"reconstruction": {}}

ROWS: dict[str, dict[str, Any]] = {
    "peers.cmgan": {},
    "ours.wo-reversal": {"reversal": 0.0},
    "ours.neck": {"classifier": "neck"},
}

PUBLISHED = ("SYSU-MM01 all-search single-shot, as others quote it: R1 26.97  R10 67.51  R20 80.56  mAP 27.80",)
