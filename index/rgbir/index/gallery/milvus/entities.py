"""What a gallery in Milvus is made of: addresses, collections, entities, and expressions built from parsed values only.

No other file writes expressions. A test holds that.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.errors import GalleryCorrupt, UsageError
from rgbir.index.gallery.answers import span
from rgbir.index.gallery.browse import Order, Selection, Spot
from rgbir.index.gallery.erasures import Condition, Named
from rgbir.index.gallery.model import Model
from rgbir.index.gallery.query import Query, Scope
from rgbir.index.gallery.sightings import Crop, NewSighting, Sighting
from rgbir.index.metric import Metric
from rgbir.index.nearest.slabs import Moments
from rgbir.index.times import from_microseconds, to_microseconds

BRUTE_FORCE = ("FLAT", "GPU_BRUTE_FORCE")
"""Index types that miss nothing. The embedded Milvus takes any name and searches by brute force, so it is checked here."""
LONGEST_TEXT = 65_535
"""Bytes of a text field, at most."""
_LONGEST_CROP = 48_000  # bytes; in base64 they fit a text field
LATER = ["since", "frame"]
"""Fields that collections made before format 4 of folders lack."""
SCALARS = ["id", "row", "camera", "taken_at", "identity", "track", "source", "digest", "has_crop"]

ANY = "row >= 0"
TIMED = "taken_at >= 0 or taken_at < 0"
ERASURE = "erasure:"
"""What the keys of noted erasures begin with."""
ERASING = "erasing:"
"""What the keys of erasures begin with that have begun, and perhaps not ended."""
CHANGED, PERSON = "changed:", "person:"
"""What the keys of moments at which a camera's sightings changed begin with; and of people of a camera."""
PATIENCE_S = 60.0
"""How long an answer of Milvus is waited for, unless the address says otherwise."""


@dataclass(frozen=True, slots=True)
class Address:
    """`milvus://HOST:PORT/NAME`, or `milvus+file:PATH/NAME` for the embedded one. `?index=GPU_BRUTE_FORCE` for a new gallery, and
    `?timeout=SECONDS`.

    Attributes:
        uri: what the client of Milvus connects to: a URL, or the embedded one's file.
        name: the collection's.
        index: of a new collection, one of `BRUTE_FORCE`.
        timeout: seconds; a request without an answer is sent again until then, and then given up.
    """

    uri: str
    name: str
    index: str = "FLAT"
    timeout: float = PATIENCE_S

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of an address as people write it.

        Raises:
            UsageError: it is no address of a gallery in Milvus, or names an index that may miss, or an option that there isn't.
        """
        parts = urlsplit(text)
        place, _, name = parts.path.rpartition("/")
        options = parse_qs(parts.query, keep_blank_values=True)
        index = options.pop("index", ["FLAT"])[0]
        timeout = _seconds(options.pop("timeout", [str(PATIENCE_S)])[0])
        if options:
            raise UsageError(f"an address in Milvus has no option {min(options)!r}; it has index and timeout")
        if not name.isidentifier() or parts.scheme not in ("milvus", "milvus+file"):
            raise UsageError(
                f"{text!r} is no address of a gallery in Milvus; it is milvus://HOST:PORT/NAME or milvus+file:PATH/NAME, and"
                " NAME is letters, digits and _"
            )
        if index not in BRUTE_FORCE:
            raise UsageError(f"index={index} may miss; a gallery in Milvus is {' or '.join(BRUTE_FORCE)}")
        uri = f"http://{parts.netloc}{place}" if parts.scheme == "milvus" else parts.netloc + place
        return cls(uri, name, index, timeout)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise UsageError(f"timeout={text} is no time to wait; it is seconds above 0, such as timeout={PATIENCE_S:g}")
    return seconds


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
    text(sightings, "crop", LONGEST_TEXT)
    sightings.add_field("checksum", DataType.INT64)
    sightings.add_field("embedding", DataType.FLOAT_VECTOR, dim=model.dimension)
    index = client.prepare_index_params()
    index.add_index("embedding", index_type=at.index, metric_type=metric_type(model.metric))
    client.create_collection(at.name, schema=sightings, index_params=index, consistency_level="Strong")
    about = client.create_schema(auto_id=False, enable_dynamic_field=False)
    text(about, "key", 64, is_primary=True)
    text(about, "value", LONGEST_TEXT)
    about.add_field("nothing", DataType.FLOAT_VECTOR, dim=2)  # Milvus wants a vector in every collection
    index = client.prepare_index_params()
    index.add_index("nothing", index_type="FLAT", metric_type="L2")
    client.create_collection(f"{at.name}_about", schema=about, index_params=index, consistency_level="Strong")


def metric_type(metric: Metric) -> str:
    return "L2" if metric is Metric.EUCLIDEAN else "IP"


def entry(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": value, "nothing": [0.0, 0.0]}


def changed_key(camera: str) -> str:
    """Of the moment at which a camera's sightings changed. A key is short, and a camera's id may be long."""
    return f"{CHANGED}{_short(camera)}"


def person_key(camera: str, identity: int) -> str:
    """Of an identity that a camera has sightings of."""
    return f"{PERSON}{_short(camera)}:{identity}"


def people_of(camera: str) -> str:
    """Entries of the identities that a camera has sightings of."""
    return keys_begin(f"{PERSON}{_short(camera)}:")


def _short(camera: str) -> str:
    return hashlib.sha256(camera.encode()).hexdigest()[:24]


def keys_begin(start: str) -> str:
    """Entries whose key begins so; it holds neither `%` nor `_`."""
    return f'key like "{start}%"'


def keys_are(keys: Sequence[str]) -> str:
    return f"key in {_listed(keys)}"


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
    clauses = [] if which.ids is None else [ids_are(which.ids)]
    named = expression_of_named(Named.but_ids(which))
    return " and ".join([*clauses, *([named] if named else [])])


def expression_of_named(which: Named) -> str:
    """Empty where nothing is named."""
    clauses = _labels_are(which)
    if which.camera is not None:
        clauses.append(cameras_are([which.camera]))
    if which.before is not None:
        clauses.append(f"taken_at < {which.before}")
    return " and ".join(clauses)


def expression_of_selection(which: Selection, timed: bool) -> str:
    """Of those of a selection that have a time, or of those that have none."""
    clauses = _labels_are(which)
    if which.cameras is not None:
        clauses.append(cameras_are(which.cameras))
    if which.digests is not None:
        clauses.append(f"digest in {_listed(which.digests)}")
    if which.since is not None:
        clauses.append(f"taken_at >= {to_microseconds(which.since)}")
    if which.until is not None:
        clauses.append(f"taken_at < {to_microseconds(which.until)}")
    return " and ".join([*clauses, f"({TIMED})" if timed else "taken_at is null"])


def persons_are(camera: str, identities: Collection[int]) -> str:
    """Sightings of one of these identities by a camera."""
    return f"{cameras_are([camera])} and identity in {sorted(map(int, identities))}"


def known_before(expression: str, at: int, lacking: Collection[str]) -> str:
    """Those that meet it and are known since before that moment, microseconds since 1970."""
    known = f"row < {1000 * at}" if "since" in lacking else f"since < {at}"
    return f"({expression}) and {known}"


def values_between(expression: str, field: str, low: int, high: int) -> str:
    """Those that meet it and have a number in that field, from `low` on, below `high`."""
    return f"({expression}) and {field} >= {low} and {field} < {high}"


def value_is(expression: str, field: str, value: int) -> str:
    return f"({expression}) and {field} == {value}"


def ids_between(expression: str, low: str, high: str) -> str:
    return f"({expression}) and id >= {_quoted(low)} and id < {_quoted(high)}"


def beyond(expression: str, order: Order, after: Spot | None) -> str:
    """Those that meet it and stand after a spot."""
    if after is None:
        return expression
    sign = ">" if order == "oldest" else "<"
    later = f"id {sign} {_quoted(after.id)}"
    if after.taken_at is not None:
        later = f"taken_at {sign} {after.taken_at} or (taken_at == {after.taken_at} and {later})"
    return f"({expression}) and ({later})"


def _labels_are(which: Query | Named | Selection) -> list[str]:
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
