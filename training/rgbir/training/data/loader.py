"""Batches that are prepared by other processes, and what went wrong there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from torch.utils.data import Dataset

T = TypeVar("T")


class Carrying(Dataset[T | Exception]):
    """A data set whose failures are items: a loader would make a traceback of them, in place of what they say."""

    def __init__(self, items: Dataset[T]) -> None:
        self.items = items

    def __getitem__(self, number: int) -> T | Exception:
        try:
            return self.items[number]
        except Exception as error:
            if not hasattr(error, "exit_code"):  # not one of ours, which explain themselves
                raise
            return error


def unpacked(carried: Iterable[T | Exception]) -> Iterator[T]:
    """The items, up to the first failure, which is raised here as it was there."""
    for item in carried:
        if isinstance(item, Exception):
            raise item
        yield item
