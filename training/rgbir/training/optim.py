"""The optimiser's groups and the learning rate's course."""

from __future__ import annotations

import torch
from torch import nn

from rgbir.training.recipe import Optimiser, Schedule


def adam(network: nn.Module, settings: Optimiser) -> torch.optim.Adam:
    """`adam-exp` (methods.md 1.9): parameters with "bias" in their name learn faster and don't decay; all others decay.

    Each group carries its `factor`: its learning rate is the schedule's times the factor.
    """
    biases: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (biases if "bias" in name else others).append(parameter)
    groups = [
        {"params": others, "weight_decay": settings.weight_decay, "factor": 1.0},
        {"params": biases, "weight_decay": 0.0, "factor": settings.bias_factor},
    ]
    return torch.optim.Adam(
        [group for group in groups if group["params"]], lr=settings.learning_rate, betas=(0.9, 0.999), eps=1e-8
    )


def warmup_step(update: int, base: float, schedule: Schedule) -> float:
    """The rate of update t = 0, 1, …: linear from a third over the warm-up, a tenth after each milestone (1.6).

    The schedule is advanced before the update, as in the released code, so s = t + 1 counts.
    """
    s = update + 1
    share = s / schedule.warmup if schedule.warmup else 1.0
    warm = (1 - share) / 3 + share if share < 1 else 1.0
    passed = sum(milestone <= s for milestone in schedule.milestones)
    return float(base * warm * 0.1**passed)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]
