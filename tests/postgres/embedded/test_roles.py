"""What each of the three roles may and may not do."""

from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from muniment.postgres.embedded.errors import EmbeddedPostgresError
from muniment.postgres.embedded.files import DataFolder
from muniment.postgres.embedded.passwords import load_or_make_passwords
from muniment.postgres.embedded.roles import prepare_database
from muniment.postgres.embedded.server import Server
from muniment.postgres.embedded.supervisor import EmbeddedUrls

ROLES = ("muniment_owner", "muniment_serving", "muniment_worker")


async def run(url: SecretStr, *statements: str) -> None:
    connection = await asyncpg.connect(url.get_secret_value())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def rows_of(url: SecretStr, query: str, *values: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url.get_secret_value())
    try:
        rows: list[asyncpg.Record] = await connection.fetch(query, *values)
        return rows
    finally:
        await connection.close()


class TestRoles:
    async def test_none_of_them_is_mighty(self, running: tuple[Path, EmbeddedUrls]) -> None:
        rows = await rows_of(
            running[1].superuser,
            "SELECT rolname FROM pg_roles WHERE rolname = ANY($1) AND rolcanlogin AND NOT ("
            "rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication) "
            "ORDER BY rolname",
            list(ROLES),
        )
        assert tuple(row["rolname"] for row in rows) == ROLES

    async def test_the_database_belongs_to_the_owner(
        self, running: tuple[Path, EmbeddedUrls]
    ) -> None:
        (row,) = await rows_of(
            running[1].owner,
            "SELECT pg_get_userbyid(datdba) AS owner, datlocale, "
            "pg_encoding_to_char(encoding) AS encoding FROM pg_database "
            "WHERE datname = current_database()",
        )
        assert dict(row) == {"owner": "muniment_owner", "datlocale": "C.UTF-8", "encoding": "UTF8"}

    async def test_the_owner_makes_tables_with_vectors_and_grants_on_them(
        self, running: tuple[Path, EmbeddedUrls]
    ) -> None:
        urls = running[1]
        await run(
            urls.owner,
            "CREATE TABLE granted (v halfvec(2))",
            "GRANT SELECT, INSERT ON granted TO muniment_serving",
            "GRANT SELECT ON granted TO muniment_worker",
        )
        await run(urls.serving, "INSERT INTO granted VALUES ('[1,2]')")
        await run(urls.worker, "SELECT v <#> '[1,0]' FROM granted")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(urls.worker, "INSERT INTO granted VALUES ('[1,2]')")
        await run(urls.owner, "DROP TABLE granted")

    @pytest.mark.parametrize("role", ["serving", "worker"])
    async def test_the_others_make_nothing_and_see_only_what_is_granted(
        self, running: tuple[Path, EmbeddedUrls], role: str
    ) -> None:
        url: SecretStr = getattr(running[1], role)
        await run(running[1].owner, "CREATE TABLE IF NOT EXISTS withheld (n int)")
        for statement in (
            "CREATE TABLE mine (n int)",
            "CREATE TEMPORARY TABLE mine (n int)",
            "SELECT * FROM withheld",
            "CREATE ROLE another",
            "SET ROLE muniment_owner",
            "COPY (SELECT 1) TO PROGRAM 'true'",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run(url, statement)


class TestPrepareDatabase:
    async def test_repairs_what_an_interrupted_preparation_left(
        self, running: tuple[Path, EmbeddedUrls]
    ) -> None:
        folder = DataFolder(running[0])
        await run(
            running[1].superuser,
            "COMMENT ON DATABASE muniment IS NULL",
            "DROP EXTENSION vector",
            "ALTER ROLE muniment_serving BYPASSRLS PASSWORD 'other'",
        )
        await prepare_database(Server(folder).address(), load_or_make_passwords(folder))
        await run(running[1].serving, "SELECT '[1]'::vector")
        (row,) = await rows_of(
            running[1].serving, "SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        assert row["rolbypassrls"] is False


class TestPasswords:
    async def test_that_are_not_those_of_the_database_are_named_as_such(
        self, running: tuple[Path, EmbeddedUrls]
    ) -> None:
        folder = DataFolder(running[0])
        others = load_or_make_passwords(folder).model_copy(update={"superuser": SecretStr("x")})
        with pytest.raises(EmbeddedPostgresError, match="does not accept the password") as caught:
            await prepare_database(Server(folder).address(), others)
        assert "Restore passwords.json together" in f"{caught.value.hint}"
