"""Arithmetic for many cameras: what they need of memory, disks, processors and network. Nothing here is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from rgbir.index.errors import UsageError
from rgbir.index.gallery.options import Option
from rgbir.index.nearest.view import ROWS

GIB, HOUR = 2**30, 3600
BESIDE_A_ROW = 32
"""Bytes of a slab's row number, time, identity and squared length."""
FILLED = 0.7
"""Of a machine's memory, for embeddings."""
IN_TEXT = 4 / 3
"""Milvus keeps crops as base64."""
NAME = 16
"""Bytes of a camera's id in an expression of Milvus, with quotes and comma."""


@dataclass(frozen=True, slots=True)
class City:
    """What is assumed. Each assumption's words stand beside it; `rgbir bench city` makes its options of them.

    Raises:
        UsageError: a share isn't within 0 to 1, or another number isn't above 0.
    """

    cameras: Annotated[int, Option("how many cameras")] = 5_000
    cameras_a_place: Annotated[
        float, Option("cameras that look at one place; a search leaves those of its query's place out")
    ] = 2.0
    sightings_a_day: Annotated[float, Option("sightings of one camera in a day")] = 1_000.0
    days: Annotated[float, Option("how long sightings are kept")] = 30.0
    busiest_hour: Annotated[float, Option("the share of a day's sightings that the busiest hour brings")] = 0.1
    dimension: Annotated[int, Option("values of an embedding")] = 2_048
    value_bytes: Annotated[int, Option("bytes of a value: 4, or 2 in a folder of float16; Milvus keeps 4")] = 4
    crop_bytes: Annotated[int, Option("bytes of a crop, on average")] = 8_000
    label_bytes: Annotated[int, Option("bytes of a file for a sighting, beside embedding and crop")] = 900
    searches_per_s: Annotated[float, Option("searches in a second, of all who ask together")] = 2.0
    asked_cameras: Annotated[float, Option("the share of other places' cameras that are searched")] = 1.0
    asked_hours: Annotated[float, Option("the time window that a search asks for")] = 6.0
    answer_s: Annotated[float, Option("how long 99 of 100 searches may take")] = 2.0
    rows_per_core_s: Annotated[
        float, Option("rows that a core passes: rgbir bench search, sightings / search_ms x 1000 / cores")
    ] = 9_800_000.0
    flat_rows_per_core_s: Annotated[
        float, Option("rows whose floats a core reads: sightings / bare_faiss_ms x 1000 there; for Milvus")
    ] = 1_700_000.0
    images_per_s: Annotated[
        float, Option("images of one encoder in a second: index_add_per_s of rgbir bench encode")
    ] = 15.7
    servers: Annotated[int, Option("servers that answer, on a gallery in Milvus")] = 3
    replicas: Annotated[int, Option("replicas of the gallery in Milvus")] = 2
    cores: Annotated[int, Option("cores of a machine for Milvus's query nodes")] = 32
    memory_gib: Annotated[float, Option("memory of a machine for Milvus's query nodes")] = 512.0
    log_hours: Annotated[float, Option("how long Milvus's log of messages is kept")] = 24.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value, share = getattr(self, name), name in ("busiest_hour", "asked_cameras")
            if not 0 < value < math.inf or (share and value > 1):
                raise UsageError(f"{name} is {value}; it is {'a share, above 0, at most 1' if share else 'above 0'}")

    @property
    def a_day(self) -> float:
        """Sightings of all cameras in a day."""
        return self.cameras * self.sightings_a_day

    @property
    def sightings(self) -> float:
        """Sightings that are kept."""
        return self.a_day * self.days

    @property
    def seen_cameras(self) -> float:
        """Cameras that a search sees."""
        return max(self.cameras - self.cameras_a_place, 0) * self.asked_cameras

    @property
    def rows_by_camera(self) -> float:
        """Rows of these cameras."""
        return self.seen_cameras * self.sightings_a_day * self.days

    @property
    def rows(self) -> float:
        """Those of them within the time window: what a search compares."""
        return self.seen_cameras * self.sightings_a_day * min(self.asked_hours / 24, self.days)

    def rows_looked_at(self, slab: int = ROWS) -> float:
        """Rows whose times a search in a folder compares: those of slabs into which an end of the window falls.

        Args:
            slab: rows of a full one.
        """
        if self.asked_hours >= 24 * self.days:
            return 0.0
        every, asked = self.sightings_a_day * self.days, self.sightings_a_day * self.asked_hours / 24
        full, rest = divmod(every, slab)
        met = [(count, rows, min(1.0, (rows + min(asked, rows)) / every)) for count, rows in ((full, slab), (1, rest))]
        return self.seen_cameras * sum(count * rows * chance for count, rows, chance in met)

    def cores_for(self, rows: float, rows_per_core_s: float) -> float:
        """Cores that answer the searches in time.

        Searches come at random, and take times as an exponential distribution has them; then 99 of 100 wait and last at most
        ln(100) / (m - s), where s come in a second and m could be answered.
        """
        answered = self.searches_per_s + math.log(100) / self.answer_s
        return answered * rows / rows_per_core_s

    def changed_cameras(self) -> float:
        """Cameras with a new sighting between two searches of one server, each enrolled when it comes."""
        between_s = self.servers / self.searches_per_s
        return self.cameras * -math.expm1(-self.sightings_a_day / 86_400 * between_s)


def figures_of(city: City) -> dict[str, int | float]:
    """Every figure by its name; units are in the names."""
    every, floats = city.sightings, 4 * city.dimension
    kept, entity = city.value_bytes * city.dimension, floats + city.label_bytes + IN_TEXT * city.crop_bytes
    busy_per_s = city.a_day * city.busiest_hour / HOUR
    folder_cores = city.cores_for(city.rows, city.rows_per_core_s)
    milvus_cores = city.cores_for(city.rows, city.flat_rows_per_core_s)
    memory = every * floats / GIB
    of_replica = max(memory / (FILLED * city.memory_gib), milvus_cores / city.replicas / city.cores)
    asked = (10 + 16) * (floats + city.label_bytes) + city.seen_cameras * NAME
    return {
        "sightings_a_day": round(city.a_day),
        "sightings_kept": round(every),
        "busiest_hour_images_per_s": busy_per_s,
        "encoder_hours_a_day": city.a_day / city.images_per_s / HOUR,
        "encoders_for_the_busiest_hour": math.ceil(busy_per_s / city.images_per_s),
        "rows_without_routing": round(every),
        "rows_by_camera": round(city.rows_by_camera),
        "rows_by_camera_and_time": round(city.rows),
        "rows_whose_times_are_looked_at": round(city.rows_looked_at()),
        "folder_memory_gib": every * (kept + city.dimension + BESIDE_A_ROW) / GIB,
        "folder_sqlite_gib": every * (kept + city.label_bytes + city.crop_bytes) / GIB,
        "folder_cache_gib": every * (kept + city.dimension + BESIDE_A_ROW + 8) / GIB,
        "folder_cores": folder_cores,
        "folder_search_s": city.rows / city.rows_per_core_s / folder_cores,
        "milvus_memory_gib": memory * city.replicas,
        "milvus_disk_of_query_nodes_gib": every * (entity - floats) * city.replicas / GIB,
        "milvus_object_storage_gib": every * (entity + floats) / GIB,
        "milvus_segments": math.ceil(every * entity / GIB),
        "milvus_log_gib": city.a_day * entity * city.log_hours / 24 / GIB,
        "milvus_cores": milvus_cores,
        "milvus_query_nodes": city.replicas * math.ceil(of_replica),
        "milvus_requests_a_search": 3 + city.changed_cameras(),
        "network_crops_mbit_per_s": busy_per_s * city.crop_bytes * 8e-6,
        "network_into_milvus_mbit_per_s": busy_per_s * entity * 8e-6,
        "network_of_searches_mbit_per_s": city.searches_per_s * asked * 8e-6,
    }
