"""The codes of problem documents. A program may rely on them: a code never changes its meaning, and is never given up silently."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """One kind of problem.

    Attributes:
        name: short and stable; the last part of `type`.
        status: of HTTP.
        meaning: what happened, as the document's title.
        advice: what whoever asked can do.
    """

    name: str
    status: int
    meaning: str
    advice: str

    @property
    def type(self) -> str:
        """The URI of the kind, as RFC 9457 wants one."""
        return f"urn:rgbir:problem:{self.name}"


_CODES = (
    Code("bad-form", 400, "The body can't be read as a form", "Send a whole form; let an HTTP library write it."),
    Code("no-key", 401, "No key, or nobody's", "Send `Authorization: Bearer KEY` with a key that is known and hasn't ended."),
    Code("not-allowed", 403, "The key hasn't this right, or another site's page asks", "Ask with a key of the role, and of the cameras, that `detail` names."),
    Code("not-found", 404, "No such sighting, image, camera, job, bundle or sample", "Look at the id. It may have been erased, or never have been there."),
    Code("no-such-path", 404, "The server has no such path", "Look at the method and the path; `/docs` has all of them."),
    Code("method-not-allowed", 405, "The path takes another method", "Use a method of the `Allow` header."),
    Code("too-slow", 408, "The request comes too slowly", "Send it again, or from a quicker line."),
    Code("not-now", 409, "Not in this state", "Do first what `detail` says; waiting alone changes nothing."),
    Code("no-retention", 409, "The gallery keeps for ever, and everybody who passes would be detected", "Whoever runs the server sets days with `rgbir index retain`, or says `--no-retention`."),
    Code("held", 409, "A legal hold keeps it", "Ask who may lift the hold; `detail` names them and the cases."),
    Code("gallery-busy", 409, "Another process is writing to the gallery", "Ask again after `Retry-After` seconds."),
    Code("too-large", 413, "The body is too large", "Send fewer or smaller images, or an archive to `/gallery/jobs`."),
    Code("url-too-long", 414, "The URL is too long", "Send long values as form fields."),
    Code("wrong-host", 421, "The name isn't this server's", "Ask by a name that the server knows, or start it with `--host-name`."),
    Code("invalid-fields", 422, "Fields are missing or have values that aren't taken", "Correct the fields that `errors` names."),
    Code("bad-request", 422, "The request can't be answered as it is", "Correct what `detail` says."),
    Code("invalid-query", 422, "The search's options don't fit each other", "Correct what `detail` says."),
    Code("unknown-camera", 422, "The network has no such camera", "Choose one of `GET /cameras`."),
    Code("bad-image", 422, "An image can't be decoded, or must not be", "Leave out or replace the image that `detail` names."),
    Code("nobody-found", 422, "The detector finds nobody in a picture", "Say where the person is with `box`, or send another picture."),
    Code("bad-archive", 422, "The archive can't be enrolled", "Send a ZIP file with CAMERA/…/image.jpg."),
    Code("other-model", 422, "The gallery is another model's", "Use the gallery of this model."),
    Code("too-busy", 429, "Too much at once", "Ask again after `Retry-After` seconds."),
    Code("headers-too-long", 431, "The headers are too long", "Send fewer headers."),
    Code("client-gone", 499, "The client left before the answer", "Nothing; only the log sees it."),
    Code("internal", 500, "The server failed on this request", "Give its request id to whoever runs the server: the log has the reason."),
    Code("index-failed", 500, "The index failed on this request", "Give `detail` and the request id to whoever runs the server."),
    Code("no-footage", 501, "The server decodes no films", "Whoever runs the server installs `rgbir[footage]`."),
    Code("no-detector", 501, "The server has no detector", "Say where the person is with `box`; whoever runs the server gives it a detector."),
    Code("took-too-long", 503, "There was no answer within the deadline", "Ask for less, or again after `Retry-After` seconds."),
    Code("cant-write", 503, "The disk is full, or closed to the server; nothing was taken", "Whoever runs the server makes room. Then send it again."),
    Code("audit-failed", 503, "What must be audited can't be, so nothing is done", "Whoever runs the server mends the audit log."),
    Code("cases-unusable", 503, "The cases can't be read or written now", "Whoever runs the server looks at `detail`, or makes room."),
    Code("keys-unreadable", 503, "The keys can't be read, so nobody is let in", "Whoever runs the server mends the file of keys."),
    Code("too-many-connections", 503, "Too many connections are open", "Close some, or ask again in a moment."),
    Code("gallery-unusable", 503, "The gallery can't be used now", "Whoever runs the server looks at `detail`."),
    Code("gallery-missing", 503, "There is no gallery", "Whoever runs the server corrects the path, or makes one."),
    Code("gallery-full", 503, "The gallery's disk is full; nothing was changed", "Whoever runs the server makes room."),
    Code("gallery-moved", 503, "The gallery's files were replaced, moved or deleted", "Whoever runs the server starts it again."),
    Code("gallery-damaged", 503, "What the gallery stores contradicts itself", "Whoever runs the server restores a backup."),
    Code("temporary-folder-full", 507, "The server's temporary folder is full", "Whoever runs the server makes room there."),
)  # fmt: skip

CODES = {code.name: code for code in _CODES}
