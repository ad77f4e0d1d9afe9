"""A small site to fit to: drawn people seen by six cameras, as vectors, and as images for a network of one layer."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from rgbir.export.fit.labelled import Labelled
from rgbir.export.folder import write
from rgbir.index import Bundle, Camera, CameraNetwork, Card, Crop, Encoder, Gallery, Metric, Modality, NewSighting

HEIGHT, WIDTH, DIMENSION = 8, 4, 24
RGB, IR = frozenset({Modality.RGB}), frozenset({Modality.IR})
NETWORK = CameraNetwork(
    "site",
    (
        *(Camera(f"c{number}", RGB, f"place {number}") for number in (1, 2, 3)),
        *(Camera(f"n{number}", IR, f"place {number}") for number in (3, 4)),
    ),
)
"""Three colour and two infrared cameras; c3 and n3 look at one place."""


def vectors(
    people: int = 40, dimension: int = 20, images: int = 2, seed: int = 0, network: CameraNetwork = NETWORK
) -> Labelled:
    """Drawn vectors of people: who it is, what the modality adds, and a strong nuisance in four directions."""
    rng = np.random.default_rng(seed)
    persons, shift = rng.normal(size=(people, dimension)), 4 * rng.normal(size=(2, dimension))
    nuisance = 2 * rng.normal(size=(4, dimension)) / np.sqrt(dimension)
    rows = [
        (identity, camera.id, camera.modalities == IR)
        for identity in range(people)
        for camera in network
        for _ in range(images)
    ]
    identities, infrared = np.array([row[0] for row in rows]), np.array([row[2] for row in rows])
    embeddings = persons[identities] + shift[infrared.astype(int)] + rng.normal(size=(len(rows), 4)) @ nuisance
    embeddings += 0.3 * rng.normal(size=embeddings.shape)
    cameras = np.array([row[1] for row in rows])
    return Labelled(embeddings.astype(np.float32), identities, cameras, infrared, network, {})


def bundle(folder: Path, metric: Metric = Metric.COSINE, streams: int = 1) -> Bundle:
    """A network that multiplies pixels by a drawn matrix; each stream has a matrix of its own before a shared one."""
    rng = np.random.default_rng(5)
    trunk = rng.normal(size=(96, DIMENSION)).astype(np.float32) / 100
    firsts = [
        np.eye(96, dtype=np.float32) + stream * rng.normal(size=(96, 96)).astype(np.float32) / 50 for stream in range(2)
    ]
    names = ["embed.onnx"] if streams == 1 else ["rgb.onnx", "ir.onnx"]
    models = {}
    for name, first in zip(names, firsts, strict=False):
        nodes = [
            helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["pixels"], ["flat"], axis=1),
            helper.make_node("MatMul", ["flat", "first"], ["turned"]),
            helper.make_node("MatMul", ["turned", "trunk"], ["embeddings"]),
        ]
        shape: list[str | int | None] = ["n", HEIGHT, WIDTH, 3]
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("images", TensorProto.UINT8, shape)],
            [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", DIMENSION])],
            [numpy_helper.from_array(value, label) for label, value in (("first", first), ("trunk", trunk))],
        )
        models[name] = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(models[name])
    card = Card(
        name="small_net.site",
        method="small",
        height=HEIGHT,
        width=WIDTH,
        dimension=DIMENSION,
        metric=metric,
        graphs={Modality.RGB: names[0], Modality.IR: names[-1]},
        files=dict.fromkeys(names, ""),
    )
    write(folder, models, card)
    return Bundle(folder)


def pictures(
    people: int, network: CameraNetwork = NETWORK, images: int = 2
) -> list[tuple[int, Camera, NDArray[np.uint8]]]:
    """Who, by which camera, and pixels uint8 (height, width, 3): a pattern of the person, tinted by the modality, lit from anywhere."""
    rng = np.random.default_rng(1)
    shape = (HEIGHT, WIDTH, 3)
    patterns, tints, lights = (
        rng.normal(size=(people, *shape)),
        rng.normal(size=(2, *shape)),
        rng.normal(size=(3, *shape)),
    )
    drawn = []
    for identity in range(people):
        for camera in network:
            for _ in range(images):
                light = np.tensordot(rng.normal(size=3), lights, 1)
                values = 128 + 8 * patterns[identity] + 30 * tints[int(camera.modalities == IR)] + 7 * light
                drawn.append((identity, camera, np.clip(values, 0, 255).astype(np.uint8)))
    return drawn


def filled(
    folder: Path,
    encoder: Encoder,
    people: int = 30,
    network: CameraNetwork = NETWORK,
    crops: bool = True,
    labels: bool = True,
) -> Gallery:
    """A gallery of these pictures; PNG crops show the same pixels again."""
    gallery = Gallery.open_or_create(folder, encoder.card, network)
    new = []
    for number, (identity, camera, pixels) in enumerate(pictures(people, network)):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        modality = Modality.IR if camera.modalities == IR else Modality.RGB
        embedding = encoder.encode(pixels[None], modality)[0]
        crop = Crop("image/png", file.getvalue()) if crops else None
        who = identity if labels else None
        new.append(NewSighting(camera.id, embedding, f"{number}", f"{number}.png", identity=who, track="t", crop=crop))
    gallery.add(new)
    return gallery
