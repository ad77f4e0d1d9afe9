"""A decoder that crashes as one of FFmpeg's would."""

import os
import signal

os.kill(os.getpid(), signal.SIGSEGV)
