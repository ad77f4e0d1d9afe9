"""The processes that train one run together, each on its share of every batch.

The images of a batch are divided, and what the network makes of them is gathered: from there on every process computes the
losses of the whole batch. So hard mining, means over the batch and classifiers are one process's.

Why the gradients are, too. Let R processes compute the same loss L of the gathered rows z_1 … z_R and of the parameters p.
Process r gets R · ∂L/∂z_r for its rows (the gathering's backward), and so R times the share of ∂L/∂p that goes through
them. The mean over the processes is the sum of these shares: the whole. What a parameter gives to L after the gathering,
such as a classifier's, has the same gradient in every process, and the mean leaves it. So one mean is right for both. In
between, batch norm that is synchronised passes on what its statistics owe to other processes' images.

A process that ends early says why in the store that all of them see, and closes its connections; the others notice at
their next exchange.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from rgbir.training.data.share import Share
from rgbir.training.device import device_named
from rgbir.training.errors import BadRecipe, RankLost
from rgbir.training.launch import Launch

PATIENCE = timedelta(days=7)
"""How long processes wait for the first one while it validates or saves. One that ends is noticed at once, whatever this is."""


class Ranks:
    """A process that trains alone, which has nobody to ask. `Together` is one of several.

    Attributes:
        rank: its number, from 0 on; the first one writes the run's folder.
        count: how many train together.
    """

    rank, count = 0, 1

    @property
    def leads(self) -> bool:
        """Whether it is the one that writes and speaks."""
        return self.rank == 0

    @property
    def share(self) -> Share:
        """Which rows of each batch it makes."""
        return Share(self.rank, self.count)

    def device(self, name: str) -> torch.device:
        """Where it trains, of a device's name.

        Raises:
            BadRecipe: there is no such device for it.
        """
        return device_named(name)

    def gathered(self, rows: Tensor, blocks: int = 1) -> Tensor:
        """The rows of all processes in the order of the whole batch, with gradient.

        Args:
            rows: float (blocks · n, …), of each block of the batch (RGB and IR, or roles) the n rows of this process.
            blocks: how many.

        Returns:
            float (blocks · n · count, …): each block whole.

        Raises:
            RankLost: another process ended.
        """
        return rows

    def stacked(self, values: Tensor) -> Tensor:
        """Values of any shape (…) from every process: (count, …), without gradient.

        Raises:
            RankLost: another process ended.
        """
        return values[None]

    def average_gradients(self, network: nn.Module) -> None:
        """Replaces each gradient by its mean over the processes.

        Raises:
            RankLost: another process ended.
        """

    def take_from_first(self, network: nn.Module) -> None:
        """Gives parameters and buffers the values that they have in the first process, however long it takes to get there.

        Raises:
            RankLost: another process ended.
        """

    def any(self, flag: bool) -> bool:
        """Whether it is so in any of the processes. All of them ask, and wait for the last one.

        Raises:
            RankLost: another process ended.
        """
        return flag


ALONE = Ranks()
"""Of a training without torchrun."""


class Together(Ranks):
    """One of several processes; `joined` makes it.

    Args:
        launch: which one.
        store: what all of them can write to and read.
    """

    def __init__(self, launch: Launch, store: Store) -> None:
        self.rank, self.count = launch.rank, launch.count
        self._store = store
        self._tensors: distributed.ProcessGroup | None = None
        """What tensors of the device go through; flags always go through gloo, which notices at once that a process ended."""

    def device(self, name: str) -> torch.device:
        if name not in ("cpu", "cuda"):
            raise BadRecipe(
                f"--device {name} is one device, and {self.count} processes train together; give --device cuda, which is a"
                " GPU for each of them, or cpu"
            )
        if name == "cpu":
            return device_named(name)
        if (there := torch.cuda.device_count()) < self.count:
            raise BadRecipe(
                f"{self.count} processes need a GPU each, and there are {there}; start as many with --nproc-per-node, or"
                " give --device cpu"
            )
        device = torch.device("cuda", self.rank)
        if self._tensors is None:
            torch.cuda.set_device(device)
            self.any(False)  # all have come so far
            self._tensors = distributed.new_group(backend="nccl")
        return device

    def gathered(self, rows: Tensor, blocks: int = 1) -> Tensor:
        every: Tensor = _Gathered.apply(rows.unflatten(0, (blocks, -1)), self)
        return every.transpose(0, 1).flatten(0, 2)

    def stacked(self, values: Tensor) -> Tensor:
        values = values.contiguous()
        every = values.new_empty(self.count, *values.shape)
        with self._noticing():
            distributed.all_gather(list(every.unbind()), values, group=self._tensors)
        return every

    def average_gradients(self, network: nn.Module) -> None:
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        with self._noticing():
            distributed.all_reduce(together, group=self._tensors)
        _put(together / self.count, gradients)

    def take_from_first(self, network: nn.Module) -> None:
        self.any(False)
        of_type = defaultdict(list)
        for value in network.state_dict().values():
            of_type[value.dtype].append(value)
        for values in of_type.values():
            together = torch.cat([value.flatten() for value in values])
            with self._noticing():
                distributed.broadcast(together, 0, group=self._tensors)
            _put(together, values)

    def any(self, flag: bool) -> bool:
        flags = torch.tensor([flag], dtype=torch.int32, device="cpu")
        with self._noticing():
            distributed.all_reduce(flags, distributed.ReduceOp.MAX)
        return bool(flags)

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """
        Raises:
            RankLost: an exchange failed, since another process ended.
        """
        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise self._lost(error) from error

    def _lost(self, error: RuntimeError) -> RankLost:
        for rank in range(self.count):
            if rank != self.rank and (words := _read(self._store, f"ended/{rank}")):
                return RankLost(f"process {rank} of {self.count} ended the training: {words}", announced=True)
        return RankLost(
            f"another of the {self.count} processes ended without a word: it was killed, or ran out of memory"
            f" ({_short(error)})"
        )

    def announce(self, error: Exception) -> None:
        """Says to the others why this process ends."""
        _write(self._store, f"ended/{self.rank}", str(error) or type(error).__name__)

    def conclude(self) -> None:
        """Says to the others that the first process has nothing more to say."""
        _write(self._store, "concluded", "yes")

    def concluded(self, most_s: float = 30.0) -> bool:
        """Whether the first process has nothing more to say; waits for it, in seconds."""
        until = time.monotonic() + most_s
        while not _read(self._store, "concluded"):
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True


@contextmanager
def joined(launch: Launch) -> Iterator[Together]:
    """Meets the other processes, and leaves them at the end; what is raised inside ends them all.

    Args:
        launch: which process this is. Where they meet is in torchrun's variables, `MASTER_ADDR` and `MASTER_PORT`.
    """
    if sys.platform == "linux":  # they are on one machine, and nobody else is to connect
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    store, _, _ = next(rendezvous("env://", launch.rank, launch.count))
    distributed.init_process_group("gloo", store=store, rank=launch.rank, world_size=launch.count, timeout=PATIENCE)
    together = Together(launch, PrefixStore("rgbir", store))
    try:
        yield together
    except Exception as error:
        if not isinstance(error, RankLost):
            together.announce(error)
        raise
    finally:
        distributed.destroy_process_group()


class _Gathered(torch.autograd.Function):
    """float (…) → float (count, …); its backward gives each process count times the gradient of its own part."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, ranks: Together) -> Tensor:
        ctx.ranks = ranks
        return ranks.stacked(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0][ctx.ranks.rank] * ctx.ranks.count, None


def _short(error: RuntimeError) -> str:
    """What torch says of a failed exchange, without the place in its own code and what it supposes."""
    return re.sub(r"^\[[^\]]*\]\s*", "", str(error).splitlines()[0]).split(". ")[0][:200]


def _put(together: Tensor, into: list[Tensor]) -> None:
    """Values that lie after each other, flat, into tensors of as many."""
    with torch.no_grad():
        for values, place in zip(together.split([place.numel() for place in into]), into, strict=True):
            place.copy_(values.view(place.shape))


def _write(store: Store, key: str, value: str) -> None:
    try:
        store.set(key, value)
    except RuntimeError:  # whoever kept it is gone, and with it those who would read
        return


def _read(store: Store, key: str) -> str:
    """What is under that key; nothing if nothing is, or if whoever kept it is gone."""
    try:
        return store.get(key).decode(errors="replace") if store.check([key]) else ""
    except RuntimeError:
        return ""
