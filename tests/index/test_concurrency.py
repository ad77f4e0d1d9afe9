"""Many readers while sightings come and go: each answer is the gallery of the generation that it names."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from tests.index.yard import YARD, model

from rgbir.index import Gallery, Metric, NewSighting, Query, is_locked, locked
from rgbir.index.nearest import coding as coding_module
from rgbir.index.nearest import proof as proof_module
from rgbir.index.nearest import view as view_module


@pytest.mark.parametrize("changes", [25, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_every_answer_is_the_state_of_its_generation_while_slabs_are_rebuilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: int
) -> None:
    monkeypatch.setattr(view_module, "ROWS", 16)
    monkeypatch.setattr(coding_module, "WORTH_CODES", 4)
    monkeypatch.setattr(proof_module, "WORTH_A_THREAD", 8)
    chance, rng = random.Random(3), np.random.default_rng(3)
    vectors: dict[str, np.ndarray] = {}
    states: dict[int, dict[str, np.ndarray]] = {}
    answers: list[tuple[int, list[str], np.ndarray]] = []
    over = threading.Event()
    folder = tmp_path / "gallery"
    with Gallery.create(folder, model(8), YARD) as gallery, Gallery(folder) as other:
        states[gallery.generation] = {}

        def read(opened: Gallery, seed: int) -> None:
            asked = np.random.default_rng(seed)
            while not over.is_set():
                query = asked.standard_normal(8).astype(np.float32)
                answer = opened.search(Query(query, top_k=10_000 if seed % 2 else 5))
                answers.append((answer.generation, [hit.source for hit in answer.hits], query))

        readers = [threading.Thread(target=read, args=(g, s)) for s, g in enumerate([gallery, gallery, other, other])]
        for reader in readers:
            reader.start()
        try:
            for number in range(changes):
                if chance.random() < 0.1:
                    chance.choice([gallery.save_cache, gallery.compact])()  # no change: the same generation
                elif vectors and chance.random() < 0.35:
                    gone = chance.sample(sorted(vectors), min(len(vectors), chance.randint(1, 6)))
                    ids = [s.id for s in gallery.sightings() if s.source in gone]
                    for name in gone:
                        del vectors[name]
                    states[gallery.generation + 1] = dict(vectors)
                    gallery.remove(ids=ids)
                else:
                    new = {
                        f"{number}-{i}": rng.standard_normal(8).astype(np.float32) for i in range(chance.randint(1, 9))
                    }
                    vectors |= new
                    states[gallery.generation + 1] = dict(vectors)
                    gallery.add([NewSighting(chance.choice("ab"), v, name, name) for name, v in new.items()])
        finally:
            over.set()
            for reader in readers:
                reader.join()
        assert gallery.verify() == other.verify() == []

    assert len({generation for generation, *_ in answers}) > 10
    for generation, sources, query in answers:
        state = states[generation]
        names = sorted(state)
        keys = Metric.EUCLIDEAN.keys(query, np.stack([state[name] for name in names])) if names else np.empty(0)
        expected = [names[i] for i in np.argsort(keys, kind="stable")]
        assert sources == expected[: len(sources)]
        assert len(sources) in (min(5, len(names)), len(names))


@pytest.mark.slow
def test_a_second_writer_is_refused_and_a_reader_is_welcome(tmp_path: Path) -> None:
    folder = tmp_path / "gallery"
    script = (
        "import sys\nimport numpy as np\nfrom rgbir.index import Gallery, NewSighting\n"
        "with Gallery(sys.argv[1]) as gallery:\n"
        "    print(len(gallery), flush=True)\n"
        "    gallery.add([NewSighting('a', np.ones(8, np.float32), 'x', 'x')])\n"
    )
    with Gallery.create(folder, model(8), YARD) as gallery, gallery.writing():
        gallery.add([NewSighting("a", np.zeros(8, np.float32), "0", "0")])
        second = subprocess.run(
            [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False
        )

    assert second.stdout == "1\n"
    assert "GalleryBusy" in second.stderr


def test_a_lock_ends_with_the_process_that_took_it_and_not_with_its_children(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    reading, writing = os.pipe()
    with locked(file):
        assert is_locked(file)
        child = os.fork()
        if not child:
            os.write(writing, b"!")
            signal.pause()
        os.read(reading, 1)
    try:
        assert not is_locked(file)
        with locked(file):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert not is_locked(tmp_path / "nothing")
