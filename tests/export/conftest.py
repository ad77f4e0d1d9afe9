"""A bundle that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.export.test_export import run_of, trained

from rgbir.export import export
from rgbir.index import Card
from rgbir.training.methods.expat import ExpAT


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExpAT, Card]:
    """A bundle of a network trained on images by lanczos, that network, and the bundle's card; nobody changes them."""
    folder = tmp_path_factory.mktemp("exported")
    method, recipe = trained(changes={"resize": "lanczos"})
    return folder / "bundle", method, export(run_of(folder / "run", recipe), folder / "bundle", method=method)
