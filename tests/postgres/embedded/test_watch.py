"""Looking after the server: with real kills, from one process and from several."""

import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import psutil
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from muniment.postgres.embedded import watch
from muniment.postgres.embedded.errors import ServerFailedError, StorageError
from muniment.postgres.embedded.files import DataFolder
from muniment.postgres.embedded.server import Server
from muniment.postgres.embedded.supervisor import EmbeddedPostgres
from muniment.postgres.embedded.watch import Pauses, keep_running
from tests.postgres.embedded.processes import attach_elsewhere, is_up, leave, postmaster

LIMIT_S = 30.0


def kill(data_dir: Path) -> int:
    """Kill the main process; give its number."""
    killed = postmaster(data_dir)
    os.kill(killed, signal.SIGKILL)
    return killed


async def answer_of(url: str, query: str) -> object:
    """Ask until the server answers, as the product does."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                connection = await asyncpg.connect(url)
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.05)
                continue
            try:
                return await connection.fetchval(query)
            except asyncpg.PostgresConnectionError:
                continue
            finally:
                await connection.close()


async def until_logged(logs: list[EventDict], event: str, times: int = 1) -> None:
    async with asyncio.timeout(LIMIT_S):
        while [entry["event"] for entry in logs].count(event) < times:
            await asyncio.sleep(0.02)


def events(logs: list[EventDict]) -> list[str]:
    """List what was logged, without what says on a slow machine that something takes long."""
    listed = [entry["event"] for entry in logs]
    return [event for event in listed if event != "embedded_postgres_awaited"]


class TestKilledServer:
    async def test_runs_again_by_itself_with_its_data(self, root: Path) -> None:
        with capture_logs() as logs:
            async with EmbeddedPostgres(root / "pg") as urls:
                owner = urls.owner.get_secret_value()
                await answer_of(owner, "CREATE TABLE kept AS SELECT 7 AS n")
                killed = kill(root / "pg")
                await until_logged(logs, "embedded_postgres_back")
                assert postmaster(root / "pg") != killed
                assert await answer_of(owner, "SELECT n FROM kept") == 7
        assert events(logs) == ["embedded_postgres_gone", "embedded_postgres_back"]
        assert not is_up(root / "pg")

    async def test_runs_again_each_time(self, root: Path) -> None:
        with capture_logs() as logs:
            async with EmbeddedPostgres(root / "pg", fsync=False) as urls:
                for times in (1, 2):
                    kill(root / "pg")
                    await until_logged(logs, "embedded_postgres_back", times)
                assert await answer_of(urls.serving.get_secret_value(), "SELECT 1") == 1

    async def test_that_was_told_to_stop_by_hand_runs_again(self, root: Path) -> None:
        async with EmbeddedPostgres(root / "pg", fsync=False) as urls:
            stopped = psutil.Process(postmaster(root / "pg"))
            stopped.send_signal(signal.SIGINT)
            await asyncio.to_thread(stopped.wait, 10)
            assert await answer_of(urls.serving.get_secret_value(), "SELECT 1") == 1

    async def test_runs_again_at_the_same_port(self, root: Path) -> None:
        with capture_logs() as logs:
            async with EmbeddedPostgres(root / "pg", fsync=False, loopback=True) as urls:
                kill(root / "pg")
                await until_logged(logs, "embedded_postgres_back")
                assert await answer_of(urls.serving.get_secret_value(), "SELECT 1") == 1

    async def test_is_started_once_by_all_who_miss_it(self, root: Path) -> None:
        first, url = await attach_elsewhere(root / "pg")
        second, _ = await attach_elsewhere(root / "pg")
        with capture_logs() as logs:
            async with EmbeddedPostgres(root / "pg", fsync=False):
                kill(root / "pg")
                await until_logged(logs, "embedded_postgres_back")
                started = postmaster(root / "pg")
                # The others have had their look by now, and gone through the lock.
                await asyncio.sleep(2 * watch._LOOK_EVERY_S + watch._FIRST_PAUSE_S)
                assert postmaster(root / "pg") == started
                log = (root / "pg" / "cluster" / "server.log").read_text()
                assert log.count("database system is ready to accept connections") == 1
            assert await answer_of(url, "SELECT 1") == 1
        await asyncio.gather(leave(first), leave(second))
        assert not is_up(root / "pg")

    async def test_stays_away_once_nobody_is_attached(self, root: Path) -> None:
        async with EmbeddedPostgres(root / "pg", fsync=False):
            kill(root / "pg")
        assert not is_up(root / "pg")


class TestServerThatDoesNotStart:
    async def test_says_why_once_and_is_tried_until_it_does(self, root: Path) -> None:
        control = root / "pg" / "cluster" / "global" / "pg_control"
        with capture_logs() as logs:
            async with EmbeddedPostgres(root / "pg", fsync=False):
                control.rename(root / "kept")
                kill(root / "pg")
                await until_logged(logs, "embedded_postgres_not_started")
                (root / "kept").rename(control)
                await until_logged(logs, "embedded_postgres_back")
        assert events(logs) == [
            "embedded_postgres_gone",
            "embedded_postgres_not_started",
            "embedded_postgres_back",
        ]
        [reason] = [entry["reason"] for entry in logs if "reason" in entry]
        assert "could not find the database system" in reason
        assert not any("exc_info" in entry for entry in logs)

    async def test_is_not_replaced_by_an_empty_one(self, root: Path) -> None:
        with capture_logs() as logs:
            async with EmbeddedPostgres(root / "pg", fsync=False):
                kill(root / "pg")
                (root / "pg" / "cluster").rename(root / "moved")
                await until_logged(logs, "embedded_postgres_not_started")
                assert not (root / "pg" / "cluster").exists()
                (root / "moved").rename(root / "pg" / "cluster")
                await until_logged(logs, "embedded_postgres_back")

    async def test_tells_each_kind_of_reason_once(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watch, "_LOOK_EVERY_S", 0.0)
        monkeypatch.setattr(watch, "_FIRST_PAUSE_S", 0.0)
        failures = [ServerFailedError("at 1"), ServerFailedError("at 2"), StorageError("full")]

        async def start_again() -> None:
            if failures:
                raise failures.pop(0)
            watching.cancel()

        server = Server(DataFolder(root / "nothing"))
        with capture_logs() as logs:
            watching = asyncio.create_task(keep_running(server, start_again))
            await asyncio.wait([watching])
        assert [entry.get("reason") for entry in logs] == [None, "at 1", "full", None]


class TestPauses:
    def test_grow_while_it_keeps_dying_and_start_over_after_a_steady_run(self) -> None:
        now = 0.0
        pauses = Pauses(lambda: now)
        drawn = []
        for _ in range(9):
            pauses.note_gone()
            drawn.append(pauses.next_s())
            pauses.note_back()
            now += 1
        assert drawn == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
        now += 61
        pauses.note_gone()
        assert pauses.next_s() == 0.5
