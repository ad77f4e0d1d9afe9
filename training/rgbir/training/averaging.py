"""Weights averaged over the updates of a training, by which it is tested."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Average(nn.Module):
    """An exponential average of a network's parameters and buffers. Before it follows any, `network` is none.

    Its values are in a checkpoint beside the network's own; no gradient reaches them.

    Args:
        network: what is averaged; a copy of it holds the average.
        decay: share of the average that each update leaves.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self._average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
        self._average.requires_grad_(False)
        self.begun = False
        self.register_load_state_dict_post_hook(_look)

    def follow(self, network: nn.Module) -> None:
        """Takes its step; the first is to the network as it is."""
        self._average.update_parameters(network)
        self.begun = True

    @property
    def network(self) -> nn.Module | None:
        """The averaged one; None before its first step."""
        return self._average.module if self.begun else None


def _look(average: Any, _: object) -> None:
    average.begun = bool(average._average.n_averaged)
