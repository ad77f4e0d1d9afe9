"""Programs that some tests need and that a machine may lack."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

import pytest


def needs(program: str, what: str) -> None:
    """Skips the test where a program isn't installed; the summary of every run says what wasn't tried."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} isn't installed, so {what} wasn't tried")


def needs_package(package: str, what: str) -> None:
    """Skips the test where a Python package isn't installed; the summary of every run says what wasn't tried."""
    if find_spec(package) is None:
        pytest.skip(f"{package} isn't installed, so {what} wasn't tried")
