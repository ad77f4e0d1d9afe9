"""What a run tells of itself while it trains: its log, TensorBoard, what is measured on the way, and its checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from rgbir.index.evaluation import Report
from rgbir.training.board import Board
from rgbir.training.data.source import Source
from rgbir.training.errors import BadRecipe
from rgbir.training.method import Losses, Method
from rgbir.training.ranks import Ranks
from rgbir.training.recipe import Recipe
from rgbir.training.run import Run

EVERY = 50
"""Updates from one line of the log to the next."""
Validate = Callable[[Method, torch.device], Report | None]


class Unrecorded:
    """Of a process that isn't the first of its run: it tells nothing."""

    def due(self, done: int) -> bool:
        """Whether something is written down or measured after so many updates, wherever it is."""
        return done % EVERY == 0

    def losses(self, done: int, rate: float, losses: Losses) -> None:
        """Writes down the losses of update `done`, counted from 1, every fiftieth time and at the end.

        Raises:
            CantWrite: the disk is full, or closed to us.
        """

    def measured(self, done: int, method: Method) -> bool:
        """Whether there is nothing to be measured any more after so many updates; False if it was asked to stop meanwhile.

        Raises:
            BadCheckpoint: the best weights that are there are damaged.
            CantWrite: the disk is full, or closed to us.
        """
        return True

    def checkpoint(self, state: dict[str, Any], method: Method) -> None:
        """Replaces the checkpoint and the weights.

        Raises:
            CantWrite: the disk is full, or closed to us.
        """


class Record(Unrecorded):
    """Of the process that writes the run's folder.

    Args:
        run: whose.
        source: what it trains on.
        board: for TensorBoard.
        device: where it trains.
        validate: measures on people who are held back; see `rgbir.training.loop.train`.
        test: measures on the test set.
        stop: asked before each measurement.
    """

    def __init__(
        self,
        run: Run,
        source: Source,
        board: Board,
        device: torch.device,
        validate: Validate | None,
        test: Validate | None,
        stop: Callable[[], bool],
    ) -> None:
        self.run, self.source, self.board, self.device = run, source, board, device
        self.validate, self.test, self.stop = validate, test, stop

    def due(self, done: int) -> bool:
        return super().due(done) or self._validates(done) or self._tests(done)

    def losses(self, done: int, rate: float, losses: Losses) -> None:
        if done % EVERY != 0 and done != len(self.source):
            return
        numbers = {name: float(loss.detach()) for name, loss in losses.items()}
        self.run.log(update=done, rate=rate, losses=numbers)
        for name, number in {**numbers, "rate": rate}.items():
            self.board(f"train/{name}", number, done)

    def measured(self, done: int, method: Method) -> bool:
        run, board = self.run, self.board
        if self.validate is not None and self._validates(done) and not run.has_validation(done):
            if self.stop() or (report := self.validate(method, self.device)) is None:
                return False
            if run.recipe.select == "best_validation":
                run.keep_if_best("best_validation", method, done, report.rank(1))
            run.log(update=done, rank_1=report.rank(1), mean_ap=report.mean_ap, mean_inp=report.mean_inp)
            board("val/rank_1", report.rank(1), done)
            board("val/mAP", report.mean_ap, done)
        if self.test is None or not self._tests(done):
            return True
        if not run.has_validation(done, "best_on_test_rank_1"):
            if self.stop() or (report := self.test(method, self.device)) is None:
                return False
            run.keep_if_best("best_on_test", method, done, report.rank(1))
            numbers = {"rank_1": report.rank(1), "mean_ap": report.mean_ap, "mean_inp": report.mean_inp}
            run.log(update=done, **{f"best_on_test_{name}": number for name, number in numbers.items()})
            board("best_on_test/rank_1", report.rank(1), done)
            board("best_on_test/mAP", report.mean_ap, done)
        return True

    def checkpoint(self, state: dict[str, Any], method: Method) -> None:
        self.run.save_checkpoint(state, method)

    def _validates(self, done: int) -> bool:
        """Whether a validation is due after so many updates."""
        every = self.run.recipe.validate_every
        return bool(every) and (done % every == 0 or done == len(self.source))

    def _tests(self, done: int) -> bool:
        """Whether a measurement on the test set is due after so many updates."""
        return self.run.recipe.select == "best_on_test" and on_test(done, self.source)


def on_test(done: int, source: Source) -> bool:
    """Whether that update ends an epoch whose weights are measured on the test set; epochs are counted from 0."""
    if done == len(source):
        return True
    epochs, tested = source.epoch_of(done), source.recipe.tested
    since = epochs - 1 - tested.first
    return done == source.before(epochs) and since >= 0 and since % tested.every == 0


@contextmanager
def recorded(
    run: Run,
    source: Source,
    ranks: Ranks,
    first: int,
    device: torch.device,
    validate: Validate | None,
    test: Validate | None,
    stop: Callable[[], bool],
) -> Iterator[Unrecorded]:
    """What a process tells of the run: everything if it is the first one, else nothing.

    Args:
        run, source, device, validate, test, stop: as of `Record`.
        ranks: which process it is.
        first: updates that the run goes on from.

    Raises:
        CantWrite: the disk is full, or closed to us.
    """
    if not ranks.leads:
        yield Unrecorded()
        return
    with Board(run.folder / "tensorboard", first) as board:
        yield Record(run, source, board, device, validate, test, stop)


def expect_measurable(recipe: Recipe, validate: Validate | None, test: Validate | None) -> None:
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
