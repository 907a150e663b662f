import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from muniment.kit.errors import UnavailableError
from muniment.postgres.embedded.roles import SERVING
from muniment.postgres.engine import engine_url
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.settings import DatabaseSettings
from tests.postgres.town import Town
from tests.support.database import TestDatabase
from tests.support.lossy_proxy import LossyProxy

SETTINGS = DatabaseSettings(pool_size=4)
SIGN_IN = "select * from muniment_sign_in($1, $2, $3)"


@pytest.fixture
async def reads(database: TestDatabase) -> AsyncIterator[PreparedReads]:
    async with PreparedReads(database.urls.serving, SETTINGS) as reads:
        yield reads


class TestRow:
    async def test_is_a_mapping_of_the_first_row(self, town: Town, reads: PreparedReads) -> None:
        row = await reads.row(SIGN_IN, "https://issuer", "subject", "tenant-1")

        assert row is not None
        assert row["account_id"] == town.mine.account
        assert isinstance(row["profile"], dict)
        assert row["profile"]["preferences"] == {}

    async def test_takes_and_gives_json_as_values(self, reads: PreparedReads) -> None:
        given = {"a": [1, None, "ä\U0001f600"], "b": {"c": 0.5}}
        assert await reads.row("select $1::jsonb as value", given) == {"value": given}

    async def test_is_none_when_there_is_no_row(self, reads: PreparedReads) -> None:
        assert await reads.row(SIGN_IN, "https://issuer", "nobody", "tenant-1") is None

    async def test_is_read_as_the_serving_role_behind_the_walls(
        self, town: Town, reads: PreparedReads
    ) -> None:
        row = await reads.row("select current_user::text as name, count(*) from document")

        assert row == {"name": SERVING, "count": 0}

    async def test_of_many_at_once_are_their_own(self, reads: PreparedReads) -> None:
        rows = await asyncio.gather(
            *(reads.row("select $1::int as number", number) for number in range(50))
        )

        assert [row and row["number"] for row in rows] == list(range(50))


class TestBrokenConnection:
    async def test_is_replaced_without_the_caller_noticing(
        self, reads: PreparedReads, as_superuser: Callable[[str], Awaitable[None]]
    ) -> None:
        first = await reads.row("select pg_backend_pid() as pid")
        assert first is not None

        await as_superuser(f"select pg_terminate_backend({first['pid']}, 5000)")
        second = await reads.row("select pg_backend_pid() as pid")

        assert second is not None
        assert second["pid"] != first["pid"]

    async def test_in_the_middle_of_a_statement_is_tried_again(
        self, reads: PreparedReads, as_superuser: Callable[[str], Awaitable[None]]
    ) -> None:
        first = await reads.row("select pg_backend_pid() as pid")
        assert first is not None
        sleeping = asyncio.ensure_future(reads.row("select 1 as done from pg_sleep(0.5)"))
        await asyncio.sleep(0.2)

        await as_superuser(f"select pg_terminate_backend({first['pid']}, 5000)")

        assert await sleeping == {"done": 1}


class TestAddress:
    async def test_of_a_socket_with_another_number_is_the_one_that_is_asked(
        self, tmp_path: Path
    ) -> None:
        asked = asyncio.Event()

        async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set()
            writer.close()

        address = SecretStr(f"postgresql://app:secret@/x?host={tmp_path}&port=6432")
        async with await asyncio.start_unix_server(hang_up, tmp_path / ".s.PGSQL.6432"):
            with pytest.raises(UnavailableError):
                await PreparedReads(address, SETTINGS).open()
        assert asked.is_set()


class TestAbsence:
    async def test_of_the_server_is_said_at_opening(self) -> None:
        reads = PreparedReads(SecretStr("postgresql://a:b@127.0.0.1:1/x"), SETTINGS)
        with pytest.raises(UnavailableError, match="does not answer"):
            await reads.open()

    async def test_of_an_open_pool_is_said(self) -> None:
        reads = PreparedReads(SecretStr("postgresql://a:b@127.0.0.1:1/x"), SETTINGS)
        with pytest.raises(UnavailableError, match="not open"):
            await reads.row("select 1")

    async def test_of_a_database_that_takes_no_connections_is_unavailable(
        self,
        database: TestDatabase,
        reads: PreparedReads,
        as_superuser: Callable[[str], Awaitable[None]],
    ) -> None:
        # Of this database alone: other test processes work on the same server.
        name = engine_url(database.urls.serving).database
        await as_superuser(f'alter database "{name}" connection limit 0')
        try:
            await as_superuser(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                f" where usename = '{SERVING}' and datname = '{name}'"
            )
            with pytest.raises(UnavailableError, match="does not answer"):
                await reads.row("select 1")
        finally:
            await as_superuser(f'alter database "{name}" connection limit -1')

        assert await reads.row("select 1 as one") == {"one": 1}

    async def test_of_an_answer_in_time_is_unavailable(self, database: TestDatabase) -> None:
        hasty = DatabaseSettings.model_validate({"statement_timeout": 0.2})
        async with PreparedReads(database.urls.serving, hasty) as reads:
            with pytest.raises(UnavailableError):
                await reads.row("select pg_sleep(5)")


class TestDyingServer:
    async def test_is_left_for_another_connection(self, migrated: TestDatabase) -> None:
        async with (
            LossyProxy(migrated.urls.serving).running() as proxy,
            PreparedReads(proxy.address, SETTINGS) as reads,
        ):
            assert await reads.row("select 1 as one") == {"one": 1}
            await proxy.announce_end()
            # Wait until the driver has heard it.
            await asyncio.sleep(0.05)
            assert await reads.row("select 1 as one") == {"one": 1}


class TestClosing:
    async def test_goes_on_when_a_server_is_silent(self, migrated: TestDatabase) -> None:
        async with LossyProxy(migrated.urls.serving).running() as proxy:
            reads = PreparedReads(proxy.address, SETTINGS)
            await reads.open()
            await asyncio.gather(*(reads.row("select pg_sleep(0.1)") for _ in range(2)))
            proxy.is_silent = True
            await reads.close()
            assert await proxy.clients_left() == 0
