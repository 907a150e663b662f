"""Engines for the three roles of the database, and the translation of their addresses."""

from dataclasses import dataclass
from functools import partial
from time import monotonic

import orjson
from pydantic import SecretStr
from sqlalchemy import URL, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from muniment.kit.errors import ConfigurationError
from muniment.postgres.settings import DatabaseSettings

_RESTING_SINCE = "muniment_resting_since"
_LONG_REST_S = 1.0
"""A server that was restarted within such a rest costs each connection one failed request."""


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """Where the database is, once for each role (the owner migrates, one serves, one runs jobs)."""

    owner: SecretStr
    serving: SecretStr
    worker: SecretStr


def engine_url(address: SecretStr) -> URL:
    """Turn an ordinary `postgresql://` address into one of our driver, TLS parameter included."""
    try:
        url = make_url(address.get_secret_value())
    except (ValueError, ArgumentError):
        # Without the cause, which may quote a part of the address and with it of the password.
        raise ConfigurationError(
            "A database address cannot be read.",
            hint="Write it as postgresql://user:password@host:5432/name.",
        ) from None
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise ConfigurationError(
            f"The database address begins with {url.drivername!r}; only PostgreSQL is supported.",
            hint="Write it as postgresql://user:password@host:5432/name.",
        )
    query = dict(url.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    return url.set(drivername="postgresql+asyncpg", query=query)


def role_name(address: SecretStr) -> str:
    """Give the role that an address signs in as. Raises ConfigurationError without one."""
    name = engine_url(address).username
    if not name:
        raise ConfigurationError(
            "A database address names no role.",
            hint="Write it as postgresql://role:password@host:5432/name.",
        )
    return name


def create_engine(
    address: SecretStr,
    settings: DatabaseSettings,
    *,
    application: str,
    pool_size: int | None = None,
) -> AsyncEngine:
    """Make an engine whose connections carry our time-outs."""
    limits = {
        "application_name": application,
        "statement_timeout": _milliseconds(settings.statement_timeout.total_seconds()),
        "lock_timeout": _milliseconds(settings.lock_timeout.total_seconds()),
        "idle_in_transaction_session_timeout": "60000",
    }
    connect_args: dict[str, object] = {"timeout": 10, "server_settings": limits}
    if settings.pooler:
        # A pooler in transaction mode hands every transaction to another server connection, where
        # neither prepared statements nor session settings of ours exist.
        connect_args |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
        connect_args["server_settings"] = {"application_name": application}
    engine = create_async_engine(
        engine_url(address),
        pool_size=pool_size or settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout.total_seconds(),
        connect_args=connect_args,
        # An exception would carry them into the log, and they hold what people wrote.
        hide_parameters=True,
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
    )
    event.listen(engine.sync_engine, "do_connect", _connect)
    event.listen(engine.sync_engine, "checkin", _note_rest)
    event.listen(engine.sync_engine, "checkout", partial(_ask_after_rest, engine.dialect))
    return engine


def _note_rest(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    record.info[_RESTING_SINCE] = monotonic()


def _ask_after_rest(
    dialect: Dialect,
    connection: DBAPIConnection,
    record: ConnectionPoolEntry,
    _proxy: PoolProxiedConnection,
) -> None:
    """Replace connections that broke while they rested; one that was just used is believed.

    Asking each time, as the pool would, is a round trip for every transaction.
    """
    if monotonic() - record.info.get(_RESTING_SINCE, monotonic()) < _LONG_REST_S:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error


def _connect(
    dialect: Dialect,
    _record: ConnectionPoolEntry,
    args: tuple[object, ...],
    named: dict[str, object],
) -> DBAPIConnection:
    """Connect; a socket whose file is gone is a server that does not run, not a missing file."""
    try:
        return dialect.connect(*args, **named)
    except FileNotFoundError as error:
        raise ConnectionRefusedError(*error.args) from error


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()
