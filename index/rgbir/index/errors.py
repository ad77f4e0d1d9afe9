"""What can go wrong in this part, one branch for each thing a caller can do about it.

IndexFailure
├── UsageError              the call was wrong: correct it
│   ├── UnknownCamera
│   ├── InvalidQuery
│   └── RetentionWaits      erasing by age may be a wrong clock's doing: look, and confirm it
├── BadImage                this image can't be read: skip it and go on
├── BadDataset              the folder is not what its layout promises: mend the folder
├── BadBundle               the bundle is incomplete or altered: export it again
├── Unreadable              a file of others can't be read within its limits: ask for another one
├── ProcessLost             a process that worked for this one ended: begin again, with fewer
├── CantWrite               a file can't be written: make room, or choose another place
├── EvaluationError         no number can be given honestly
└── GalleryError
    ├── GalleryMissing      nothing there: make one, or correct the path
    ├── GalleryBusy         another process is writing: wait
    ├── GalleryFull         the disk is full: nothing was changed, make room
    ├── GalleryMismatch     vectors of another model: use that model's gallery
    ├── GalleryMoved        its files were replaced, moved or deleted while it was open: open it anew
    ├── GalleryCorrupt      stored data contradicts itself: restore a backup
    └── CacheDamaged        a cached copy is not what was written: it is made anew

`exit_code` is what the command line ends with when the error reaches it: 2 where what was given can't be used.
"""


class IndexFailure(Exception):
    """Any failure of `rgbir.index`; its text says what was expected, what came, and what to do."""

    exit_code = 1


class UsageError(IndexFailure):
    exit_code = 2


class UnknownCamera(UsageError):
    """A camera that the network doesn't have."""


class InvalidQuery(UsageError):
    """A query that no gallery could answer: wrong dimension, not finite, top_k below 1."""


class RetentionWaits(UsageError):
    """What retention would erase needs somebody's word."""


class BadImage(IndexFailure):
    """An image that can't be decoded, or must not be."""

    exit_code = 2


class BadDataset(IndexFailure):
    """A data set folder that breaks a promise of its layout."""

    exit_code = 2


class BadBundle(IndexFailure):
    """A model bundle that is incomplete, altered, or of a newer format."""

    exit_code = 2


class Unreadable(IndexFailure):
    """A file of others that is damaged, hostile, or takes more than its limits, as the process found that read it.

    Attributes:
        kind: the error's name in that process; empty where the process gave none.
        text: what the error said there.
        memory: bytes that the process could have.
    """

    exit_code = 2

    def __init__(self, reason: str, kind: str = "", text: str = "", memory: int = 0) -> None:
        super().__init__(reason)
        self.kind, self.text, self.memory = kind, text, memory


class ProcessLost(IndexFailure):
    """A process that worked for this one was killed, or couldn't begin."""


class CantWrite(IndexFailure):
    """A file that somebody asked for can't be written; nothing of it was kept."""


class EvaluationError(IndexFailure):
    """An evaluation whose result is undefined: no valid query, NaN, labels that don't fit."""


class GalleryError(IndexFailure):
    pass


class GalleryMissing(GalleryError):
    exit_code = 2


class GalleryBusy(GalleryError):
    pass


class GalleryMismatch(GalleryError):
    exit_code = 2


class GalleryFull(GalleryError):
    pass


class GalleryMoved(GalleryError):
    pass


class GalleryCorrupt(GalleryError):
    pass


class CacheDamaged(GalleryError):
    """Derived data that differ from what was written. The gallery mends it by itself; nobody else meets it."""
