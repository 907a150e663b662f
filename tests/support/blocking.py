"""Finds calls of ours that stop the event loop: files, sockets, locks and sleeps."""

from collections.abc import Iterator
from contextlib import contextmanager

from blockbuster import BlockBuster

MAY_BLOCK = {
    # At the start of a process, before anything is served.
    "muniment/app/docs_page/router.py": {"load"},
    "muniment/kit/plugins.py": {"_find", "list_plugins"},
    "muniment/postgres/migrator.py": {"head", "state_of"},
    # Called by its own tests; the product calls it in a thread.
    "muniment/identity/local_issuer.py": {"load_or_create"},
    # A store of tests.
    "tests/support/fake_originals.py": {"local_file"},
    # The measurement (`make cover`), when two threads come upon a new file at once.
    "coverage/collector.py": {"lock_data"},
}
"""The functions, by file, below which a call may block."""


GUARDED = {"identity", "library", "profiles", "ingestion", "retrieval", "answers"}
"""The folders of tests whose code runs while requests wait."""


@contextmanager
def blocking_refused() -> Iterator[None]:
    """Let a blocking call in an event loop raise, if code of the product is what makes it."""
    guard = BlockBuster(scanned_modules=["muniment"])
    for function in guard.functions.values():
        for file, names in MAY_BLOCK.items():
            function.can_block_in(file, names)
    guard.activate()
    try:
        yield
    finally:
        guard.deactivate()
