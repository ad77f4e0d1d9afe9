"""Files of weights that others made: read without running what is in them, unwrapped, and fitted or refused by name."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rgbir.index import Limits
from rgbir.training.backbones import CompactResNet, load_imagenet
from rgbir.training.errors import BadCheckpoint
from rgbir.training.weights import child
from rgbir.training.weights.reading import WeightsFile

NUMBERS: dict[str, Any] = {"cmc": np.array([0.4, 0.7]), "mAP": np.float64(0.4), "epoch": 3}
"""What AGW's trainer saves beside its network."""


def file_of(content: Any) -> WeightsFile:
    """As if it had been read."""
    return WeightsFile(Path("weights.pth"), content)


def wrapped(network: nn.Module) -> dict[str, Any]:
    """As a trainer saves it that ran on several GPUs: with a prefix, in a dictionary, beside NumPy's numbers."""
    state = {f"module.{name}": value + 0.01 for name, value in network.state_dict().items()}
    return {"net": {**state, "module.fc.weight": torch.zeros(1000, 256)}, **NUMBERS}


@pytest.mark.slow
def test_a_container_with_numpys_numbers_starts_a_backbone(tmp_path: Path) -> None:
    given, network = CompactResNet(), CompactResNet()
    torch.save(wrapped(given), tmp_path / "agw.t")

    load_imagenet(network, tmp_path / "agw.t")

    for name, value in network.state_dict().items():
        assert "num_batches" in name or torch.equal(value, given.state_dict()[name] + 0.01)


def test_files_of_older_torch_and_numpy_are_read(tmp_path: Path) -> None:
    """torch wrote no zip file before 1.6, and NumPy 1 calls its modules otherwise."""
    torch.save({"net": {"a": torch.ones(2)}, **NUMBERS}, tmp_path / "x.t", _use_new_zipfile_serialization=False)
    content = (tmp_path / "x.t").read_bytes()
    assert content.count(b"numpy._core.multiarray") == 2
    (tmp_path / "x.t").write_bytes(content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))

    tensors: list[torch.Tensor] = []
    contents = child.outline(child.unpickled(tmp_path / "x.t"), tensors)

    assert contents == {"net": {"a": 0}, "cmc": "NumPy's", "mAP": "NumPy's", "epoch": "int"}
    assert torch.equal(tensors[0], torch.ones(2))


class Harmful:
    """Makes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, tuple[str, int]]:
        return os.open, (str(self.file), os.O_CREAT)


@pytest.mark.slow
def test_code_in_a_file_is_never_run(tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    torch.save({"conv1.weight": torch.ones(2), "more": Harmful(harm)}, tmp_path / "evil.pth")

    with pytest.raises(
        BadCheckpoint, match=r"read safely: it holds more than tensors \(posix\.open\).* its state dict"
    ):
        load_imagenet(CompactResNet(), tmp_path / "evil.pth")

    assert not harm.exists()
    pickle.loads(pickle.dumps(Harmful(harm)))  # pickle itself would have
    assert harm.exists()


@pytest.mark.slow
def test_a_file_that_asks_for_more_memory_than_it_may_is_refused(tmp_path: Path) -> None:
    """Its one number stands for 2 GB of them."""
    torch.save({"a": torch.ones(1).expand(5 * 10**8)}, tmp_path / "bomb.pth")
    assert (tmp_path / "bomb.pth").stat().st_size < 10_000

    with pytest.raises(BadCheckpoint, match=r"its tensors take more memory than 1\.0 GiB"):
        WeightsFile.read(tmp_path / "bomb.pth")


def test_a_file_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "slow.pth")
    with pytest.raises(BadCheckpoint, match="it took longer than 0 seconds"):
        WeightsFile.read(tmp_path / "slow.pth", Limits(seconds=0))


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04garbage", pickle.dumps({"a": 1}, protocol=2)])
def test_a_file_that_is_no_checkpoint_is_not_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises((EOFError, RuntimeError, pickle.UnpicklingError)):
        child.unpickled(tmp_path / "x.pth")


@pytest.mark.slow
def test_a_damaged_file_and_an_absent_one_are_refused_in_words(tmp_path: Path) -> None:
    for name in ("x.pth", "x.safetensors"):
        (tmp_path / name).write_bytes(b"garbage")
        with pytest.raises(BadCheckpoint, match=f"{name} is no checkpoint that can be read safely: "):
            WeightsFile.read(tmp_path / name)
    with pytest.raises(BadCheckpoint, match=r"y\.pth is not a file"):
        WeightsFile.read(tmp_path / "y.pth")


def test_more_entries_than_a_network_has_are_refused() -> None:
    content: dict[str, Any] = {}
    for _ in range(7):  # each holds the last one ten times: ten million in all
        content = {str(number): content for number in range(10)}
    with pytest.raises(ValueError, match="more than 100,000 entries"):
        child.outline(content, [])


STATE = {"a.weight": torch.ones(2), "a.bias": torch.zeros(2)}
PREFIXED = {f"module.{name}": value for name, value in STATE.items()}


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        PREFIXED,
        {"net": STATE, "epoch": "int"},
        {"state_dict": PREFIXED, "optimizer": {"param_groups": "list"}},
        {"model": {"state_dict": {f"module.{name}": value for name, value in PREFIXED.items()}}},
        {"updates": "int", "method": STATE, "optimiser": {"state": "dict"}},
        {"network": {"net": {f"_orig_mod.{name}": value for name, value in STATE.items()}}},
    ],
    ids=["plain", "module", "net", "state_dict", "nested", "ours", "compiled"],
)
def test_tensors_come_out_of_what_they_are_wrapped_in(content: Any) -> None:
    tensors = file_of(content).tensors()
    assert tensors.keys() == STATE.keys()
    assert all(tensors[name] is value for name, value in STATE.items())


def test_a_prefix_that_only_some_names_have_is_part_of_them() -> None:
    assert set(file_of({"module.a": torch.ones(1), "b": torch.ones(1)}).tensors()) == {"module.a", "b"}


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_values_that_are_not_finite_are_refused_by_the_name_of_their_tensor(value: float) -> None:
    with pytest.raises(BadCheckpoint, match=r"module\.a\.bias has values that are NaN or infinite"):
        file_of({"net": {**PREFIXED, "module.a.bias": torch.tensor([0.0, value])}}).tensors()


def test_a_file_without_a_network_says_what_is_in_it() -> None:
    content = {"epoch": "int", "opt": {"w": torch.ones(1)}, "hyper": {"lr": "float"}}
    with pytest.raises(
        BadCheckpoint,
        match=r"plain or under net, state_dict, .*found at its top level epoch \(int\), opt \(a dictionary of 1\) and hyper"
        r" \(a dictionary of 1\); 1 tensors: opt: w",
    ):
        file_of(content).tensors()


def test_a_network_that_does_not_fit_is_refused_with_what_was_found(tmp_path: Path) -> None:
    save_file({"layer1.weight": torch.ones(2), "epoch": torch.ones(1)}, tmp_path / "x.safetensors")
    with pytest.raises(
        BadCheckpoint,
        match=r"does not fit CompactResNet: \d+ missing \(bn1\.bias, .*2 unknown \(epoch and layer1\.weight\).*found 2 tensors:",
    ):
        load_imagenet(CompactResNet(), tmp_path / "x.safetensors")
