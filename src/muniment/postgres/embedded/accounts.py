"""Whom PostgreSQL runs as when Muniment runs as root.

PostgreSQL refuses to run as root. Instead of making an operating-system user, the server
runs under a number that no account has: nobody but root and the server itself can then read
the database, which would not be true of `nobody`, a name that other services share. Only
initdb insists on a name for its number, so it borrows an existing account for its second of
work, before there is anything to protect, and the result changes hands.

The server's account need not be able to walk to its own directory (below /root, say): it is
started inside it and told that its directory is `/proc/self/cwd`. So no directory of
anybody's has to be opened to others.
"""

import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path

from muniment.postgres.embedded.errors import ANOTHER_DATABASE, AccountError

_UNUSED_NUMBERS = range(60578, 61184)
"""Left unused by the allocation table of systemd (UIDS-GIDS.md), and inside 16 bits, so that
it exists in a container whose user namespace holds the usual 65,536."""


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """A user and group number to run a program under."""

    uid: int
    gid: int


def is_root() -> bool:
    """Tell whether this process is root, under whom PostgreSQL refuses to run."""
    return os.geteuid() == 0


def account_of(cluster: Path) -> ServerAccount | None:
    """Find the account of an existing cluster, or pick one for a new; none unless root."""
    if not is_root():
        return None
    if sys.platform != "linux":
        raise AccountError(
            "As root the embedded PostgreSQL runs on Linux only.",
            hint=f"Run as an ordinary user. {ANOTHER_DATABASE}",
        )
    if not cluster.exists():
        return _unused_account()
    status = cluster.stat()
    if status.st_uid == 0:
        raise AccountError(
            f"The database in {cluster} belongs to root, under whom PostgreSQL refuses to run.",
            hint="Give it back to the account it had, or restore it from a backup.",
        )
    return ServerAccount(status.st_uid, status.st_gid)


def borrowed_account() -> ServerAccount:
    """Find an existing unprivileged account for initdb, which insists on a named one."""
    entries = [entry for entry in pwd.getpwall() if entry.pw_uid > 0]
    entries.sort(key=lambda entry: entry.pw_name != "nobody")
    if not entries:
        raise AccountError(
            "PostgreSQL refuses to run as root, and /etc/passwd has no other account.",
            hint=f"Add an account such as nobody, or run as one. {ANOTHER_DATABASE}",
        )
    return ServerAccount(entries[0].pw_uid, entries[0].pw_gid)


def _unused_account() -> ServerAccount:
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    number = next((number for number in _UNUSED_NUMBERS if number not in taken), None)
    if number is None:
        raise AccountError(
            f"All user numbers from {_UNUSED_NUMBERS.start} to {_UNUSED_NUMBERS.stop - 1} "
            "are taken, and PostgreSQL needs one.",
            hint=f"Run as an ordinary user. {ANOTHER_DATABASE}",
        )
    return ServerAccount(number, number)
