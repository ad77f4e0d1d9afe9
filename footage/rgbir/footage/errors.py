"""What can go wrong in this part.

FootageFailure
├── BadFootage        a file or a stream that holds no frames that can be read, or is none of ours to read (exit code 2)
│   └── Denied        the camera doesn't let this user in
└── NoDecoder         PyAV isn't installed: pip install 'rgbir[footage]' (exit code 2)
"""


class FootageFailure(Exception):
    """Any failure of `rgbir.footage`; its text says what was expected, what came, and what to do."""

    exit_code = 1


class BadFootage(FootageFailure):
    exit_code = 2


class Denied(BadFootage):
    pass


class NoDecoder(FootageFailure):
    exit_code = 2
