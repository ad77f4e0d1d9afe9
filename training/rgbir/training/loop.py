"""The training loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch

from rgbir.training.calm import Calm
from rgbir.training.checkpoint import restore, saved_bytes, state_of
from rgbir.training.checks import Checks, expect_finite
from rgbir.training.data.people import described
from rgbir.training.data.source import Source, batches
from rgbir.training.denormals import denormals
from rgbir.training.device import without_tiles
from rgbir.training.errors import Stopped
from rgbir.training.method import Losses, Method
from rgbir.training.optim import set_rate
from rgbir.training.ranks import ALONE, Ranks
from rgbir.training.record import Validate, expect_measurable, recorded
from rgbir.training.run import Run
from rgbir.training.start import known_before, start
from rgbir.training.synchronised import share

Watch = Callable[[int, Losses], None]
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
    ranks: Ranks = ALONE,
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
        test: measures on the test set, for `select=best_on_test` alone: after the epochs of `recipe.tested`, and at the end. None as of `validate`.
        watch: called after each update.
        stop: asked after each update; True saves a checkpoint and ends the training.
        say: called with each line about the weights that the training starts from.
        ranks: the processes that train together, each of which calls this with the same run; see
            `rgbir.training.ranks.joined`. The first one validates, tests, says and writes.

    Raises:
        RunBusy: another process trains in the run's folder.
        Exploded: a loss became `explosion` times what it was.
        NotFinite: a loss, a gradient or a weight became NaN or infinite. The last checkpoint is from before. On a GPU both
            are told up to fifty updates later, before anything is written down, measured or saved.
        BadCheckpoint: a checkpoint that is damaged or isn't there, or weights to start from that don't fit.
        BadRecipe: no such device, the folder holds a run already, a resumed run was begun on other data,
            `imagenet` and `start` are both set, settings that don't go together, or weights are selected by what nobody
            measures; or batches that the processes can't divide, or a run that was begun by another number of them.
        RankLost: another of the processes ended.
        CantWrite: the disk is full, or closed to us; the checkpoint before stays.
        Stopped: `stop` said so, in one of the processes. The checkpoint is that of the last update.
    """
    target = ranks.device(device)
    source.expect_shares(ranks.count)
    with run.alone() if ranks.leads else nullcontext(), denormals(run.recipe.denormals):
        return _trained(run, source, target, resume, workers, validate, test, watch, stop, say, ranks)


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
    ranks: Ranks,
) -> Method:
    recipe, data = run.recipe, described(source.records) | {"updates": len(source)}
    if not resume and (before := known_before(recipe)):
        data["before"] = before
    if resume:
        run.expect_data(data)
    torch.manual_seed(recipe.seed)
    if recipe.amp == "bf16" and target.type == "cpu":
        without_tiles()
    method = run.build()
    saved = run.load_checkpoint() if resume and run.has_checkpoint else None
    if saved is None:
        for line in start(method, recipe):
            if ranks.leads:
                say(line)
    method.to(target).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    share(method, ranks, recipe.sync_bn)
    method.train()
    optimiser = recipe.optimiser.build(method, method.fresh)
    scaler = torch.amp.GradScaler(target.type, enabled=recipe.amp == "fp16" and target.type == "cuda")
    calm = Calm(recipe.explosion)
    first = 0 if saved is None else restore(saved, method, optimiser, scaler, calm, ranks)
    checks = Checks(calm, at_once=target.type == "cpu")
    expect_measurable(recipe, validate, test)
    if ranks.leads:
        if not resume:
            run.start(data)
        elif run.trained_on() is None:
            run.note_data(data)
        run.go_on_from(first, method)
        run.expect_room(saved_bytes(method, optimiser))
    ranks.take_from_first(method)
    with recorded(run, source, ranks, first, target, validate, test, stop) as record:
        if first and ranks.any(not record.measured(first, method)):
            raise Stopped(first, len(source))
        for update, batch in enumerate(batches(source, first, workers, target, ranks.share), start=first):
            epoch = source.epoch_of(update)
            if update == source.before(epoch):
                checks.settle()  # what begins an epoch may compute with the weights
                method.begin(epoch)
                ranks.take_from_first(method)
            rate = recipe.optimiser.learning_rate * recipe.schedule.factor(update, epoch)
            set_rate(optimiser, rate)
            with torch.autocast(target.type, PRECISIONS.get(recipe.amp), enabled=recipe.amp != "off"):
                losses = method.losses(batch)
            optimiser.zero_grad(set_to_none=True)
            scaler.scale(torch.stack(list(losses.values())).sum()).backward()
            ranks.average_gradients(method)
            scaled = scaler.is_enabled()  # it skips updates that aren't finite, and tries again with a smaller scale
            checks.take(update, losses, {} if scaled else {name: p.grad for name, p in method.named_parameters()})
            scaler.step(optimiser)
            scaler.update()
            method.updated(epoch)
            watch(update, losses)
            done = update + 1
            saves = done % recipe.checkpoint_every == 0 or done == len(source)
            if saves or record.due(done):
                checks.settle()
            if done == len(source):
                if ranks.leads:
                    method.eval()
                    method.finish(source, target)
                    method.train()
                ranks.take_from_first(method)
            record.losses(done, rate, losses)
            complete = record.measured(done, method)
            ending = ranks.any(not complete or (stop() and done < len(source)))
            if saves or ending:
                checks.settle()
                expect_finite(update, method.state_dict())
                record.checkpoint(state_of(done, method, optimiser, scaler, calm, ranks), method)
                ranks.any(False)  # nobody ends before it is saved
            if ending:
                raise Stopped(done, len(source))
    return method.eval()
