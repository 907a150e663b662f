"""The life of the embedded server, with real processes and real signals."""

import asyncio
import os
import signal
import stat
import tempfile
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from muniment.postgres.embedded.errors import (
    EmbeddedPostgresError,
    ServerFailedError,
    StorageError,
)
from muniment.postgres.embedded.supervisor import EmbeddedPostgres, EmbeddedUrls
from tests.postgres.embedded.processes import (
    attach_elsewhere,
    is_up,
    leave,
    postmaster,
    session_of,
)


async def value_of(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


class TestFirstStartAndRestart:
    async def test_what_was_written_is_there_after_a_restart(self, root: Path) -> None:
        embedded = EmbeddedPostgres(root / "pg")
        async with embedded as urls:
            await value_of(urls.owner.get_secret_value(), "CREATE TABLE kept AS SELECT 7 AS n")
        assert not is_up(root / "pg")
        async with embedded as urls:
            assert await value_of(urls.owner.get_secret_value(), "SELECT n FROM kept") == 7
            assert await value_of(urls.owner.get_secret_value(), "SHOW fsync") == "on"
        assert not is_up(root / "pg")

    async def test_attaching_twice_is_one_use(self, root: Path) -> None:
        embedded = EmbeddedPostgres(root / "pg", fsync=False)
        first = await embedded.attach()
        assert await embedded.attach() == first
        await embedded.detach()
        assert not is_up(root / "pg")
        await embedded.detach()

    async def test_a_directory_with_a_long_name_is_reached_by_a_short_one(self, root: Path) -> None:
        data_dir = root / ("d" * 120) / "pg"
        async with EmbeddedPostgres(data_dir, fsync=False) as urls:
            link = Path((data_dir / "socket-link").read_text())
            assert stat.S_IMODE(link.parent.stat().st_mode) == 0o700
            assert link.parent.parent == Path(tempfile.gettempdir())
            assert await value_of(urls.serving.get_secret_value(), "SELECT 1") == 1
        assert not link.parent.exists()

    async def test_loopback_serves_where_sockets_are_impossible(self, root: Path) -> None:
        async with EmbeddedPostgres(root / "pg", fsync=False, loopback=True) as urls:
            url = urls.serving.get_secret_value()
            assert "@127.0.0.1:" in url
            assert await value_of(url, "SELECT inet_server_addr()::text") == "127.0.0.1/32"
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(url, password="wrong")


class TestRunningServer:
    async def test_sqlalchemy_takes_the_url_with_its_own_scheme(
        self, running: tuple[Path, EmbeddedUrls]
    ) -> None:
        url = running[1].serving.get_secret_value().replace("postgresql:", "postgresql+asyncpg:")
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            user = await connection.scalar(text("SELECT current_user"))
        await engine.dispose()
        assert user == "muniment_serving"

    async def test_nothing_below_the_directory_is_open_to_others(
        self, running: tuple[Path, EmbeddedUrls]
    ) -> None:
        paths = [running[0], *running[0].rglob("*")]
        assert len(paths) > 900
        assert [path for path in paths if path.stat().st_mode & 0o077] == []

    async def test_passwords_are_not_shown_in_a_representation(
        self, running: tuple[Path, EmbeddedUrls]
    ) -> None:
        assert "muniment_serving:" not in repr(running[1])

    async def test_it_does_not_listen_on_the_network(
        self, running: tuple[Path, EmbeddedUrls]
    ) -> None:
        url = running[1].superuser.get_secret_value()
        assert await value_of(url, "SHOW listen_addresses") == ""

    @pytest.mark.parametrize("password", ["wrong", ""])
    async def test_a_wrong_password_is_refused(
        self, running: tuple[Path, EmbeddedUrls], password: str
    ) -> None:
        with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InterfaceError)):
            await asyncpg.connect(running[1].superuser.get_secret_value(), password=password)

    async def test_no_rule_trusts_anybody(self, running: tuple[Path, EmbeddedUrls]) -> None:
        query = "SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules"
        methods = await value_of(running[1].superuser.get_secret_value(), query)
        assert methods == ["scram-sha-256"]

    async def test_without_fsync_the_test_settings_are_in_force(
        self, running: tuple[Path, EmbeddedUrls]
    ) -> None:
        url = running[1].superuser.get_secret_value()
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "jit"):
            assert await value_of(url, f"SHOW {setting}") == "off"

    async def test_the_terminals_signals_do_not_reach_the_server(
        self, running: tuple[Path, EmbeddedUrls]
    ) -> None:
        pid = postmaster(running[0])
        assert session_of(pid) != session_of(os.getpid())
        assert os.getpgid(pid) != os.getpgrp()


class TestSeveralProcesses:
    async def test_the_last_of_two_stops_it(self, root: Path) -> None:
        first, first_url = await attach_elsewhere(root / "pg")
        pid = postmaster(root / "pg")
        second, second_url = await attach_elsewhere(root / "pg")
        assert first_url == second_url
        await leave(first)
        assert await value_of(second_url, "SELECT 1") == 1
        assert postmaster(root / "pg") == pid
        await leave(second)
        assert not is_up(root / "pg")

    async def test_two_first_starts_at_once_make_one_cluster(self, root: Path) -> None:
        (first, first_url), (second, second_url) = await asyncio.gather(
            attach_elsewhere(root / "pg"), attach_elsewhere(root / "pg")
        )
        assert first_url == second_url
        await asyncio.gather(leave(first), leave(second))
        assert not is_up(root / "pg")

    async def test_a_killed_user_does_not_keep_it_alive(self, root: Path) -> None:
        killed, url = await attach_elsewhere(root / "pg")
        killed.kill()
        await killed.wait()
        assert await value_of(url, "SELECT 1") == 1
        async with EmbeddedPostgres(root / "pg", fsync=False):
            assert is_up(root / "pg")
        assert not is_up(root / "pg")

    async def test_a_cancelled_attach_leaves_nothing_running(self, root: Path) -> None:
        embedded = EmbeddedPostgres(root / "pg", fsync=False)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await embedded.attach()
        assert not is_up(root / "pg")


class TestAfterTheWorst:
    async def test_a_killed_server_is_started_again_with_its_data(self, root: Path) -> None:
        embedded = EmbeddedPostgres(root / "pg")
        urls = await embedded.attach()
        await value_of(urls.owner.get_secret_value(), "CREATE TABLE kept AS SELECT 7 AS n")
        killed = postmaster(root / "pg")
        os.kill(killed, signal.SIGKILL)
        urls = await embedded.attach()
        assert postmaster(root / "pg") != killed
        assert await value_of(urls.owner.get_secret_value(), "SELECT n FROM kept") == 7
        await embedded.detach()
        assert not is_up(root / "pg")

    async def test_a_stopped_orphan_of_a_killed_server_is_ended(self, root: Path) -> None:
        embedded = EmbeddedPostgres(root / "pg", fsync=False)
        urls = await embedded.attach()
        connection = await asyncpg.connect(urls.owner.get_secret_value())
        try:
            orphan = connection.get_server_pid()
            os.kill(orphan, signal.SIGSTOP)
            os.kill(postmaster(root / "pg"), signal.SIGKILL)
            urls = await embedded.attach()
        finally:
            connection.terminate()
        assert await value_of(urls.owner.get_secret_value(), "SELECT 1") == 1
        await embedded.detach()

    async def test_a_pid_file_that_names_another_live_process_is_not_believed(
        self, root: Path
    ) -> None:
        embedded = EmbeddedPostgres(root / "pg", fsync=False)
        async with embedded:
            before = (root / "pg" / "cluster" / "postmaster.pid").read_text()
        stale = before.replace(before.splitlines()[0], str(os.getpid()), 1)
        (root / "pg" / "cluster" / "postmaster.pid").write_text(stale)
        async with embedded as urls:
            assert await value_of(urls.owner.get_secret_value(), "SELECT 1") == 1

    async def test_a_half_made_cluster_is_made_anew(self, root: Path) -> None:
        attaching = asyncio.ensure_future(attach_elsewhere(root / "pg"))
        while not list((root / "pg").glob("unfinished-*/global")):
            await asyncio.sleep(0.001)
        child = next(c for c in psutil.Process().children() if str(root / "pg") in c.cmdline())
        child.kill()
        process, url = await attaching
        assert url == ""
        assert await process.wait() == -signal.SIGKILL
        assert not (root / "pg" / "cluster").exists()
        async with EmbeddedPostgres(root / "pg", fsync=False) as urls:
            assert await value_of(urls.owner.get_secret_value(), "SELECT 1") == 1
        assert list((root / "pg").glob("unfinished-*")) == []

    async def test_a_server_that_cannot_start_says_why(self, root: Path) -> None:
        embedded = EmbeddedPostgres(root / "pg", fsync=False)
        async with embedded:
            pass
        (root / "pg" / "cluster" / "global" / "pg_control").unlink()
        with pytest.raises(ServerFailedError, match="could not find the database system"):
            await embedded.attach()

    async def test_lost_passwords_are_not_replaced(self, root: Path) -> None:
        embedded = EmbeddedPostgres(root / "pg", fsync=False)
        async with embedded:
            pass
        (root / "pg" / "passwords.json").unlink()
        with pytest.raises(EmbeddedPostgresError, match="has lost its file"):
            await embedded.attach()

    async def test_a_path_that_is_no_directory_is_refused_in_one_sentence(self, root: Path) -> None:
        (root / "file").write_text("")
        with pytest.raises(StorageError, match="cannot be written"):
            await EmbeddedPostgres(root / "file" / "pg").attach()
