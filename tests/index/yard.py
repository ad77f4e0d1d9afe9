"""A site of two colour cameras, for tests that need rows and no story."""

from __future__ import annotations

from rgbir.index import Camera, CameraNetwork, Modality

YARD = CameraNetwork("yard", tuple(Camera(name, frozenset({Modality.RGB}), name) for name in "ab"))
