"""What a gallery in Milvus is made of: addresses, collections, entities, and expressions built from parsed values only.

No other file writes expressions. A test holds that.
"""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.errors import GalleryCorrupt, UsageError
from rgbir.index.gallery.answers import span
from rgbir.index.gallery.browse import Selection
from rgbir.index.gallery.erasures import Condition
from rgbir.index.gallery.model import Model
from rgbir.index.gallery.query import Query, Scope
from rgbir.index.gallery.sightings import Crop, NewSighting, Sighting
from rgbir.index.metric import Metric
from rgbir.index.nearest.slabs import Moments
from rgbir.index.times import from_microseconds, to_microseconds

BRUTE_FORCE = ("FLAT", "GPU_BRUTE_FORCE")
"""Index types that miss nothing. The embedded Milvus takes any name and searches by brute force, so it is checked here."""
_TEXT = 65_535
_LONGEST_CROP = 48_000  # bytes; in base64 they fit a text field
LATER = ["since", "frame"]
"""Fields that collections made before format 4 of folders lack."""
SCALARS = ["id", "row", "camera", "taken_at", "identity", "track", "source", "digest", "has_crop"]

ANY = "row >= 0"
TIMED = "taken_at >= 0 or taken_at < 0"
ERASURE = "erasure:"
"""What the keys of noted erasures begin with."""
ERASURES = f'key like "{ERASURE}%"'
NO_ERASURES = f"not ({ERASURES})"


@dataclass(frozen=True, slots=True)
class Address:
    """`milvus://HOST:PORT/NAME`, or `milvus+file:PATH/NAME` for the embedded one. `?index=GPU_BRUTE_FORCE` for a new gallery.

    Attributes:
        uri: what the client of Milvus connects to: a URL, or the embedded one's file.
        name: the collection's.
        index: of a new collection, one of `BRUTE_FORCE`.
    """

    uri: str
    name: str
    index: str = "FLAT"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of an address as people write it.

        Raises:
            UsageError: it is no address of a gallery in Milvus, or names an index that may miss.
        """
        parts = urlsplit(text)
        place, _, name = parts.path.rpartition("/")
        index = parse_qs(parts.query).get("index", ["FLAT"])[0]
        if not name.isidentifier() or parts.scheme not in ("milvus", "milvus+file"):
            raise UsageError(
                f"{text!r} is no address of a gallery in Milvus; it is milvus://HOST:PORT/NAME or milvus+file:PATH/NAME, and"
                " NAME is letters, digits and _"
            )
        if index not in BRUTE_FORCE:
            raise UsageError(f"index={index} may miss; a gallery in Milvus is {' or '.join(BRUTE_FORCE)}")
        return cls(f"http://{parts.netloc}{place}" if parts.scheme == "milvus" else parts.netloc + place, name, index)


def make_collections(client: Any, at: Address, model: Model) -> None:
    from pymilvus import DataType

    def text(schema: Any, name: str, most: int, **more: bool) -> None:
        schema.add_field(name, DataType.VARCHAR, max_length=most, **more)

    sightings = client.create_schema(auto_id=False, enable_dynamic_field=False)
    text(sightings, "id", 64, is_primary=True)
    sightings.add_field("row", DataType.INT64)
    text(sightings, "camera", 256, is_partition_key=True)
    for name in ("taken_at", "identity"):
        sightings.add_field(name, DataType.INT64, nullable=True)
    text(sightings, "track", 1024, nullable=True)
    text(sightings, "source", 8192)
    text(sightings, "digest", 128)
    sightings.add_field("since", DataType.INT64, nullable=True)
    text(sightings, "frame", 8192, nullable=True)
    sightings.add_field("has_crop", DataType.BOOL)
    text(sightings, "crop_type", 64)
    text(sightings, "crop", _TEXT)
    sightings.add_field("checksum", DataType.INT64)
    sightings.add_field("embedding", DataType.FLOAT_VECTOR, dim=model.dimension)
    index = client.prepare_index_params()
    index.add_index("embedding", index_type=at.index, metric_type=metric_type(model.metric))
    client.create_collection(at.name, schema=sightings, index_params=index, consistency_level="Strong")
    about = client.create_schema(auto_id=False, enable_dynamic_field=False)
    text(about, "key", 64, is_primary=True)
    text(about, "value", _TEXT)
    about.add_field("nothing", DataType.FLOAT_VECTOR, dim=2)  # Milvus wants a vector in every collection
    index = client.prepare_index_params()
    index.add_index("nothing", index_type="FLAT", metric_type="L2")
    client.create_collection(f"{at.name}_about", schema=about, index_params=index, consistency_level="Strong")


def metric_type(metric: Metric) -> str:
    return "L2" if metric is Metric.EUCLIDEAN else "IP"


def entry(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": value, "nothing": [0.0, 0.0]}


def entity_of(sighting: NewSighting, embedding: NDArray[np.float32], row: int) -> dict[str, Any]:
    """What Milvus keeps of a sighting and its prepared embedding, float32 (d,)."""
    crop = None if sighting.crop is None else _small(sighting.crop)
    return {
        "id": sighting.id,
        "row": row,
        "camera": sighting.camera,
        "taken_at": None if sighting.taken_at is None else to_microseconds(sighting.taken_at),
        "identity": sighting.identity,
        "track": sighting.track,
        "source": sighting.source,
        "digest": sighting.digest,
        "since": row // 1000 if sighting.since is None else sighting.since,
        "frame": sighting.frame,
        "has_crop": crop is not None,
        "crop_type": "" if crop is None else crop.media_type,
        "crop": "" if crop is None else base64.b64encode(crop.data).decode(),
        "checksum": zlib.crc32(embedding.astype("<f4").tobytes()),
        "embedding": embedding,
    }


def _small(crop: Crop) -> Crop:
    """The crop as it is if a text field holds it, else a smaller JPEG of it."""
    if len(crop.data) <= _LONGEST_CROP:
        return crop
    image = Image.open(io.BytesIO(crop.data)).convert("RGB")
    for side, quality in ((512, 85), (384, 80), (256, 75)):
        image.thumbnail((side, side))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= _LONGEST_CROP:
            break
    return Crop("image/jpeg", buffer.getvalue())


def row_of(entity: dict[str, Any]) -> NDArray[np.float32]:
    """Its embedding, float32 (d,), little-endian as its checksum was made."""
    return np.asarray(entity["embedding"], "<f4")


def sighting_of(entity: dict[str, Any]) -> Sighting:
    """The sighting that an entity keeps.

    Raises:
        GalleryCorrupt: it lacks a field.
    """
    try:
        fields = {field: entity[field] for field in SCALARS}
    except KeyError as error:
        raise GalleryCorrupt(f"an entity without {error}: this collection was not made by rgbir") from error
    return Sighting(
        fields["row"],
        fields["id"],
        fields["camera"],
        fields["source"],
        fields["digest"],
        from_microseconds(fields["taken_at"]),
        fields["identity"],
        fields["track"],
        fields["has_crop"],
        fields["row"] // 1000 if entity.get("since") is None else entity["since"],
        entity.get("frame"),
    )


def stages_of(query: Query, seen: Scope, times: Callable[[], tuple[int, int] | None]) -> list[tuple[str, str]]:
    """What leaves sightings of the searched cameras out, one after another, by the names of `Tally`: each with the expression of
    those that are left. The last one is of those that may answer."""
    clauses = [cameras_are(seen.searched)]
    stages = [("", clauses[0])]

    def left_by(name: str, *more: str) -> None:
        clauses.extend(more)
        if more:
            stages.append((name, " and ".join(clauses)))

    left_by("place", *_moments_are(seen.places))
    if query.since is not None or query.until is not None or query.hours is not None:
        left_by("untimed", f"({TIMED})")
        left_by("time", *_times_are(query, times))
    left_by("passages", *([] if seen.moments is seen.places else _moments_are(seen.moments)))
    left_by("labels", *_labels_are(query))
    return stages


def _times_are(query: Query, times: Callable[[], tuple[int, int] | None]) -> Iterator[str]:
    if query.since is not None:
        yield f"taken_at >= {to_microseconds(query.since)}"
    if query.until is not None:
        yield f"taken_at < {to_microseconds(query.until)}"
    if query.hours is not None:
        windows = query.hours.windows(*span(query, times())).tolist()
        yield "(" + " or ".join(_window(*window) for window in windows) + ")"


def places_are(cameras: Sequence[str], moments: Mapping[str, Moments]) -> str:
    """Sightings of these cameras, of some of them those taken at these moments only."""
    return " and ".join([cameras_are(cameras), *_moments_are(moments)])


def _moments_are(moments: Mapping[str, Moments]) -> list[str]:
    clauses = []
    for camera, (windows, untimed) in moments.items():
        times = [_window(*window) for window in windows.tolist()]
        if untimed:
            times.append("taken_at is null")
        clauses.append(f"(camera != {_quoted(camera)}{''.join(f' or {time}' for time in times)})")
    return clauses


def expression_of_condition(which: Condition) -> str:
    clauses = _labels_are(which)
    if which.ids is not None:
        clauses.append(ids_are(which.ids))
    if which.camera is not None:
        clauses.append(cameras_are([which.camera]))
    if which.before is not None:
        clauses.append(f"taken_at < {to_microseconds(which.before)}")
    return " and ".join(clauses)


def expression_of_selection(which: Selection, timed: bool) -> str:
    """Of those of a selection that have a time, or of those that have none."""
    clauses = _labels_are(which)
    if which.cameras is not None:
        clauses.append(cameras_are(which.cameras))
    if which.since is not None:
        clauses.append(f"taken_at >= {to_microseconds(which.since)}")
    if which.until is not None:
        clauses.append(f"taken_at < {to_microseconds(which.until)}")
    return " and ".join([*clauses, f"({TIMED})" if timed else "taken_at is null"])


def _labels_are(which: Query | Condition | Selection) -> list[str]:
    """Identity and track, where they are named."""
    clauses = []
    if which.identity is not None:
        clauses.append(f"identity == {int(which.identity)}")
    if which.track is not None:
        clauses.append(f"track == {_quoted(which.track)}")
    return clauses


def _window(begin: int, end: int) -> str:
    return f"(taken_at >= {begin} and taken_at < {end})"


def cameras_are(cameras: Sequence[str]) -> str:
    return f"camera in {_listed(cameras)}"


def ids_are(ids: Sequence[str]) -> str:
    return f"id in {_listed(ids)}"


def timed(expression: str) -> str:
    """Those that meet it and have a time."""
    return f"({expression}) and ({TIMED})"


def _listed(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, values))}]"


def _quoted(value: str) -> str:
    """A string of Milvus's expressions, whatever is in it."""
    return json.dumps(value, ensure_ascii=False)
