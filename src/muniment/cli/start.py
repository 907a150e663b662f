"""Where the program begins: nothing is imported here that takes time."""

import os
import signal
from types import FrameType


def run() -> None:
    """Run the command line; Ctrl-C while it is still being loaded ends it without a word.

    An exception in the middle of an import would be told as a traceback, or swallowed by a library
    that tries something else then. Nothing has been begun, so there is nothing to put away.
    """
    is_listening = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_listening:
        signal.signal(signal.SIGINT, _leave)
    # Read once, when numpy is loaded. Its products are small here: with threads of its own they
    # cost five times the processor's time, which those spend waiting for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # noqa: TID251 - not a setting of ours
    from muniment.cli.main import load  # noqa: PLC0415 - takes time, see above

    app = load()
    if is_listening:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    app()


def _leave(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)
