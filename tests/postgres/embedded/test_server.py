"""What a server is doing, read from its lock, its pid file and its processes."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from muniment.postgres.embedded.addresses import Address
from muniment.postgres.embedded.files import DataFolder
from muniment.postgres.embedded.locks import try_lock, unlock
from muniment.postgres.embedded.server import Server, ServerState


@pytest.fixture
def server(root: Path) -> Server:
    (root / "pg" / "cluster").mkdir(parents=True)
    return Server(DataFolder(root / "pg"))


@pytest.fixture
def lock(server: Server) -> Iterator[int]:
    """The lock that says that a process of the server lives."""
    descriptor = try_lock(server.folder.server_lock)
    assert descriptor is not None
    yield descriptor
    unlock(descriptor)


@pytest.fixture
def postgres(server: Server, root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A harmless process that looks like the server: by its name and where it works."""
    shutil.copy("/bin/sleep", root / "postgres")
    with subprocess.Popen([root / "postgres", "60"], cwd=server.folder.cluster) as process:
        while psutil.Process(process.pid).name() != "postgres":
            time.sleep(0.001)
        yield process
        process.kill()


def write_pid_file(server: Server, pid: object, status: str = "ready") -> None:
    lines = [str(pid), "/data", "1764000000", "5432", ".", "", "  1234  5678", f"{status}   "]
    (server.folder.cluster / "postmaster.pid").write_text("\n".join(lines) + "\n")


class TestObserve:
    def test_without_the_lock_nothing_is_believed(
        self, server: Server, postgres: subprocess.Popen[bytes]
    ) -> None:
        write_pid_file(server, postgres.pid)
        assert server.observe() is ServerState.ABSENT

    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("ready", ServerState.READY),
            ("starting", ServerState.STARTING),
            ("standby", ServerState.STARTING),
            ("", ServerState.STARTING),
            ("stopping", ServerState.STOPPING),
        ],
    )
    def test_the_server_says_how_far_it_is(
        self,
        server: Server,
        lock: int,
        postgres: subprocess.Popen[bytes],
        status: str,
        state: ServerState,
    ) -> None:
        write_pid_file(server, postgres.pid, status)
        assert server.observe() is state

    @pytest.mark.parametrize("content", [None, "", "\n", "12", "abc\n", "-5\n/data\n"])
    def test_a_file_that_is_not_written_yet_is_a_start(
        self, server: Server, lock: int, postgres: subprocess.Popen[bytes], content: str | None
    ) -> None:
        if content is not None:
            text = content.replace("12", str(postgres.pid))
            (server.folder.cluster / "postmaster.pid").write_text(text)
        assert server.observe() is ServerState.STARTING

    def test_a_number_of_another_program_is_no_server(self, server: Server, lock: int) -> None:
        write_pid_file(server, os.getpid())
        assert server.observe() is ServerState.ORPHANED

    def test_a_number_of_nobody_is_no_server(
        self, server: Server, lock: int, postgres: subprocess.Popen[bytes]
    ) -> None:
        write_pid_file(server, postgres.pid)
        postgres.kill()
        postgres.wait()
        assert server.observe() is ServerState.ORPHANED

    def test_a_dead_one_whose_parent_has_not_looked_is_no_server(
        self, server: Server, lock: int, postgres: subprocess.Popen[bytes]
    ) -> None:
        write_pid_file(server, postgres.pid)
        postgres.kill()
        os.waitid(os.P_PID, postgres.pid, os.WEXITED | os.WNOWAIT)
        assert psutil.Process(postgres.pid).status() == psutil.STATUS_ZOMBIE
        assert server.observe() is ServerState.ORPHANED

    def test_the_server_of_another_directory_is_not_ours(
        self, server: Server, lock: int, postgres: subprocess.Popen[bytes], root: Path
    ) -> None:
        (root / "other").mkdir()
        with subprocess.Popen([root / "postgres", "60"], cwd=root / "other") as stranger:
            write_pid_file(server, stranger.pid)
            seen = server.observe()
            stranger.kill()
        assert seen is ServerState.ORPHANED


class TestSignals:
    def test_reach_the_main_process(
        self, server: Server, postgres: subprocess.Popen[bytes]
    ) -> None:
        write_pid_file(server, postgres.pid)
        server.tell(signal.SIGTERM)
        assert postgres.wait(10) == -signal.SIGTERM

    def test_do_not_reach_who_only_has_its_number(self, server: Server) -> None:
        with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
            write_pid_file(server, stranger.pid)
            server.tell(signal.SIGKILL)
            server.tell_orphans(signal.SIGKILL)
            assert stranger.poll() is None
            stranger.kill()

    def test_without_a_file_reach_nobody(self, server: Server) -> None:
        server.tell(signal.SIGKILL)

    def test_reach_orphans_by_where_they_work(
        self, server: Server, postgres: subprocess.Popen[bytes], root: Path
    ) -> None:
        (root / "other").mkdir()
        with subprocess.Popen([root / "postgres", "60"], cwd=root / "other") as stranger:
            server.tell_orphans(signal.SIGQUIT)
            assert postgres.wait(10) == -signal.SIGQUIT
            assert stranger.poll() is None
            stranger.kill()


class TestAddress:
    def test_is_what_a_running_server_wrote_down(self, server: Server) -> None:
        lines = ["1", "/data", "1", "54321", "", "127.0.0.1", "1 2", "ready"]
        (server.folder.cluster / "postmaster.pid").write_text("\n".join(lines))
        assert server.address() == Address("127.0.0.1", 54_321)

    def test_is_its_socket_else(self, server: Server) -> None:
        assert server.address() == Address(str(server.folder.cluster), 5432)
        write_pid_file(server, 1)
        assert server.address() == Address(str(server.folder.cluster), 5432)
