"""Which tests of this room are collected, and that small slabs are searched as large ones are."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from rgbir.index.nearest import slabs

# Later tests, which send themselves signals, ended a process that had computed with OpenVINO (docs/decisions/0023-a-second-runner.md).
collect_ignore = [] if os.environ.get("TESTS_OF_RUNNERS") else ["test_runners.py"]


@pytest.fixture(scope="module", autouse=True)
def products_of_bytes() -> Iterator[None]:
    """Whatever the size of a slab that has codes."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(slabs, "WORTH_BYTES", 0)
        yield
