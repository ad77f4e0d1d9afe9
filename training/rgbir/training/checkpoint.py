"""What a run goes on from: the state of everything that training changes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rgbir.training.calm import Calm
from rgbir.training.errors import BadRecipe
from rgbir.training.ranks import Ranks


def state_of(
    done: int,
    method: nn.Module,
    optimiser: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    calm: Calm,
    ranks: Ranks,
) -> dict[str, Any]:
    """For a checkpoint: tensors and plain values. torch's generators are at the same place in all processes.

    Args:
        done: updates.
        method, optimiser, scaler, calm: as they are after them.
        ranks: the processes that made them.
    """
    several = {"ranks": ranks.count} if ranks.count > 1 else {}
    return {
        "updates": done,
        "method": method.state_dict(),
        "optimiser": optimiser.state_dict(),
        "scaler": scaler.state_dict(),
        "calm": calm.state(),
        "generator": torch.get_rng_state(),
        "generators_cuda": _cuda_generators(ranks),
        **several,
    }


def _cuda_generators(ranks: Ranks) -> list[Tensor]:
    """Those of all GPUs; where several processes have a GPU each, the one of this process's."""
    if not torch.cuda.is_available():
        return []
    return torch.cuda.get_rng_state_all() if ranks.count == 1 else [torch.cuda.get_rng_state()]


def saved_bytes(method: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """What a checkpoint and the weights take: the network twice, and what the optimiser will remember of each parameter."""
    network = sum(value.numel() * value.element_size() for value in method.state_dict().values())
    learning = sum(p.numel() * p.element_size() for group in optimiser.param_groups for p in group["params"])
    return 2 * network + (2 if isinstance(optimiser, torch.optim.Adam) else 1) * learning


def restore(
    state: dict[str, Any],
    method: nn.Module,
    optimiser: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    calm: Calm,
    ranks: Ranks,
) -> int:
    """Gives everything the state of a checkpoint; how many updates were done.

    Args:
        state: what `state_of` made.
        method, optimiser, scaler, calm: as they are before the first update.
        ranks: the processes that go on.

    Raises:
        BadRecipe: another number of processes did them, whose sums would differ in their last bits.
    """
    if (before := state.get("ranks", 1)) != ranks.count:
        raise BadRecipe(
            f"the run was trained by {_processes(before)}, and {_processes(ranks.count)} would go on with it; start as many"
            " as before, or begin a new run that starts from its weights: --set start=RUN"
        )
    method.load_state_dict(state["method"])
    optimiser.load_state_dict(state["optimiser"])
    scaler.load_state_dict(state["scaler"])
    if "calm" in state:  # checkpoints of before don't have it
        calm.restore(state["calm"])
    torch.set_rng_state(state["generator"])
    if torch.cuda.is_available() and state["generators_cuda"]:
        if ranks.count == 1:
            torch.cuda.set_rng_state_all(state["generators_cuda"])
        else:
            torch.cuda.set_rng_state(state["generators_cuda"][0])
    return int(state["updates"])


def _processes(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"
