"""What TensorBoard shows of a run.

Records are written at once and by this thread, in TensorBoard's own format: a full disk is met where it can be told.
"""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from rgbir.index import writing_to


class Board:
    """A new file in a run's `tensorboard` folder; what older files there tell of later updates is hidden.

    Args:
        folder: made if it isn't there.
        done: updates that the run goes on from, 0 for a new one.

    Raises:
        CantWrite: the disk is full, or closed to us.
    """

    def __init__(self, folder: Path, done: int) -> None:
        self.folder = folder
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
            # TensorBoard reads the files of a folder in the order of their names.
            name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}"
            self._records = RecordWriter((folder / name).open("ab"))
        with ExitStack() as stack:
            stack.callback(self._close)
            self._write(file_version="brain.Event:2")
            self._write(step=done + 1, session_log=SessionLog(status=SessionLog.START))
            stack.pop_all()

    def __call__(self, tag: str, value: float, update: int) -> None:
        """Writes a number down.

        Raises:
            CantWrite: the disk is full, or closed to us.
        """
        self._write(step=update, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))

    def _write(self, **content: object) -> None:
        with writing_to(self.folder):
            self._records.write(Event(wall_time=time.time(), **content).SerializeToString())
            self._records.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        with suppress(OSError):  # it was told by the write that failed
            self._records.close()
