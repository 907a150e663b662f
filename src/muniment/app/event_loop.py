"""The event loop that commands run on, and how a process is told to stop."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator

if sys.platform != "win32":
    import uvloop


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make a loop: the fast one where there is one."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


@contextlib.contextmanager
def on_signals(numbers: tuple[signal.Signals, ...], react: Callable[[], None]) -> Iterator[None]:
    """React to signals in the loop, instead of anywhere in the middle of work.

    SIGHUP stays ignored where the process was started to outlive its terminal (nohup).
    """
    loop = asyncio.get_running_loop()
    heard = [number for number in numbers if not _is_to_be_ignored(number)]
    for number in heard:
        loop.add_signal_handler(number, react)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def stop_on_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set the event at Ctrl-C, SIGTERM and the end of the terminal.

    The second signal breaks off whatever keeps the work from stopping, cleaning up on the way.
    """
    task = asyncio.current_task()

    def react() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        stop.set()

    with on_signals((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), react):
        yield


def _is_to_be_ignored(number: signal.Signals) -> bool:
    return number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
