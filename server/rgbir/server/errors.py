"""What can go wrong in this part.

ServerFailure
├── TooLarge        body over its limit (413)
├── TooSlow         a body that doesn't come (408)
├── TooBusy         too many requests in flight: come back later (429)
├── NotThere        no such sighting, image, job, bundle or sample (404)
├── NotNow          not in this state: wait, or do the other thing first (409)
│   └── KeptForEver what is detected needs an end, and the gallery has none: set one (409)
├── NoDetector      this server finds nobody in whole pictures: it has no detector (501)
├── NoFootage       no film can be decoded here: the part for it isn't installed (501)
├── NobodyFound     a picture that the detector finds nobody in: say where the person is (422)
├── BadArchive      a bulk upload that is no archive (422)
├── WrongHost       a name that isn't this server's (421)
├── NoKey           no bearer token, or nobody's (401)
├── NotAllowed      a key without that right, or without that camera (403)
├── TookTooLong     no answer within the deadline (503)
├── ClientGone      nobody waits for the answer any more (499, which only the log sees)
├── CantWrite       the disk is full, or closed to the server: nothing was taken (503)
├── AuditFailed     what must be audited can't be: nothing is done (503)
│   └── NoLog       no audit log, heads or entry there: correct what was given (exit code 2)
├── CasesUnusable   the cases can't be read or written now (503)
├── Held            a legal hold keeps what was to be erased (409)
├── KeysUnreadable  the file of keys can't be read: nobody is let in (503)
├── NotStarted      the server ended before it answered; the log says why
└── BadSettings     the server can't start like this (exit code 2)
"""

from __future__ import annotations


class ServerFailure(Exception):
    exit_code = 1


class TooLarge(ServerFailure):
    pass


class TooSlow(ServerFailure):
    pass


class TooBusy(ServerFailure):
    pass


class NotThere(ServerFailure):
    pass


class NotNow(ServerFailure):
    pass


class KeptForEver(NotNow):
    pass


class NoDetector(ServerFailure):
    pass


class NoFootage(ServerFailure):
    pass


class NobodyFound(ServerFailure):
    pass


class BadArchive(ServerFailure):
    pass


class WrongHost(ServerFailure):
    pass


class NoKey(ServerFailure):
    pass


class NotAllowed(ServerFailure):
    pass


class TookTooLong(ServerFailure):
    pass


class ClientGone(ServerFailure):
    pass


class CantWrite(ServerFailure):
    pass


class AuditFailed(ServerFailure):
    pass


class NoLog(AuditFailed):
    exit_code = 2


class KeysUnreadable(ServerFailure):
    pass


class CasesUnusable(ServerFailure):
    """
    Attributes:
        full: for want of room.
    """

    def __init__(self, what: str, *, full: bool = False) -> None:
        super().__init__(what)
        self.full = full


class Held(ServerFailure):
    pass


class NotStarted(ServerFailure):
    pass


class BadSettings(ServerFailure):
    exit_code = 2
