"""Two networks that meet in their last hidden layer (TONE, BDTR)."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from rgbir.index import Modality
from rgbir.training.backbones import BACKBONES
from rgbir.training.backbones.alexnet import AlexNet
from rgbir.training.backbones.pretrained import put
from rgbir.training.layers import ByModality, GlobalAveragePool, Projection, WholeDropout
from rgbir.training.optim import Sgd
from rgbir.training.recipe import IdentityRecipe
from rgbir.training.schedules import WarmupStep
from rgbir.training.weights.reading import WeightsFile

Tower = Literal["alexnet", "resnet50", "compact", "mobilenet_v2"]


class TowersRecipe(IdentityRecipe):
    """Of TONE and BDTR, whose two AlexNets see one image of each person in each modality.

    Attributes:
        schedule: the course of the learning rate, and the length of the training; each method sets its own.
    """

    backbone: Tower = "alexnet"
    height: int = Field(227, ge=32)
    width: int = Field(227, ge=16)
    optimiser: Sgd = Sgd(learning_rate=0.001, fresh_factor=1.0)
    schedule: WarmupStep
    people: int = Field(64, ge=2, description="identities a batch")
    images: int = Field(1, ge=1, description="images of each in each modality")


class Towers(nn.Module):
    """For each modality a network and a hidden layer (4096, batch norm, rectifier), then one layer that they share.

    Args:
        name: the network; AlexNet in the papers.
        outputs: length of the shared layer's vector.
        hidden: length of the layer before it.
        dropout: share of the hidden values that training leaves out before the shared layer.
    """

    def __init__(self, name: str, outputs: int, hidden: int = 4096, dropout: float = 0.0) -> None:
        super().__init__()
        self.name = name
        backbone = AlexNet() if name == "alexnet" else BACKBONES[name]()
        channels = backbone.channels
        self.features = ByModality(backbone, deepcopy(backbone))
        self.pool = nn.Identity() if name == "alexnet" else GlobalAveragePool()
        self.fc6 = ByModality(Projection(channels, hidden), Projection(channels, hidden))
        self.dropout = WholeDropout(dropout)
        self.fc7 = nn.Linear(hidden, outputs)
        nn.init.normal_(self.fc7.weight, std=0.01)
        nn.init.zeros_(self.fc7.bias)

    def forward(self, images: Tensor, modality: Modality) -> Tensor:
        """float32 (n, 3, h, w), normalised, all of that modality → float (n, outputs)."""
        return self.fc7(self._hidden(images, modality))

    def both(self, rgb: Tensor, ir: Tensor) -> Tensor:
        """Vectors of the RGB and then of the IR images: float32 (n, 3, h, w), normalised, of each → float (2 · n, outputs)."""
        return self.fc7(torch.cat([self._hidden(rgb, Modality.RGB), self._hidden(ir, Modality.IR)]))

    def _hidden(self, images: Tensor, modality: Modality) -> Tensor:
        return self.dropout(self.fc6(self.pool(self.features(images, modality)), modality))

    def start_from_imagenet(self, file: Path) -> None:
        """AlexNet brings its two hidden layers too, where they have its size.

        Raises:
            BadCheckpoint: it doesn't fit.
        """
        checkpoint = WeightsFile.read(file)
        for network in (self.features.rgb, self.features.ir):
            put(network, checkpoint)
        if self.name == "alexnet":
            given = checkpoint.tensors()
            for layer, name in ((self.fc6.rgb, "1"), (self.fc6.ir, "1"), (self.fc7, "4")):
                linear = layer if isinstance(layer, nn.Linear) else layer.get_submodule("0")
                weights = {part: given.get(f"classifier.{name}.{part}") for part in ("weight", "bias")}
                fitting = {p: w for p, w in weights.items() if w is not None}
                if all(w.shape == linear.get_parameter(p).shape for p, w in fitting.items()):
                    linear.load_state_dict(fitting, strict=False)
