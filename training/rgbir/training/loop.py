"""The training loop."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rgbir.index.evaluation import Report
from rgbir.training.data.source import Source, batches
from rgbir.training.errors import NotFinite
from rgbir.training.method import Losses, Method
from rgbir.training.optim import set_rate
from rgbir.training.run import Run
from rgbir.training.start import start

Watch = Callable[[int, Losses], None]
Validate = Callable[[Method, torch.device], Report]
PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}


def train(
    run: Run,
    source: Source,
    *,
    device: str = "cpu",
    resume: bool = False,
    workers: int = 0,
    validate: Validate | None = None,
    watch: Watch = lambda update, losses: None,
    say: Callable[[str], None] = lambda line: None,
) -> Method:
    """Trains the run's method on the source's batches, to the end of its schedule, and returns it ready to embed.

    Args:
        run: where recipe, checkpoints and log go.
        source: batches by update.
        device: `cpu`, `cuda`, `cuda:1`, …
        resume: go on from the run's checkpoint; the losses are those of a run that never stopped.
        workers: processes that prepare batches; they don't change what is in them.
        validate: called every `validate_every` updates and at the end.
        watch: called after each update.
        say: called with each line about the weights that the training starts from.

    Raises:
        NotFinite: a loss, a gradient or a weight became NaN or infinite. The last checkpoint is from before.
        BadCheckpoint: nothing to resume, or weights to start from that don't fit.
        BadRecipe: `imagenet` and `start` are both set, or settings that don't go together.
        CantWrite: the disk is full, or closed to us; the checkpoint before stays.
    """
    recipe, target = run.recipe, torch.device(device)
    torch.manual_seed(recipe.seed)
    method = run.build()
    if not resume:
        for line in start(method, recipe):
            say(line)
    method.to(target).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimiser = recipe.optimiser.build(method, method.fresh)
    scaler = torch.amp.GradScaler(target.type, enabled=recipe.amp == "fp16" and target.type == "cuda")
    first = _restore(run, method, optimiser, scaler) if resume else 0
    if not resume:
        run.start()
    with _tensorboard(run) as board:
        for update, batch in enumerate(batches(source, first, workers, target), start=first):
            if update % source.updates_per_epoch == 0:
                method.begin(update // source.updates_per_epoch)
            rate = recipe.optimiser.learning_rate * recipe.schedule.factor(update, source.updates_per_epoch)
            set_rate(optimiser, rate)
            with torch.autocast(target.type, PRECISIONS.get(recipe.amp), enabled=recipe.amp != "off"):
                losses = method.losses(batch)
            total = torch.stack(list(losses.values())).sum()
            if not torch.isfinite(total):
                values = {name: float(loss.detach()) for name, loss in losses.items()}
                raise NotFinite(
                    f"update {update}: the loss is not finite ({values}); lower optimiser.learning_rate, or set amp=off"
                )
            optimiser.zero_grad(set_to_none=True)
            scaler.scale(total).backward()
            if not scaler.is_enabled():  # which skips such updates, and tries again with a smaller scale
                _check_finite(update, "the gradient of", {name: p.grad for name, p in method.named_parameters()})
            scaler.step(optimiser)
            scaler.update()
            watch(update, losses)
            done = update + 1
            if done == len(source):
                method.eval()
                method.finish(source, target)
                method.train()
            if done % 50 == 0 or done == len(source):
                numbers = {name: float(loss.detach()) for name, loss in losses.items()}
                run.log(update=done, rate=rate, losses=numbers)
                for name, number in {**numbers, "rate": rate}.items():
                    board(f"train/{name}", number, done)
            if validate and recipe.validate_every and (done % recipe.validate_every == 0 or done == len(source)):
                report = validate(method, target)
                run.log(update=done, rank_1=report.rank(1), mean_ap=report.mean_ap, mean_inp=report.mean_inp)
                board("val/rank_1", report.rank(1), done)
                board("val/mAP", report.mean_ap, done)
            if done % recipe.checkpoint_every == 0 or done == len(source):
                _check_finite(update, "", method.state_dict())
                run.save_checkpoint(_state(done, method, optimiser, scaler), method)
    return method.eval()


def _check_finite(update: int, what: str, tensors: Mapping[str, Tensor | None]) -> None:
    """
    Raises:
        NotFinite: a value isn't; the first tensor that has one is named.
    """
    checked = {name: tensor for name, tensor in tensors.items() if tensor is not None and tensor.is_floating_point()}
    norms = torch._foreach_norm(list(checked.values()), math.inf)
    if bool(torch.isfinite(torch.stack([norm.float() for norm in norms])).all()):
        return
    name = next(name for name, norm in zip(checked, norms, strict=True) if not torch.isfinite(norm))
    raise NotFinite(
        f"update {update}: {what}{' ' if what else ''}{name} is not finite; the last checkpoint is from before. Lower"
        " optimiser.learning_rate, or set amp=off"
    )


def _state(
    done: int, method: nn.Module, optimiser: torch.optim.Optimizer, scaler: torch.amp.GradScaler
) -> dict[str, Any]:
    return {
        "updates": done,
        "method": method.state_dict(),
        "optimiser": optimiser.state_dict(),
        "scaler": scaler.state_dict(),
        "generator": torch.get_rng_state(),
        "generators_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _restore(run: Run, method: nn.Module, optimiser: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> int:
    state = run.load_checkpoint()
    method.load_state_dict(state["method"])
    optimiser.load_state_dict(state["optimiser"])
    scaler.load_state_dict(state["scaler"])
    torch.set_rng_state(state["generator"])
    if torch.cuda.is_available() and state["generators_cuda"]:
        torch.cuda.set_rng_state_all(state["generators_cuda"])
    return int(state["updates"])


@contextlib.contextmanager
def _tensorboard(run: Run) -> Any:
    """A function (tag, value, update) that writes to the run's `tensorboard` folder."""
    from torch.utils.tensorboard.writer import SummaryWriter

    writer = SummaryWriter(run.folder / "tensorboard")
    try:
        yield writer.add_scalar
    finally:
        writer.close()
