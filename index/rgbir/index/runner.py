"""What computes a bundle's graphs, as `--runner` says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, get_args

from rgbir.index.errors import UsageError
from rgbir.index.words import listed

Library = Literal["onnxruntime", "openvino"]
Growth = Literal["doubled", "as_needed"]
RUNNER_HELP = (
    "What runs the model: onnxruntime, openvino, or openvino:bf16. Memory: onnxruntime:arena=off, gpu_bytes=N and"
    " gpu_growth=as_needed, with commas between."
)
_FORMS = "onnxruntime, openvino, openvino:bf16, or onnxruntime:arena=off,gpu_bytes=N,gpu_growth=as_needed"


@dataclass(frozen=True, slots=True)
class Runner:
    """A library, the precision of its arithmetic, and the memory that it may take.

    Attributes:
        library: ONNX Runtime, or OpenVINO on the processor.
        bf16: round to bfloat16 while computing; else the graphs are computed as they are written.
        arena: ONNX Runtime keeps memory of the processor that a run freed, for the next run.
        gpu_bytes: most bytes of GPU memory of a session, by ONNX Runtime's count; None is no limit. A bundle with a graph
            for each modality has two sessions.
        gpu_growth: a session that needs more GPU memory doubles what it took, or takes what is needed.

    Raises:
        UsageError: an option of the other library, or a limit below 1.
    """

    library: Library = "onnxruntime"
    bf16: bool = False
    arena: bool = True
    gpu_bytes: int | None = None
    gpu_growth: Growth = "doubled"

    def __post_init__(self) -> None:
        if self.library == "onnxruntime" and self.bf16:
            raise UsageError("ONNX Runtime computes in no bf16 on a processor; say --runner openvino:bf16")
        if self.library == "openvino" and (given := [word for word in self._words() if word != "bf16"]):
            raise UsageError(
                f"runner openvino has no {listed(given)}: ONNX Runtime's memory is set by that; leave it out"
            )
        if self.gpu_bytes is not None and self.gpu_bytes < 1:
            raise UsageError(f"a runner's gpu_bytes is 1 or more, not {self.gpu_bytes}")

    @classmethod
    def read(cls, text: str) -> Self:
        """Of `LIBRARY` or `LIBRARY:OPTION,…`.

        Raises:
            UsageError: no such library, option or value.
        """
        library, colon, rest = text.partition(":")
        if library not in get_args(Library):
            raise UsageError(f"no runner {library!r}; a runner is {_FORMS}")
        options: dict[str, object] = {}
        for word in rest.split(",") if colon else ():
            name, _, value = word.partition("=")
            if name in options:
                raise UsageError(f"runner {text!r} says {name} twice")
            options[name] = _option(word, name, value)
        return cls(library, **options)  # type: ignore[arg-type]  # names and values are those of `_option`

    def __str__(self) -> str:
        return ":".join(filter(None, [self.library, ",".join(self._words())]))

    def _words(self) -> list[str]:
        words = ["bf16"] if self.bf16 else []
        words += [] if self.arena else ["arena=off"]
        words += [] if self.gpu_bytes is None else [f"gpu_bytes={self.gpu_bytes}"]
        return words + ([] if self.gpu_growth == "doubled" else [f"gpu_growth={self.gpu_growth}"])

    @property
    def for_gpu(self) -> bool:
        """Whether an option has an effect on a GPU alone."""
        return self.gpu_bytes is not None or self.gpu_growth != "doubled"


def _option(word: str, name: str, value: str) -> object:
    """
    Raises:
        UsageError: there is none of that name, or it has no such value.
    """
    if word == "bf16":
        return True
    if name == "arena" and value in ("on", "off"):
        return value == "on"
    if name == "gpu_bytes" and value.isdecimal():
        return int(value)
    if name == "gpu_growth" and value in get_args(Growth):
        return value
    raise UsageError(f"a runner has no option {word!r}; a runner is {_FORMS}")
