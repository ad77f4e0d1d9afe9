"""A proxy between pymilvus and the embedded Milvus: it counts requests and rows, and drops, delays, cuts or refuses one."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

Fault = Literal["drop", "delay", "cut", "busy"]
"""The request never arrives; it arrives late; it is carried out, and its answer is lost; Milvus says that it has too much to do."""
GREETINGS = ("Connect", "DescribeCollection")
"""What pymilvus asks by itself, of a connection and of a collection that it has not used yet."""


class Request(NamedTuple):
    """A request as it went by.

    Attributes:
        name: of the call in Milvus's protocol, such as `Query`.
        rows: how many rows its answer brings, or it brings itself; a count is one row.
        size: bytes of the request.
    """

    name: str
    rows: int
    size: int


class Between:
    """Serves at `uri` what a server at a port serves.

    Attributes:
        uri: for an address `milvus://…`, without the scheme.
        requests: all that went by, in order.
        fault: what becomes of the next request of a name, once: (fault, name, how many of that name go by before).
        met: requests that met the fault.
        late: a delayed request goes on when this is set.
    """

    def __init__(self, port: int) -> None:
        import grpc

        self.requests: list[Request] = []
        self.fault: tuple[Fault, str, int] | None = None
        self.met: list[str] = []
        self.late = threading.Event()
        self._lock = threading.Lock()
        most = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=most)
        patient = [*most, ("grpc.http2.max_ping_strikes", 0)]
        self._server = grpc.server(futures.ThreadPoolExecutor(8), options=patient)
        self._server.add_generic_rpc_handlers((_Every(self._answer),))
        self.uri = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self) -> None:
        self.late.set()
        self._server.stop(grace=None).wait()
        self._channel.close()

    @contextmanager
    def counted(self) -> Iterator[list[Request]]:
        """The requests within the block, but for pymilvus's greetings."""
        first, requests = len(self.requests), list[Request]()
        yield requests
        requests += [request for request in self.requests[first:] if request.name not in GREETINGS]

    def _answer(self, method: str, request: bytes, context: Any) -> bytes:
        import grpc

        name = method.rpartition("/")[2]
        fault = self._due(name)
        if fault == "drop":
            context.abort(grpc.StatusCode.UNAVAILABLE, "dropped on the way")
        if fault == "busy":
            return _busy()
        if fault == "delay":
            self.late.wait()
        forward = self._channel.unary_unary(method)
        try:
            answer: bytes = forward(request, metadata=context.invocation_metadata())
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())
        if fault == "cut":
            context.abort(grpc.StatusCode.UNAVAILABLE, "cut before the answer")
        with self._lock:
            self.requests.append(Request(name, _rows(name, request, answer), len(request)))
        return answer

    def _due(self, name: str) -> Fault | None:
        with self._lock:
            if self.fault is None or self.fault[1] != name:
                return None
            fault, _, before = self.fault
            if before:
                self.fault = (fault, name, before - 1)
                return None
            self.fault = None
            self.met.append(name)
            return fault


class _Every:
    """One handler for all methods, of bytes."""

    def __init__(self, answer: Callable[[str, bytes, Any], bytes]) -> None:
        self._answer = answer

    def service_name(self) -> str:
        return ""

    def service(self, call: Any) -> Any:
        import grpc

        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._answer(call.method, request, context))


def _busy() -> bytes:
    """An answer to a change, as of a server whose limit of requests is reached."""
    from pymilvus.grpc_gen import common_pb2, milvus_pb2

    status = common_pb2.Status(error_code=common_pb2.RateLimit, code=8, reason="request is rejected by limiter")
    answer: bytes = milvus_pb2.MutationResult(status=status).SerializeToString()
    return answer


def _rows(name: str, request: bytes, answer: bytes) -> int:
    from pymilvus.grpc_gen import milvus_pb2

    if name in ("Insert", "Upsert"):
        return int(milvus_pb2.InsertRequest.FromString(request).num_rows)
    if name == "Query":
        return max(map(_length, milvus_pb2.QueryResults.FromString(answer).fields_data), default=0)
    if name in ("Search", "HybridSearch"):
        return len(milvus_pb2.SearchResults.FromString(answer).results.scores)
    return 0


def _length(field: Any) -> int:
    if len(field.valid_data):
        return len(field.valid_data)
    kind = field.WhichOneof("field")
    if kind == "vectors":
        return len(field.vectors.float_vector.data) // max(int(field.vectors.dim), 1)
    data = field.scalars.WhichOneof("data")
    return len(getattr(field.scalars, data).data) if data else 0


@contextmanager
def served(folder: Path) -> Iterator[Between]:
    """An embedded Milvus of its own in that folder, behind a proxy."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    server, database, port = start_server_in_thread(str(folder / "served.db"))
    between = Between(port)
    yield between
    between.close()
    server.stop(grace=0).wait()
    database.close()


def cost(requests: list[Request]) -> tuple[int, int]:
    """How many requests, and how many rows they brought."""
    return len(requests), sum(request.rows for request in requests)


def names(requests: list[Request]) -> Counter[str]:
    return Counter(request.name for request in requests)
