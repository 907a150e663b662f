"""Engines for the three roles of the database, and the translation of their addresses."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from pydantic import SecretStr
from sqlalchemy import URL, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect, ExceptionContext
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from muniment.kit.errors import ConfigurationError
from muniment.postgres.resting import ask_after_rests
from muniment.postgres.settings import DatabaseSettings

_TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""The values of sslmode (PostgreSQL manual, 34.19)."""


_ANSWER_MARGIN_S = 5.0
"""How long after its own time-out the server may take to say so, before it is taken for lost."""

_REFUSALS = {
    "28000": "The database does not let the role in.",
    "28P01": "The database does not know the role, or has another password for it.",
    "3D000": "There is no database of this name on the server.",
    "42501": "The role may not connect to the database.",
}
"""What a server says at the sign-in, by SQLSTATE (PostgreSQL manual, appendix A)."""


class SignInRefusedError(ConfigurationError):
    """The database refuses one of the three roles: by its name, its password or its rights."""

    code = "sign_in_refused"
    title = "The database refuses the sign-in"

    def __init__(self, detail: str) -> None:
        super().__init__(
            detail,
            hint="Check the addresses in [database] of the settings; `muniment doctor` tries each.",
        )


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
    _check_parameters(query)
    return url.set(drivername="postgresql+asyncpg", query=query)


def _check_parameters(query: Mapping[str, object]) -> None:
    """Refuse what the driver would break on at its first connection, deep inside of it."""
    unknown = sorted(query.keys() - {"ssl", "host", "port"})
    if unknown:
        raise ConfigurationError(
            f"A database address has the parameter {unknown[0]}, which is not one of ours.",
            hint="There are sslmode, host and port. Certificates are named in the environment, by"
            " PGSSLROOTCERT, PGSSLCERT and PGSSLKEY.",
        )
    if query.get("ssl", "prefer") not in _TLS_MODES:
        raise ConfigurationError(
            "A database address has an sslmode that there is not.",
            hint=f"Write one of {', '.join(_TLS_MODES)}.",
        )
    port = query.get("port", "5432")
    if not isinstance(port, str) or not port.isdecimal():
        raise ConfigurationError("A database address has a port that is no number.")


def connect_arguments(address: SecretStr) -> Mapping[str, object]:
    """Give what our driver connects with by itself, exactly as an engine lets it connect."""
    url = engine_url(address)
    _, named = url.get_dialect()().create_connect_args(url)
    return named


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
    patience_s = settings.statement_timeout.total_seconds() + _ANSWER_MARGIN_S
    connect_args: dict[str, object] = {
        "timeout": 10,
        # For a network that falls silent; the connection is closed then, without a rollback.
        "command_timeout": patience_s,
        "server_settings": limits,
    }
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
    tell_refusals(engine)
    event.listen(engine.sync_engine, "handle_error", _leave_silent_connection)
    ask_after_rests(engine)
    return engine


def tell_refusals(engine: AsyncEngine) -> None:
    """Let an engine say in our words why it cannot connect. Its connections raise SignInRefused."""
    event.listen(engine.sync_engine, "do_connect", _connect)


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
    except dialect.loaded_dbapi.Error as error:
        detail = _REFUSALS.get(str(getattr(error, "sqlstate", "")))
        if detail is None:
            raise
        raise SignInRefusedError(detail) from error


def _leave_silent_connection(context: ExceptionContext) -> None:
    """Close a connection whose server did not answer: a rollback would wait for it as well."""
    if isinstance(context.original_exception, TimeoutError):
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()
