"""The optimisers, and which parameters learn how fast."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import nn

from rgbir.training.settings import Settings


class Adam(Settings):
    """`adam-exp`, as the released expAT code sets it up (methods.md 1.9)."""

    learning_rate: float = Field(3e-4, gt=0, description="before the schedule's factor")
    weight_decay: float = Field(5e-4, ge=0, description="coupled; biases have none")
    decay_biases: bool = Field(False, description="biases decay as well")
    bias_factor: float = Field(2.0, gt=0, description="biases learn faster by this factor")

    def build(self, network: nn.Module, fresh: tuple[str, ...] = ()) -> torch.optim.Optimizer:
        """Parameters with "bias" in their name learn faster and don't decay, unless told to; all others decay."""
        biases: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                (biases if "bias" in name else others).append(parameter)
        groups = [
            {"params": others, "weight_decay": self.weight_decay, "factor": 1.0},
            {
                "params": biases,
                "weight_decay": self.weight_decay if self.decay_biases else 0.0,
                "factor": self.bias_factor,
            },
        ]
        chosen = [group for group in groups if group["params"]]
        return torch.optim.Adam(chosen, lr=self.learning_rate, betas=(0.9, 0.999), eps=1e-8)


class Sgd(Settings):
    """Momentum, coupled weight decay, and a faster rate for layers that no checkpoint brings (methods.md 4.6)."""

    learning_rate: float = Field(0.01, gt=0, description="before the schedule's factor")
    weight_decay: float = Field(5e-4, ge=0, description="coupled; all parameters have it")
    momentum: float = Field(0.9, ge=0, lt=1, description="share of the last step that the next one keeps")
    nesterov: bool = Field(False, description="the gradient is taken where the momentum leads")
    fresh_factor: float = Field(10.0, gt=0, description="layers that start from nothing learn faster by this factor")

    def build(self, network: nn.Module, fresh: tuple[str, ...] = ()) -> torch.optim.Optimizer:
        """`fresh`: names of the submodules that start from nothing."""
        new: list[nn.Parameter] = []
        known: list[nn.Parameter] = []
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                (new if name.split(".")[0] in fresh else known).append(parameter)
        groups = [{"params": known, "factor": 1.0}, {"params": new, "factor": self.fresh_factor}]
        chosen = [group for group in groups if group["params"]]
        return torch.optim.SGD(
            chosen, self.learning_rate, self.momentum, weight_decay=self.weight_decay, nesterov=self.nesterov
        )


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Each group's rate is the schedule's times its `factor`."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]
