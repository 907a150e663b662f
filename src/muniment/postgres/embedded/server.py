"""What the server of a data directory is doing, and how to tell it to stop."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import psutil

from muniment.postgres.embedded.addresses import Address, socket_address
from muniment.postgres.embedded.files import DataFolder
from muniment.postgres.embedded.locks import is_locked

_PID_LINE, _PORT_LINE, _LISTEN_LINE, _STATUS_LINE = 0, 3, 5, 7
_PROGRAM = "postgres"


class ServerState(Enum):
    """The life of a server, seen from outside."""

    ABSENT = auto()
    """No process of it is left."""
    STARTING = auto()
    """It starts, or recovers, or a cluster is being made."""
    READY = auto()
    """It takes connections."""
    STOPPING = auto()
    """It was told to stop and is writing everything down."""
    ORPHANED = auto()
    """Its main process was killed, and some of the others are still there."""


@dataclass(frozen=True, slots=True)
class _PidFile:
    """What PostgreSQL writes into `postmaster.pid` (miscadmin.h), as far as it has got."""

    pid: int
    port: int
    listens_on: str
    status: str


@dataclass(frozen=True, slots=True)
class Server:
    """The server of one data directory, running or not. Every method reads files: use a thread."""

    folder: DataFolder

    def observe(self) -> ServerState:
        """Tell what the server is doing now."""
        if not is_locked(self.folder.server_lock):
            return ServerState.ABSENT
        file = self._pid_file()
        if file is None:
            return ServerState.STARTING
        if not _is_server_process(file.pid, self.folder.cluster):
            return ServerState.ORPHANED
        if file.status == "ready":
            return ServerState.READY
        return ServerState.STOPPING if file.status == "stopping" else ServerState.STARTING

    def is_alive(self) -> bool:
        """Tell whether the main process lives; takes no lock, so that anybody may ask at any time.

        `observe` is for who holds the lifecycle lock: it would get in the way of a start.
        """
        file = self._pid_file()
        return file is not None and _is_server_process(file.pid, self.folder.cluster)

    def address(self) -> Address:
        """Tell where a running server answers."""
        file = self._pid_file()
        if file is not None and file.listens_on:
            return Address(file.listens_on, file.port)
        return socket_address(self.folder)

    def tell(self, kind: signal.Signals) -> None:
        """Send a signal to the main process, if it is there."""
        file = self._pid_file()
        if file is not None and _is_server_process(file.pid, self.folder.cluster):
            _send(file.pid, kind)

    def tell_orphans(self, kind: signal.Signals) -> None:
        """Send a signal to every process that works in the directory of the cluster."""
        for pid in _processes_in(self.folder.cluster):
            _send(pid, kind)

    def _pid_file(self) -> _PidFile | None:
        try:
            lines = (self.folder.cluster / "postmaster.pid").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return None
        lines = [line.strip() for line in lines] + [""] * (_STATUS_LINE + 1)
        if not lines[_PID_LINE].isdecimal():
            return None
        port = int(lines[_PORT_LINE]) if lines[_PORT_LINE].isdecimal() else 0
        return _PidFile(int(lines[_PID_LINE]), port, lines[_LISTEN_LINE], lines[_STATUS_LINE])


def _is_server_process(pid: int, cluster: Path) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}:
            return False
        if process.name() != _PROGRAM or process.uids().effective != cluster.stat().st_uid:
            return False
    except psutil.NoSuchProcess:
        return False
    # Root without the PTRACE right (a plain container) may not see the directory of another
    # account's process; name, owner and the lock that is held have to do then.
    return _works_in(process, cluster) is not False


def _works_in(process: psutil.Process, cluster: Path) -> bool | None:
    try:
        return Path(process.cwd()) == cluster.resolve()
    except psutil.AccessDenied:
        return None
    except psutil.NoSuchProcess:
        return False


def _processes_in(cluster: Path) -> Iterator[int]:
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == _PROGRAM and _works_in(process, cluster):
            yield process.pid


def _send(pid: int, kind: signal.Signals) -> None:
    try:
        os.kill(pid, kind)
    except ProcessLookupError:
        return
