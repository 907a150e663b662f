"""Takes from the calling process what reading a document does not need. Used by the child only.

Limits of the operating system hold even when a native library misbehaves, which Python code
cannot promise. What a system lacks is left out: macOS has neither prctl nor a limit on address
space, and there the time limit of the parent and the end of standard input remain.
"""

import contextlib
import ctypes
import math
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_POLITENESS = 5
_MAX_FILES = 128


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the process that started it dies."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(0)


def confine(memory_limit: int) -> None:
    """Limit address space, forbid files, core dumps and new privileges, and be polite."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _MAX_FILES)
    _limit(resource.RLIMIT_AS, memory_limit)
    os.nice(_POLITENESS)


def allow_cpu_time(seconds: int) -> None:
    """Let this process use so many seconds of CPU from now on; more kills it with SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(used.ru_utime + used.ru_stime) + seconds
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    # The hard limit stays: where the system sets one, only root could raise it again.
    resource.setrlimit(resource.RLIMIT_CPU, (most, hard))


def resident_bytes() -> int:
    """Measure the memory that this process holds now."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * resource.getpagesize()


def _limit(kind: int, most: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # a lower hard limit is there already
        resource.setrlimit(kind, (most, most))


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
