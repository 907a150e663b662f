"""A Keycloak to run: fetched once by Maven, checked by its hash, unpacked and built.

Everything lies in a cache of the user's, so that the next run starts in seconds.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

VERSION: Final = "26.7.3"
"""The newest that the package registries serve."""
_SHA256: Final = "77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47"
_BUILD: Final = ("build", "--db=dev-mem", "--health-enabled=true")
"""Done once, so that starting takes nine seconds instead of thirty."""
_PAUSES_S: Final = (5.0, 15.0)
PROGRAMS: Final = ("java", "mvn")


class DistributionError(Exception):
    """Keycloak cannot be had here; the message says why."""


def missing_programs() -> tuple[str, ...]:
    """Name what has to be installed before a Keycloak can be had."""
    return tuple(name for name in PROGRAMS if shutil.which(name) is None)


def keycloak_home() -> Path:
    """Give the folder of a built Keycloak; make it on the first call. Takes a minute then.

    Raises DistributionError.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "muniment"
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / f"keycloak-{VERSION}"
    with _sole_maker(folder):
        if not home.exists():
            _make(folder, home)
    return home


@contextmanager
def _sole_maker(folder: Path) -> Iterator[None]:
    """Let other test runs of this user wait, which would make the same."""
    with (folder / "keycloak.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(folder: Path, home: Path) -> None:
    archive = folder / f"keycloak-quarkus-dist-{VERSION}.tar.gz"
    if not archive.exists():
        _fetch(folder)
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _SHA256:
        archive.unlink()
        raise DistributionError(f"what was fetched is not Keycloak {VERSION}: SHA-256 {found}")
    scratch = folder / f"keycloak.{os.getpid()}.unpacking"
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(scratch, filter="data")
        made = scratch / home.name
        _run(str(made / "bin" / "kc.sh"), *_BUILD)
        made.rename(home)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _fetch(folder: Path) -> None:
    """Have Maven fetch it; a registry that is busy for a moment is asked again."""
    for pause_s in (*_PAUSES_S, None):
        try:
            _run(
                *("mvn", "-q", "-B", "dependency:copy", "-Dmdep.useBaseVersion=true"),
                f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:tar.gz",
                f"-DoutputDirectory={folder}",
            )
        except DistributionError:
            if pause_s is None:
                raise
            time.sleep(pause_s)
        else:
            return


def _run(*words: str) -> None:
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DistributionError(f"{' '.join(words)}: {(done.stdout + done.stderr)[-2000:]}")
