import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from muniment.app.tables import all_tables
from muniment.kit.errors import ConfigurationError
from muniment.kit.operational import find_operational_rule
from muniment.postgres import engine as engines
from muniment.postgres.engine import (
    SignInRefusedError,
    connect_arguments,
    create_engine,
    engine_url,
    role_name,
)
from muniment.postgres.migrator import Migrator
from muniment.postgres.settings import DatabaseSettings
from muniment.postgres.unit_of_work import Transactions
from tests.support.database import TestDatabase
from tests.support.lossy_proxy import LossyProxy


def changed(address: SecretStr, **parts: str) -> SecretStr:
    url = make_url(address.get_secret_value())
    user, password, database = (
        parts.get(name, getattr(url, name)) for name in ("username", "password", "database")
    )
    url = url.set(username=user, password=password, database=database)
    return SecretStr(url.render_as_string(hide_password=False))


@asynccontextmanager
async def connected(address: SecretStr, **settings: object) -> AsyncIterator[AsyncConnection]:
    engine = create_engine(address, DatabaseSettings.model_validate(settings), application="test")
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


async def asked(database: TestDatabase, statement: str, **settings: object) -> object:
    """Ask one question over an engine with these settings."""
    async with connected(database.urls.serving, **settings) as connection:
        return await connection.scalar(text(statement))


class TestEngineUrl:
    @pytest.mark.parametrize(
        "scheme", ["postgresql", "postgres", "postgresql+asyncpg", "postgresql+psycopg"]
    )
    def test_every_way_to_say_postgresql_means_our_driver(self, scheme: str) -> None:
        url = engine_url(SecretStr(f"{scheme}://app:p%40ss@db:6432/name?sslmode=require"))
        assert url.drivername == "postgresql+asyncpg"
        assert (url.username, url.password, url.host, url.port) == ("app", "p@ss", "db", 6432)
        assert dict(url.query) == {"ssl": "require"}

    @pytest.mark.parametrize(
        ("address", "sentence"),
        [
            ("", "cannot be read"),
            ("hunter2", "cannot be read"),
            ("postgresql://app:hunter2@db:port/name", "cannot be read"),
            ("mysql://app:hunter2@db/name", "begins with 'mysql'"),
            ("sqlite:///hunter2", "begins with 'sqlite'"),
            ("postgresql://app:hunter2@db/name?sslrootcert=/ca.pem", "parameter sslrootcert"),
            ("postgresql://app:hunter2@db/name?application_name=x", "parameter application_name"),
            ("postgresql://app:hunter2@db/name?sslmode=yes", "sslmode that there is not"),
            ("postgresql://app:hunter2@/name?host=/run&port=x", "port that is no number"),
            ("postgresql://app:hunter2@/name?port=1&port=2", "port that is no number"),
        ],
    )
    def test_what_cannot_be_used_is_told_without_the_password(
        self, address: str, sentence: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=sentence) as caught:
            engine_url(SecretStr(address))
        assert "hunter2" not in f"{caught.value.detail} {caught.value.hint}"
        assert caught.value.__cause__ is None

    def test_a_role_is_the_one_that_signs_in(self) -> None:
        assert role_name(SecretStr("postgresql://J%C3%B6rg:x@db/name")) == "Jörg"
        for address in ("postgresql://db/name", "postgresql://:hunter2@db/name"):
            with pytest.raises(ConfigurationError, match="names no role"):
                role_name(SecretStr(address))


class TestConnectArguments:
    @pytest.mark.parametrize(
        ("address", "expected"),
        [
            (
                "postgresql://app:p%40%2F@db:6432/name",
                {"host": "db", "port": 6432, "user": "app", "password": "p@/", "database": "name"},
            ),
            (
                "postgresql://app@/name?host=/run/pg&port=6432",
                {"host": "/run/pg", "port": 6432, "user": "app", "database": "name"},
            ),
            (
                "postgresql://app@db/name?sslmode=verify-full",
                {"host": "db", "user": "app", "database": "name", "ssl": "verify-full"},
            ),
            (
                "postgresql://app@[::1]:1/x",
                {"host": "::1", "port": 1, "user": "app", "database": "x"},
            ),
        ],
    )
    def test_are_all_that_the_address_says(
        self, address: str, expected: Mapping[str, object]
    ) -> None:
        assert connect_arguments(SecretStr(address)) == expected


class TestCreateEngine:
    @pytest.mark.parametrize("where", ["127.0.0.1:1/x", "/x?host={folder}"])
    async def test_a_server_that_does_not_run_is_trouble_that_passes(
        self, tmp_path: Path, where: str
    ) -> None:
        address = SecretStr(f"postgresql://app:secret@{where.format(folder=tmp_path)}")
        with pytest.raises(ConnectionError) as caught:
            async with connected(address):
                pass
        rule = find_operational_rule(caught.value)
        assert rule is not None
        assert rule.name == "connection_lost"

    async def test_connections_carry_the_time_outs(self, migrated: TestDatabase) -> None:
        limits = {
            "statement_timeout": timedelta(milliseconds=1500),
            "lock_timeout": timedelta(seconds=2),
        }
        shown = "select current_setting('{}')".format
        assert await asked(migrated, shown("statement_timeout"), **limits) == "1500ms"
        assert await asked(migrated, shown("lock_timeout"), **limits) == "2s"
        assert await asked(migrated, shown("application_name"), **limits) == "test"
        idle = shown("idle_in_transaction_session_timeout")
        assert await asked(migrated, idle, **limits) == "1min"

    async def test_behind_a_pooler_a_session_is_nobodys(self, migrated: TestDatabase) -> None:
        shown = "select current_setting('statement_timeout')"
        short = timedelta(milliseconds=1500)
        assert await asked(migrated, shown, pooler=True, statement_timeout=short) != "1500ms"
        async with connected(migrated.urls.serving, pooler=True) as connection:
            for _ in range(3):
                await connection.execute(text("select 'kept' || :one"), {"one": "x"})
            left = "select count(*) from pg_prepared_statements where statement like :text"
            assert await connection.scalar(text(left), {"text": "%kept%"}) == 0

    async def test_an_error_does_not_show_what_people_wrote(self, migrated: TestDatabase) -> None:
        async with connected(migrated.urls.serving) as connection:
            with pytest.raises(DBAPIError, match="division by zero") as caught:
                await connection.execute(text("select :words, 1 / 0"), {"words": "hunter2"})
        assert "hunter2" not in str(caught.value)

    async def test_json_comes_back_as_it_went_in(self, migrated: TestDatabase) -> None:
        assert await asked(migrated, 'select \'{"a": [1, null, "ä"]}\'::jsonb') == {
            "a": [1, None, "ä"]
        }


async def ask_silent(transactions: Transactions, proxy: LossyProxy) -> None:
    """Lose the network in the middle of a transaction."""
    async with transactions.begin(None) as session:
        await session.execute(text("select 1"))
        proxy.is_silent = True
        await session.execute(text("select 2"))


class TestSilentNetwork:
    async def test_is_not_waited_for_longer_than_the_server_may_take(
        self, migrated: TestDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engines, "_ANSWER_MARGIN_S", 0.2)
        short = DatabaseSettings(statement_timeout=timedelta(seconds=0.5), pool_size=1)
        async with LossyProxy(migrated.urls.serving).running() as proxy:
            engine = create_engine(proxy.address, short, application="test-silent")
            transactions = Transactions(engine)
            async with asyncio.timeout(20):
                with pytest.raises(TimeoutError) as caught:
                    await ask_silent(transactions, proxy)
                proxy.is_silent = False
                # The only place of the pool is free again, for a connection that answers.
                async with transactions.begin(None) as session:
                    assert await session.scalar(text("select 3")) == 3
                await engine.dispose()
        rule = find_operational_rule(caught.value)
        assert rule is not None
        assert rule.name == "timeout"

    async def test_leaves_the_servers_own_time_out_the_first_word(
        self, migrated: TestDatabase
    ) -> None:
        with pytest.raises(DBAPIError, match="statement timeout"):
            await asked(migrated, "select pg_sleep(60)", statement_timeout=timedelta(seconds=0.2))


class TestRefusedSignIn:
    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"password": "wrong"}, "has another password"),
            ({"username": "nobody_known"}, "does not know the role"),
            ({"database": "no_such"}, "no database of this name"),
        ],
    )
    async def test_is_told_in_a_sentence_that_names_no_secret(
        self, migrated: TestDatabase, change: dict[str, str], sentence: str
    ) -> None:
        with pytest.raises(SignInRefusedError, match=sentence) as caught:
            async with connected(changed(migrated.urls.serving, **change)):
                pass
        assert "wrong" not in f"{caught.value.detail} {caught.value.hint}"
        assert "doctor" in f"{caught.value.hint}"

    async def test_of_the_owner_is_told_when_migrating(self, migrated: TestDatabase) -> None:
        owner = changed(migrated.urls.owner, password="wrong")
        with pytest.raises(SignInRefusedError, match="another password"):
            await Migrator(owner, all_tables()).current()
