"""Where everything lies below the data directory, and how it is written there.

Nothing below it may be read by another user: it holds the documents and the passwords.
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from muniment.postgres.embedded.accounts import ServerAccount
from muniment.postgres.embedded.errors import StorageError, storage_errors

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
LOG_NAME = "server.log"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The directory of one embedded PostgreSQL and the names of what is in it."""

    root: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own directory (PGDATA)."""
        return self.root / "cluster"

    @property
    def passwords(self) -> Path:
        """The passwords of the roles, made once."""
        return self.root / "passwords.json"

    @property
    def lifecycle_lock(self) -> Path:
        """Held while somebody starts, stops, attaches or detaches."""
        return self.root / "lifecycle.lock"

    @property
    def users_lock(self) -> Path:
        """Held, shared, by each attached process for as long as it lives."""
        return self.root / "users.lock"

    @property
    def server_lock(self) -> Path:
        """Held by PostgreSQL's own processes for as long as one of them lives."""
        return self.root / "server.lock"

    @property
    def link_record(self) -> Path:
        """Where the short name of the socket directory is written down, if one is needed."""
        return self.root / "socket-link"

    @property
    def log(self) -> Path:
        """What the server says, since its last start."""
        return self.cluster / LOG_NAME

    def ensure(self) -> None:
        """Make the directory, for this user alone; refuse one that is another user's."""
        with storage_errors(self.root):
            self.root.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            status = self.root.stat()
            if status.st_uid != os.geteuid():
                raise StorageError(
                    f"The database directory {self.root} belongs to another user.",
                    hint="Run as that user, or choose another data directory.",
                )
            self.root.chmod(PRIVATE_FOLDER)


def write_private(path: Path, text: str, account: ServerAccount | None = None) -> None:
    """Replace a file, whole or not at all, readable by its owner alone.

    The temporary name is unguessable and opened exclusively: when root writes into the
    directory of the server's account, a link planted there is never followed.
    """
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            if account is not None:
                os.fchown(target.fileno(), account.uid, account.gid)
            target.write(text)
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(path)
    except BaseException:  # boundary: passed on; no half-written secret stays
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a directory survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def give_tree(folder: Path, account: ServerAccount) -> None:
    """Hand a directory and everything in it to the account of the server."""
    os.chown(folder, account.uid, account.gid)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent, name), account.uid, account.gid, follow_symlinks=False)
