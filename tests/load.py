"""A server under load for minutes: `python -m tests.load --seconds 600`. Needs `hey` (Debian: `apt install hey`).

Searches by eight connections, enrolments and erasures beside them, memory every second, then kill -9 in the middle of it. Prints
what happened as JSON: errors, p50 and p99, searches a second beside the bare loop of decoding, encoding and searching in the
same run, memory, and that nothing acknowledged was lost.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from rgbir.client import Client, ClientError
from rgbir.index import (
    Bundle,
    CameraNetwork,
    Encoder,
    Gallery,
    Modality,
    Searcher,
    SearchOptions,
    SysuMM01,
    decode,
    enrol,
    read_bytes,
)
from rgbir.index.synthetic import Split, synthesize

BUNDLE = Path(__file__).parents[1] / "server/rgbir/server/bundles/expat_compact.synthetic_people"
CONNECTIONS, BARE = 8, 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--bundle", type=Path, default=BUNDLE)
    asked = parser.parse_args()
    if shutil.which("hey") is None:
        sys.exit("the load tool `hey` isn't installed: apt install hey")
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(load(Path(name), asked.seconds, asked.bundle), indent=1))


def load(folder: Path, seconds: int, bundle: Path) -> dict[str, Any]:
    synthesize(folder / "people", Split(0, 0, 20), 6, workers=1)
    people = SysuMM01(folder / "people")
    encoder = Encoder(Bundle(bundle))
    with Gallery.open_or_create(folder / "gallery", encoder.card, CameraNetwork.read("sysu-mm01")) as gallery:
        enrol(people.records("test", (1, 2, 4, 5)), encoder, gallery)
        query = next(people.records("test", (3,))).path
        bare = bare_loop(query, encoder, gallery)
    body, kind = multipart(query.read_bytes())
    (folder / "body").write_bytes(body)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [
        sys.executable,
        "-c",
        "from rgbir.client.cli import main; main()",
        "serve",
        "--gallery",
        str(folder / "gallery"),
    ]
    command += ["--bundle", str(bundle), "--port", str(port), "--audit", str(folder / "audit.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server, Client(url, retries=0) as client:
        while not client.ready():
            time.sleep(0.1)
        over, acknowledged, errors, memory = threading.Event(), set[str](), list[str](), list[float]()
        colour = [record.path.read_bytes() for record in people.records("test", (1,))]
        changing = threading.Thread(target=change, args=(client, colour, over, acknowledged, errors))
        watching = threading.Thread(target=watch, args=(server.pid, over, memory))
        for thread in (changing, watching):
            thread.start()
        hey = ["hey", "-c", str(CONNECTIONS), "-m", "POST", "-T", kind, "-D", str(folder / "body"), "-t", "30"]
        output = subprocess.run(
            [*hey, "-z", f"{seconds}s", f"{url}/search"], capture_output=True, text=True, check=True
        ).stdout
        enrolled = len(acknowledged)
        killing = subprocess.Popen([*hey, "-z", "5s", f"{url}/search"], stdout=subprocess.DEVNULL)
        time.sleep(2)
        server.send_signal(signal.SIGKILL)
        server.wait()
        over.set()
        for thread in (changing, watching):
            thread.join()
        killing.wait()
    with Gallery(folder / "gallery") as gallery:
        lost = acknowledged - gallery.known(sorted(acknowledged))
        verified = gallery.verify()
    first, last = np.median(memory[5:35]), np.median(memory[-40:-10])
    return {
        "seconds": seconds, "connections": CONNECTIONS, **figures(output), "bare_ms": bare, "bare_per_s": 1000 / bare,
        "enrolled": enrolled, "errors_of_changes": errors[:-1], "memory_mib_early": float(first), "memory_mib_late": float(last),
        "memory_mib_most": max(memory), "lost_after_kill": len(lost), "verify": verified,
    }  # fmt: skip


def bare_loop(query: Path, encoder: Encoder, gallery: Gallery) -> float:
    """Milliseconds of decoding, encoding and searching, one after the other, without HTTP."""
    searcher, options = Searcher(encoder, gallery), SearchOptions(camera="3", modality=Modality.IR)
    data = read_bytes(query)
    taken = []
    for _ in range(BARE):
        started = time.perf_counter()
        searcher.search([decode(data, "query")], options)
        taken.append(time.perf_counter() - started)
    return float(np.median(taken)) * 1000


def multipart(image: bytes) -> tuple[bytes, str]:
    edge = "an-edge-that-no-image-has"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="camera"\r\n\r\n3\r\n--{edge}\r\n'
    head += 'Content-Disposition: form-data; name="images"; filename="q.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    return head.encode() + image + f"\r\n--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"


def change(
    client: Client, images: list[bytes], over: threading.Event, acknowledged: set[str], errors: list[str]
) -> None:
    """Five enrolments a second, and an erasure in ten; each a new image, by a comment at its end."""
    number = 0
    while not over.is_set():
        try:
            (result,) = client.enrol(images[number % len(images)] + str(number).encode(), camera="1")
            if result.id:
                acknowledged.add(result.id)
            if number % 10 == 9:
                gone = acknowledged.pop()
                client.remove(gone)
        except ClientError as error:
            errors.append(str(error))
            if over.wait(0.2):
                break
        number += 1
        over.wait(0.2)


def watch(process: int, over: threading.Event, memory: list[float]) -> None:
    """Resident MiB, every second."""
    while not over.wait(1.0):
        try:
            resident = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
        except OSError:
            return
        if resident:
            memory.append(int(resident[1]) / 1024)


def figures(output: str) -> dict[str, Any]:
    """What hey measured."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    shares = dict(re.findall(r"(\d+)% in ([\d.]+) secs", output))
    statuses = {int(status): int(count) for status, count in re.findall(r"\[(\d{3})\]\s+(\d+) responses", output)}
    failed = re.findall(r"^\s+\[(\d+)\]\t(.*)$", output.partition("Error distribution:")[2], re.MULTILINE)
    return {
        "searches_per_s": float(rate[1]) if rate else None,
        "p50_ms": 1000 * float(shares["50"]), "p99_ms": 1000 * float(shares["99"]),
        "statuses": statuses, "connection_errors": failed,
    }  # fmt: skip


if __name__ == "__main__":
    main()
