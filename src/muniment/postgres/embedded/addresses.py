"""How to reach the server: a socket in its own private directory, else loopback.

The name of a Unix socket holds about a hundred bytes, so a deep data directory is reached
through a symbolic link in a private temporary directory.
"""

import os
import shutil
import socket
import stat
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from muniment.postgres.embedded.configuration import PORT
from muniment.postgres.embedded.files import PRIVATE_FOLDER, DataFolder, write_private

LOOPBACK = "127.0.0.1"
_SOCKET_NAME = f".s.PGSQL.{PORT}"
_LONGEST_SOCKET_PATH = 107 if sys.platform == "linux" else 103
_LINK = "pg"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server answers: a directory with its socket, or a loopback port."""

    host: str
    port: int

    def url(self, role: str, password: SecretStr, database: str) -> SecretStr:
        """Write the address as a URL for one role and database."""
        login = f"{quote(role, safe='')}:{quote(password.get_secret_value(), safe='')}"
        if not self.host.startswith("/"):
            return SecretStr(f"postgresql://{login}@{self.host}:{self.port}/{database}")
        query = urlencode({"host": self.host, "port": self.port}, safe="/")
        return SecretStr(f"postgresql://{login}@/{database}?{query}")


def socket_address(folder: DataFolder) -> Address:
    """Name the socket's directory, by a short link where its own name is too long."""
    direct = folder.cluster
    if len(os.fsencode(direct / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
        return Address(str(direct), PORT)
    return Address(str(_recorded_link(folder) or _make_link(folder)), PORT)


def sockets_work(folder: DataFolder) -> bool:
    """Try whether the file system of the data directory can hold a socket."""
    probe = Path(socket_address(folder).host) / _SOCKET_NAME
    try:
        with closing(socket.socket(socket.AF_UNIX)) as trial:
            trial.bind(str(probe))
        probe.unlink()
    except OSError:
        return False
    return True


def free_port(wanted: int = 0) -> int:
    """Find a loopback port that nobody listens on: the wanted one, if that is free."""
    with closing(socket.socket(socket.AF_INET)) as trial:
        # As the server does: what is left of connections to its predecessor keeps no port taken.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((LOOPBACK, wanted))
        except OSError:
            trial.bind((LOOPBACK, 0))
        port: int = trial.getsockname()[1]
        return port


def remove_link(folder: DataFolder) -> None:
    """Remove the temporary directory with the link, if one was made and is still ours."""
    link = _recorded_link(folder)
    if link is not None:
        shutil.rmtree(link.parent, ignore_errors=True)
    folder.link_record.unlink(missing_ok=True)


def _recorded_link(folder: DataFolder) -> Path | None:
    try:
        link = Path(folder.link_record.read_text(encoding="utf-8"))
        status = link.parent.lstat()
        target = link.readlink()
    except OSError:
        return None
    private = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == PRIVATE_FOLDER
    is_ours = private and status.st_uid == os.geteuid() and target == folder.cluster
    return link if is_ours else None


def _make_link(folder: DataFolder) -> Path:
    link = Path(tempfile.mkdtemp(prefix="muniment-")) / _LINK
    link.symlink_to(folder.cluster)
    write_private(folder.link_record, str(link))
    return link
