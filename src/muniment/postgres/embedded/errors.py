"""What can go wrong with the embedded PostgreSQL, each in one sentence and a hint."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from muniment.kit.errors import ConfigurationError

ANOTHER_DATABASE = "Or set MUNIMENT_DATABASE__URL to a PostgreSQL of your own."


class EmbeddedPostgresError(ConfigurationError):
    """The embedded PostgreSQL cannot be used as things stand."""

    code = "embedded_postgres"
    title = "The embedded PostgreSQL cannot be used"


class BinariesMissingError(EmbeddedPostgresError):
    """The PostgreSQL programs are not installed for this machine."""

    code = "embedded_postgres_binaries"
    title = "The PostgreSQL programs are missing"


class StorageError(EmbeddedPostgresError):
    """The data directory is full, read-only or somebody else's."""

    code = "embedded_postgres_storage"
    title = "The data directory cannot be used"


class AccountError(EmbeddedPostgresError):
    """There is no unprivileged account to run PostgreSQL under."""

    code = "embedded_postgres_account"
    title = "PostgreSQL must not run as root"


class ServerFailedError(EmbeddedPostgresError):
    """A PostgreSQL program ended with an error."""

    code = "embedded_postgres_server"
    title = "PostgreSQL did not start"


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST})
_FULL_MESSAGES = ("No space left on device", "Disk quota exceeded", "Check free disk space")


def _disk_full(folder: Path) -> StorageError:
    return StorageError(
        f"There is no space left on the disk of {folder}.",
        hint="Free some space (a new database needs about 60 MB) and start again.",
    )


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses below `folder` into a sentence about it."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _disk_full(folder) from error
        if error.errno in _CLOSED:
            raise StorageError(
                f"The database directory {folder} cannot be written: {error.strerror}.",
                hint=f"Choose a data directory that you may write to. {ANOTHER_DATABASE}",
            ) from error
        raise


def program_failed(program: str, output: str, folder: Path) -> EmbeddedPostgresError:
    """Make the error for a PostgreSQL program that failed, from its last words."""
    if any(message in output for message in _FULL_MESSAGES):
        return _disk_full(folder)
    last = " | ".join(line.strip() for line in output.splitlines()[-5:] if line.strip())
    return ServerFailedError(
        f"{program} of the embedded PostgreSQL failed: {last or 'it gave no reason'}.",
        hint=f"The whole log is in {folder / 'cluster' / 'server.log'}. {ANOTHER_DATABASE}",
    )
