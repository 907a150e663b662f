"""Connections that broke while nobody used them are replaced before somebody is hurt.

The pool itself would ask each connection at every checkout whether it lives, which is a round trip
for every transaction. One that was used a moment ago is believed here.
"""

from functools import partial
from time import monotonic

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

_RESTING_SINCE = "muniment_resting_since"
LONG_REST_S = 1.0
"""A server that was restarted within such a rest costs each connection one failed request."""


def ask_after_rests(engine: AsyncEngine) -> None:
    """Let an engine ask connections that have rested, and replace all of an age with a dead one."""
    event.listen(engine.sync_engine, "checkin", _note_rest)
    event.listen(engine.sync_engine, "checkout", partial(_ask, engine.dialect))


def _note_rest(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    record.info[_RESTING_SINCE] = monotonic()


def _ask(
    dialect: Dialect,
    connection: DBAPIConnection,
    record: ConnectionPoolEntry,
    _proxy: PoolProxiedConnection,
) -> None:
    if monotonic() - record.info.get(_RESTING_SINCE, monotonic()) < LONG_REST_S:
        return
    try:
        dialect.do_ping(connection)
    except (dialect.loaded_dbapi.Error, TimeoutError) as error:
        raise InvalidatePoolError from error
