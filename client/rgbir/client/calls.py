"""Every request to a server, as data. `Client` sends them and waits, `AsyncClient` awaits them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, Unpack, get_type_hints
from urllib.parse import quote

import httpx2
from pydantic import BaseModel

from rgbir.client import given, wire
from rgbir.client.pictures import Image, files
from rgbir.client.tables import Entries, Rows
from rgbir.client.words import did_you_mean, listed

Box = tuple[int, int, int, int]
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and how to read its answer.

    Attributes:
        read: makes the answer's value of the response.
        method, path: of HTTP; the path is below the server's URL.
        rest: further arguments of an HTTP client's `request`: query, form fields, images.
        archive: a file to send, which is opened only then.
        part: the form field that it is sent in.
        called: the name that it is sent with; its own if None.
        out: a file that isn't there, which the answer is written to as it comes.
    """

    read: Callable[[httpx2.Response], T]
    method: str
    path: str
    rest: dict[str, Any] = field(default_factory=dict)
    archive: Path | None = None
    part: str = "archive"
    called: str | None = None
    out: Path | None = None

    @contextmanager
    def arguments(self) -> Iterator[dict[str, Any]]:
        """What an HTTP client sends; an archive is read as it goes."""
        if self.archive is None:
            yield self.rest
            return
        with self.archive.open("rb") as content:
            yield {**self.rest, "files": {self.part: (self.called or self.archive.name, content)}}


def search(
    images: Image | Sequence[Image] = (),
    *,
    box: Box | Sequence[Box | None] | None = None,
    detect: bool = False,
    like: str | None = None,
    query: Sequence[str] | None = None,
    refine: bool = False,
    purpose: str | None = None,
    case: str | None = None,
    **options: Unpack[wire.SearchFields],
) -> Call[wire.SearchResponse]:
    """Who looks like this in the other cameras' images? Several images are several shots of one person.

    Args:
        images: paths, bytes of files, open files, images of Pillow or arrays; none with `like`.
        box: where the person is: left, top, right, bottom; one for all images, or a sequence with one for each, None for the whole.
        detect: the images are whole pictures: the server finds the people in each and takes the largest; the answer's `detected` says
            whom. Without `box`, and where the server has a detector.
        like: a sighting's id, whose person to search for in place of images.
        query: pictures that the case keeps, to search with them and with images, if any.
        refine: heed the case's marks: hits marked same are further shots, and who looks like one marked different goes to the end.
        purpose, case: why, and for which case. A server that keeps cases knows it by id or number, and keeps the search in it.
        options: `camera` and the others of `wire.SearchFields`.

    Raises:
        TypeError: an option that there isn't.
    """
    form = _form(
        **_known(wire.SearchFields, options),
        detect=detect or None,
        like=like,
        query=given.several("query", query) or None,
        refine=refine or None,
        purpose=purpose,
        case=case,
    ) | _shots(box=box)
    return Call(_as(wire.SearchResponse), "POST", "/search", {"data": form, "files": files(images)})


def search_each(
    images: Sequence[Image],
    *,
    purpose: str | None = None,
    case: str | None = None,
    **options: Unpack[wire.SearchFields],
) -> Call[wire.Answers]:
    """Searches for every image alone, with the same options; see `search`. Hits are neither grouped nor re-ranked.

    Raises:
        TypeError: an option that there isn't.
    """
    form = _form(**_known(wire.SearchFields, options), purpose=purpose, case=case)
    read = _as(wire.BatchResponse)
    rest = {"data": form, "files": files(images)}
    return Call(lambda response: wire.Answers(read(response).answers), "POST", "/search/batch", rest)


def enrol(
    images: Image | Sequence[Image],
    *,
    camera: str,
    box: Box | Sequence[Box | None] | None = None,
    taken_at: datetime | Sequence[datetime | None] | None = None,
    identity: int | Sequence[int | None] | None = None,
    track: str | Sequence[str | None] | None = None,
) -> Call[Rows[wire.Enrolled]]:
    """Adds images of a camera to the gallery; one result an image, the same image is added once.

    Args:
        images: paths, bytes of files, open files, images of Pillow or arrays. With one image and several boxes, each box is a shot of its own.
        camera: that took them.
        box: where the person is: left, top, right, bottom. This and each label below is one for all, or a sequence with one for
            each shot, None where it isn't known.
        taken_at: when, with a zone.
        identity: whom it shows.
        track: the track it belongs to.
    """
    form = _form(camera=camera) | _shots(box=box, taken_at=taken_at, identity=identity, track=track)
    return _enrolled("/gallery/sightings", form, images)


def enrol_track(
    images: Image | Sequence[Image],
    *,
    camera: str,
    track: str,
    box: Box | Sequence[Box | None] | None = None,
    taken_at: datetime | Sequence[datetime | None] | None = None,
    identity: int | None = None,
) -> Call[Rows[wire.Enrolled]]:
    """Adds the shots of one track together, or none of them; one result a shot. Send it again after a stop.

    Args:
        images: paths, bytes of files, open files, images of Pillow or arrays. Each is a shot, or the only one is a frame with
            several boxes.
        camera: that took them.
        track: its name, which no other track of the gallery has.
        box, taken_at: as of `enrol`: one for all shots, or one for each.
        identity: whom the track shows.
    """
    form = _form(camera=camera, track=track, identity=identity) | _shots(box=box, taken_at=taken_at)
    return _enrolled("/gallery/tracks", form, images)


def enrol_frames(
    images: Image | Sequence[Image], *, camera: str, taken_at: datetime | Sequence[datetime]
) -> Call[list[wire.EnrolledFrame]]:
    """Lets the server find the people in whole pictures of a camera, and adds each as a sighting; one result a picture.

    The same pictures may be sent again: who is enrolled is present then.

    Args:
        images: paths, bytes of files, open files, images of Pillow or arrays.
        camera: that took them.
        taken_at: when, with a zone; one for all, or one for each. Retention goes by it.
    """
    form = _form(camera=camera) | _shots(box=None, taken_at=taken_at)
    read = _as(wire.FramesResponse)
    rest = {"data": form, "files": files(images)}
    return Call(lambda response: read(response).frames, "POST", "/gallery/frames", rest)


def _enrolled(path: str, form: dict[str, Any], images: Image | Sequence[Image]) -> Call[Rows[wire.Enrolled]]:
    read = _as(wire.EnrolResponse)
    rest = {"data": form, "files": files(images)}
    return Call(lambda response: Rows(wire.Enrolled, read(response).results), "POST", path, rest)


def start_job(archive: Path | str) -> Call[wire.Job]:
    """Sends a ZIP file with CAMERA/…/image.jpg; the server enrols it beside the searches. Send it again after a stop.

    A table `sightings.csv` at the top of the archive says which images are meant and what is known of each. Its columns are
    path and optionally camera, time, identity, track and box.
    """
    return Call(_as(wire.Job), "POST", "/gallery/jobs", archive=Path(archive))


def enrol_footage(
    film: Path | str,
    *,
    camera: str,
    called: str | None = None,
    purpose: str | None = None,
    case: str | None = None,
    **fields: Unpack[wire.FilmFields],
) -> Call[wire.Job]:
    """Sends a film; the server finds the people in it, and enrols them beside the searches. Send it again after a stop.

    Args:
        film: its file.
        camera: that recorded it.
        called: what to call it in place of its file's name; with its folders, if their names tell its time.
        purpose, case: why, for the audit log.
        fields: those of `wire.FilmFields`.

    Raises:
        TypeError: a field that there isn't.
        ValueError: an empty text.
    """
    given.expect_filled("called", called)
    form = _form(camera=camera, purpose=purpose, case=case) | _form(**_known(wire.FilmFields, fields))
    return Call(
        _as(wire.Job), "POST", "/gallery/footage", {"data": form}, archive=Path(film), part="film", called=called
    )


def job(job: str) -> Call[wire.Job]:
    """How far it is."""
    return Call(_as(wire.Job), "GET", f"/gallery/jobs/{_segment(job)}")


def cancel_job(job: str) -> Call[wire.Job]:
    """Ends it; what it enrolled stays."""
    return Call(_as(wire.Job), "DELETE", f"/gallery/jobs/{_segment(job)}")


def embed(image: Image, *, modality: wire.Modality) -> Call[wire.Embedding]:
    """The embedding alone."""
    return Call(_as(wire.Embedding), "POST", "/embed", {"data": {"modality": modality}, "files": files(image)})


def distances(
    images: Image | Sequence[Image],
    *,
    purpose: str | None = None,
    case: str | None = None,
    **options: Unpack[wire.QueryFields],
) -> Call[wire.Distances]:
    """How far every sighting in the query's scope is; what `rgbir evaluate --url` ranks.

    Args:
        images: paths, bytes of files, open files, images of Pillow or arrays.
        purpose, case: why, and for which case; for the server's audit log.
        options: those of `wire.QueryFields`.

    Raises:
        TypeError: an option that there isn't.
    """
    form = _form(**_known(wire.QueryFields, options), purpose=purpose, case=case)
    return Call(_as(wire.Distances), "POST", "/distances", {"data": form, "files": files(images)})


def explain(
    image: Image | None = None,
    *,
    sighting: str | None = None,
    modality: wire.Modality | None = None,
    box: Box | None = None,
) -> Call[wire.Reactions]:
    """Where the network reacted in an image, and not why; the model's bundle must tell (`rgbir export explain`).

    Args:
        image: a path, bytes of a file, an open file, an image of Pillow or an array; none with `sighting`.
        sighting: the id of one, for its crop.
        modality: of the image; a sighting's camera tells it, if that has one only.
        box: where the person is in the image: left, top, right, bottom.
    """
    form = _form(sighting=sighting, modality=modality) | _shots(box=box)
    sent = {} if image is None else {"files": files(image)}
    return Call(_as(wire.Reactions), "POST", "/explain", {"data": form, **sent})


def sighting(sighting: str) -> Call[wire.Sighting]:
    """What is known of it."""
    return Call(_as(wire.Sighting), "GET", f"/gallery/sightings/{_segment(sighting)}")


def browse(
    *,
    cameras: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    identity: int | None = None,
    track: str | None = None,
    order: Literal["newest", "oldest"] = "newest",
    limit: int = 100,
    cursor: str | None = None,
) -> Call[wire.SightingPage]:
    """Sightings by time, page by page; those without a time come last.

    Args:
        cameras: of these only.
        since, until: taken in that time, with zones.
        identity, track: of it only.
        limit: most of them, 1 to 500.
        cursor: `next` of the page before.
    """
    asked = _form(since=since, until=until, identity=identity, track=track, order=order, limit=limit, cursor=cursor)
    return Call(_as(wire.SightingPage), "GET", "/gallery/sightings", {"params": asked | _cameras(cameras)})


def neighbours(sighting: str, *, limit: int = 12) -> Call[wire.Neighbours]:
    """What its camera took before and after it, of its track where it has one.

    Args:
        limit: most of them on each side, 1 to 100.
    """
    path = f"/gallery/sightings/{_segment(sighting)}/neighbours"
    return Call(_as(wire.Neighbours), "GET", path, {"params": _form(limit=limit)})


def counts(
    *,
    by: Literal["hour", "day"] = "day",
    zone: str = "UTC",
    cameras: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Call[wire.SightingCounts]:
    """How many sightings each camera has by hour or day.

    Args:
        zone: whose clocks count, such as `Europe/Berlin`.
        cameras: of these only.
        since, until: taken in that time, with zones.
    """
    asked = _form(by=by, zone=zone, since=since, until=until)
    return Call(_as(wire.SightingCounts), "GET", "/gallery/counts", {"params": asked | _cameras(cameras)})


def _cameras(cameras: Sequence[str] | None) -> dict[str, list[str]]:
    """As query parameters: none is all, so an empty list doesn't travel.

    Raises:
        TypeError: one text.
        ValueError: an empty list.
    """
    if cameras is None:
        return {}
    if isinstance(cameras, str):
        raise TypeError(f"cameras is a sequence of names, such as [{cameras!r}], not a text")
    if not list(cameras):
        raise ValueError("cameras are one at least; leave them out for all")
    return _form(cameras=list(cameras))


def image(sighting: str) -> Call[bytes]:
    """The crop a sighting was enrolled with: JPEG or PNG."""
    return Call(lambda response: response.content, "GET", f"/gallery/sightings/{_segment(sighting)}/image")


def clip(sighting: str, *, before: float = 5, after: float = 5) -> Call[bytes]:
    """The seconds around a sighting, where the server has its recording: an MP4 without sound.

    Args:
        before, after: seconds, at most 60 each; it may begin earlier.
    """
    asked = {"params": {"before": before, "after": after}}
    return Call(lambda response: response.content, "GET", f"/gallery/sightings/{_segment(sighting)}/clip", asked)


def erase(
    sighting: str | Sequence[str] | None = None,
    *,
    camera: str | None = None,
    identity: int | None = None,
    track: str | None = None,
    before: datetime | None = None,
    dry_run: bool = False,
) -> Call[wire.Removed]:
    """Erases sightings that meet every condition; tells how many, and which archives and backups may hold them.

    Args:
        sighting: its id; there must be one. Or ids, 200 at most: those that no sighting has are told as `unknown`.
        dry_run: only tell what would be erased.

    Raises:
        TypeError: a sighting and conditions, which say two things.
        ValueError: an empty list of ids.
    """
    conditions = _form(camera=camera, identity=identity, track=track, before=before)
    trying: dict[str, Any] = _form(dry_run="true" if dry_run else None)
    if isinstance(sighting, str):
        if conditions:
            raise TypeError(f"a sighting is erased alone, without {listed(conditions)}; leave one of them out")
        path = f"/gallery/sightings/{_segment(sighting)}"
        return Call(_as(wire.Removed), "DELETE", path, {"params": trying} if dry_run else {})
    if sighting is not None and not sighting:
        raise ValueError("ids are one at least; leave them out for all sightings that meet the other conditions")
    ids = {} if sighting is None else {"sighting": list(sighting)}
    return Call(_as(wire.Removed), "DELETE", "/gallery/sightings", {"params": conditions | ids | trying})


def remove(
    sighting: str | Sequence[str] | None = None,
    *,
    camera: str | None = None,
    identity: int | None = None,
    track: str | None = None,
    before: datetime | None = None,
) -> Call[int]:
    """As `erase`; returns how many."""
    whole = erase(sighting, camera=camera, identity=identity, track=track, before=before)
    return Call(lambda response: whole.read(response).removed, whole.method, whole.path, whole.rest)


def gallery() -> Call[wire.GalleryInfo]:
    """What the gallery holds, by camera."""
    return Call(_as(wire.GalleryInfo), "GET", "/gallery")


def cameras() -> Call[wire.Network]:
    """The cameras and their places."""
    return Call(_as(wire.Network), "GET", "/cameras")


def plan() -> Call[bytes]:
    """The picture of the plan that positions are on: PNG or JPEG."""
    return Call(lambda response: response.content, "GET", "/plan")


def camera(camera: str) -> Call[wire.CameraInfo]:
    """One camera, with all its places."""
    return Call(_as(wire.CameraInfo), "GET", f"/cameras/{_segment(camera)}")


def put_camera(camera: str, *, dry_run: bool = False, **fields: Unpack[wire.CameraFields]) -> Call[wire.CameraChange]:
    """Adds a camera, or moves, renames or changes one; for administrators. Sent again, it changes nothing more.

    Args:
        camera: its id, or any name that it has.
        dry_run: only tell what would change.
        fields: those of `wire.CameraFields`; what isn't named stays as it is.

    Raises:
        TypeError: a field that there isn't.
    """
    form = _form(**_known(wire.CameraFields, fields))
    rest = {"data": form, "params": {"dry_run": dry_run}}
    return Call(_as(wire.CameraChange), "PUT", f"/cameras/{_segment(camera)}", rest)


def remove_camera(camera: str, *, dry_run: bool = False) -> Call[wire.CameraChange]:
    """Removes a camera that has no sightings; for administrators.

    Args:
        dry_run: only tell what would change.
    """
    rest = {"params": {"dry_run": dry_run}}
    return Call(_as(wire.CameraChange), "DELETE", f"/cameras/{_segment(camera)}", rest)


def keys() -> Call[list[wire.KeyInfo]]:
    """All keys, and who has them; for administrators."""
    read = _as(wire.KeyList)
    return Call(lambda response: read(response).keys, "GET", "/keys")


def add_key(
    name: str,
    *,
    role: Literal["search", "enrol", "export", "monitor", "admin"] = "search",
    cameras: Sequence[str] | None = None,
    days: int | None = None,
) -> Call[wire.NewKey]:
    """Makes a key and tells its token, this once. Where the answer was lost, end the key and make it again.

    Args:
        cameras: the only ones that it sees; all without.
        days: it ends after so many; never without.
    """
    form = _form(name=name, role=role, cameras=cameras, days=days)
    return Call(_as(wire.NewKey), "POST", "/keys", {"data": form})


def end_key(name: str) -> Call[None]:
    """Ends a key at once."""
    return Call(lambda _: None, "DELETE", f"/keys/{_segment(name)}")


def calibration() -> Call[wire.CalibrationInfo]:
    """Between which cameras distances are calibrated, and on how many pairs."""
    return Call(_as(wire.CalibrationInfo), "GET", "/gallery/calibration")


def queue() -> Call[wire.Queue]:
    """What waits for the model, and for how long."""
    return Call(_as(wire.Queue), "GET", "/queue")


def me() -> Call[wire.Caller]:
    """The key that asks: its name, role, rights and cameras, and when it ends."""
    return Call(_as(wire.Caller), "GET", "/me")


def model() -> Call[dict[str, Any]]:
    """The model's card."""
    return Call(lambda response: dict(response.json()), "GET", "/model")


def model_errors() -> Call[dict[str, Any]]:
    """How often the model errs, and on what, as `rgbir evaluate --report robustness` measured it.

    Raises:
        NotFound: nobody has measured it.
    """
    return Call(lambda response: dict(response.json()), "GET", "/model/errors")


def models() -> Call[Rows[wire.ServedModel]]:
    """The bundles the server may answer with, and where each stands."""
    read = _as(wire.ModelList)
    return Call(lambda response: Rows(wire.ServedModel, read(response).models), "GET", "/models")


def prepare_model(name: str) -> Call[wire.ServedModel]:
    """Fills a gallery for another model, beside the searches."""
    return Call(_as(wire.ServedModel), "POST", f"/models/{_segment(name)}/prepare")


def activate_model(name: str, *, allow_missing: bool = False) -> Call[wire.ServedModel]:
    """Answers with that model from the next request on; the one before stays ready."""
    return Call(
        _as(wire.ServedModel),
        "POST",
        f"/models/{_segment(name)}/activate",
        {"params": {"allow_missing": allow_missing}},
    )


def forget_model(name: str, *, dry_run: bool = False) -> Call[wire.ServedModel]:
    """Deletes the gallery of a model that doesn't answer; its bundle stays.

    Args:
        dry_run: only tell whether that may be done, and what the gallery holds.
    """
    rest = {"params": {"dry_run": dry_run}}
    return Call(_as(wire.ServedModel), "DELETE", f"/models/{_segment(name)}", rest)


def _segment(name: str) -> str:
    """
    Raises:
        ValueError: no text at all, which would make it another path.
    """
    if not name:
        raise ValueError("a name or an id is needed here, and an empty text came")
    return quote(name, safe="")


def reports() -> Call[list[wire.ReportFile]]:
    """Evaluations that were saved, the latest first."""
    read = _as(wire.ReportList)
    return Call(lambda response: read(response).reports, "GET", "/reports")


def report(name: str) -> Call[wire.SavedReport]:
    """What one of them measured."""
    return Call(_as(wire.SavedReport), "GET", f"/reports/{_segment(name)}")


def audit(
    *,
    after: int = 0,
    limit: int = 100,
    case: str | None = None,
    who: str | None = None,
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Call[Entries]:
    """Entries of the audit log that meet every condition, in order; for administrators.

    Args:
        after: entries with a greater number only.
        limit: most of them, 1 to 1000.
        case: of this case only.
        who: by the key of this name only.
        action: such as `search` or `erased`.
        since, until: noted in that time, with zones.
    """
    read = _as(wire.AuditPage)
    asked = _form(after=after, limit=limit, case=case, who=who, action=action, since=since, until=until)
    return Call(lambda response: Entries(read(response).entries), "GET", "/audit", {"params": asked})


def audit_chain() -> Call[wire.AuditChain]:
    """Whether the audit log is whole, and if not, from which entry on; for administrators. It reads the whole log."""
    return Call(_as(wire.AuditChain), "GET", "/audit/chain")


def _as(kind: type[M]) -> Callable[[httpx2.Response], M]:
    return lambda response: kind.model_validate_json(response.content)


def _known(form: type, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options, if the form has each: keywords of a `TypedDict` aren't checked when the program runs."""
    known = get_type_hints(form)
    if unknown := sorted(options.keys() - known.keys()):
        raise TypeError(f"no option {unknown[0]!r}; there are {listed(known)}{did_you_mean(unknown[0], known)}")
    return options


def _form(**fields: Any) -> dict[str, Any]:
    """
    Raises:
        ValueError: an empty text, which would count as not sent.
    """
    for name, value in fields.items():
        given.expect_filled(name, value)
    return {name: given.text(value) for name, value in fields.items() if value is not None}


def _shots(box: Any, **labels: Any) -> dict[str, Any]:
    """What is told of each shot.

    Raises:
        TypeError, ValueError: something that isn't what its name says.
    """
    sent = {"box": given.boxes(box), **{name: given.labels(name, values) for name, values in labels.items()}}
    return {name: value for name, value in sent.items() if value is not None}
