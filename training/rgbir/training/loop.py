"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rgbir.index.evaluation import Report
from rgbir.training.board import Board
from rgbir.training.calm import Calm
from rgbir.training.data.people import described
from rgbir.training.data.source import Source, batches
from rgbir.training.device import device_named
from rgbir.training.errors import BadRecipe, NotFinite, Stopped
from rgbir.training.method import Losses, Method
from rgbir.training.optim import set_rate
from rgbir.training.recipe import Recipe
from rgbir.training.run import Run
from rgbir.training.start import start

Watch = Callable[[int, Losses], None]
Validate = Callable[[Method, torch.device], Report | None]
PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}


def train(
    run: Run,
    source: Source,
    *,
    device: str = "cpu",
    resume: bool = False,
    workers: int = 0,
    validate: Validate | None = None,
    test: Validate | None = None,
    watch: Watch = lambda update, losses: None,
    stop: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda line: None,
) -> Method:
    """Trains the run's method on the source's batches, to the end of its schedule, and returns it ready to embed.

    Args:
        run: where recipe, checkpoints and log go.
        source: batches by update.
        device: `cpu`, `cuda`, `cuda:1`, …
        resume: go on from the run's checkpoint, or from its beginning if it has none yet; the losses and the log are those
            of a run that never stopped.
        workers: processes that prepare batches; they don't change what is in them.
        validate: called every `validate_every` updates and at the end. None in place of a report says that it was asked to
            stop: a resumed run validates first.
        test: measures on the test set, for `select=best_on_test` alone: after the third epoch, every second one from
            there, as AGW's code does, and at the end. None as of `validate`.
        watch: called after each update.
        stop: asked after each update; True saves a checkpoint and ends the training.
        say: called with each line about the weights that the training starts from.

    Raises:
        RunBusy: another process trains in the run's folder.
        Exploded: a loss became `explosion` times what it was.
        NotFinite: a loss, a gradient or a weight became NaN or infinite. The last checkpoint is from before.
        BadCheckpoint: a checkpoint that is damaged or isn't there, or weights to start from that don't fit.
        BadRecipe: no such device, the folder holds a run already, a resumed run was begun on other data,
            `imagenet` and `start` are both set, settings that don't go together, or weights are selected by what nobody
            measures.
        CantWrite: the disk is full, or closed to us; the checkpoint before stays.
        Stopped: `stop` said so. The checkpoint is that of the last update.
    """
    target = device_named(device)
    with run.alone():
        return _trained(run, source, target, resume, workers, validate, test, watch, stop, say)


def _trained(
    run: Run,
    source: Source,
    target: torch.device,
    resume: bool,
    workers: int,
    validate: Validate | None,
    test: Validate | None,
    watch: Watch,
    stop: Callable[[], bool],
    say: Callable[[str], None],
) -> Method:
    recipe, data = run.recipe, described(source.records) | {"updates": len(source)}
    if resume:
        run.expect_data(data)
    torch.manual_seed(recipe.seed)
    method = run.build()
    saved = run.load_checkpoint() if resume and run.has_checkpoint else None
    if saved is None:
        for line in start(method, recipe):
            say(line)
    method.to(target).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimiser = recipe.optimiser.build(method, method.fresh)
    scaler = torch.amp.GradScaler(target.type, enabled=recipe.amp == "fp16" and target.type == "cuda")
    calm = Calm(recipe.explosion)
    first = 0 if saved is None else _restore(saved, method, optimiser, scaler, calm)
    _check_selection(recipe, validate, test)
    if not resume:
        run.start(data)
    elif run.trained_on() is None:
        run.note_data(data)
    run.go_on_from(first, method)
    run.expect_room(_saved_bytes(method, optimiser))
    with Board(run.folder / "tensorboard", first) as board:

        def validated(done: int) -> bool:
            """Whether there is nothing to be measured any more after so many updates."""
            if validate is not None and _validates(recipe, done, len(source)) and not run.has_validation(done):
                if stop() or (report := validate(method, target)) is None:
                    return False
                if recipe.select == "best_validation":
                    run.keep_if_best("best_validation", method, done, report.rank(1))
                run.log(update=done, rank_1=report.rank(1), mean_ap=report.mean_ap, mean_inp=report.mean_inp)
                board("val/rank_1", report.rank(1), done)
                board("val/mAP", report.mean_ap, done)
            if test is None or recipe.select != "best_on_test" or not _on_test(done, source):
                return True
            if not run.has_validation(done, "best_on_test_rank_1"):
                if stop() or (report := test(method, target)) is None:
                    return False
                run.keep_if_best("best_on_test", method, done, report.rank(1))
                numbers = {"rank_1": report.rank(1), "mean_ap": report.mean_ap, "mean_inp": report.mean_inp}
                run.log(update=done, **{f"best_on_test_{name}": number for name, number in numbers.items()})
                board("best_on_test/rank_1", report.rank(1), done)
                board("best_on_test/mAP", report.mean_ap, done)
            return True

        if first and not validated(first):
            raise Stopped(first, len(source))
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
            calm.expect(update, float(total.detach()))
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
            complete = validated(done)
            ending = not complete or (stop() and done < len(source))
            if done % recipe.checkpoint_every == 0 or done == len(source) or ending:
                _check_finite(update, "", method.state_dict())
                run.save_checkpoint(_state(done, method, optimiser, scaler, calm), method)
            if ending:
                raise Stopped(done, len(source))
    return method.eval()


def _validates(recipe: Recipe, done: int, total: int) -> bool:
    """Whether a validation is due after so many updates."""
    return bool(recipe.validate_every) and (done % recipe.validate_every == 0 or done == total)


def _check_selection(recipe: Recipe, validate: Validate | None, test: Validate | None) -> None:
    """
    Raises:
        BadRecipe: the recipe selects weights by a measurement that this run can't make.
    """
    held_back = validate is not None and recipe.validate_every and recipe.data.train_identities == "train"
    if recipe.select == "best_validation" and not held_back:
        raise BadRecipe(
            "select=best_validation needs people who are held back from training: a data set that has such a list,"
            " data.train_identities=train and validate_every above 0; or keep the last weights: select=last"
        )
    if recipe.select == "best_on_test" and test is None:
        raise BadRecipe("select=best_on_test needs the test set, and this training was given none; set select=last")


def _on_test(done: int, source: Source) -> bool:
    """Whether that update ends an epoch whose weights are measured on the test set; epochs are counted from 0."""
    if done == len(source):
        return True
    epochs, rest = divmod(done, source.updates_per_epoch)
    return rest == 0 and epochs > 1 and (epochs - 1) % 2 == 0


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
    done: int, method: nn.Module, optimiser: torch.optim.Optimizer, scaler: torch.amp.GradScaler, calm: Calm
) -> dict[str, Any]:
    return {
        "updates": done,
        "method": method.state_dict(),
        "optimiser": optimiser.state_dict(),
        "scaler": scaler.state_dict(),
        "calm": calm.state(),
        "generator": torch.get_rng_state(),
        "generators_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _saved_bytes(method: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """What a checkpoint and the weights take: the network twice, and what the optimiser will remember of each parameter."""
    network = sum(value.numel() * value.element_size() for value in method.state_dict().values())
    learning = sum(p.numel() * p.element_size() for group in optimiser.param_groups for p in group["params"])
    return 2 * network + (2 if isinstance(optimiser, torch.optim.Adam) else 1) * learning


def _restore(
    state: dict[str, Any], method: nn.Module, optimiser: torch.optim.Optimizer, scaler: torch.amp.GradScaler, calm: Calm
) -> int:
    """How many updates were done."""
    method.load_state_dict(state["method"])
    optimiser.load_state_dict(state["optimiser"])
    scaler.load_state_dict(state["scaler"])
    if "calm" in state:  # checkpoints of before don't have it
        calm.restore(state["calm"])
    torch.set_rng_state(state["generator"])
    if torch.cuda.is_available() and state["generators_cuda"]:
        torch.cuda.set_rng_state_all(state["generators_cuda"])
    return int(state["updates"])
