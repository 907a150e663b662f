"""What must hold before requests are sent to this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from muniment.app.container import Serving
from muniment.app.database import ensure_walls
from muniment.app.operations import Readiness, ReadinessCheck
from muniment.kit.operational import find_operational_rule
from muniment.postgres.migrator import ensure_current, schema_revision


def readiness_of(serving: Serving) -> Readiness:
    """List the checks of a process that answers requests."""

    async def database_answers() -> None:
        async with _database(serving) as connection:
            await connection.execute(text("select 1"))

    async def schema_is_current() -> None:
        async with _database(serving) as connection:
            ensure_current(await schema_revision(connection))

    async def walls_are_up() -> None:
        # Policies for other roles show this one no row: it would say that no document answers.
        async with _database(serving) as connection:
            await ensure_walls(connection, serving.urls)

    return Readiness(
        checks=(
            ReadinessCheck("database", database_answers),
            ReadinessCheck("schema", schema_is_current),
            ReadinessCheck("walls", walls_are_up),
        )
    )


@asynccontextmanager
async def _database(serving: Serving) -> AsyncIterator[AsyncConnection]:
    """Open a connection; trouble that passes by itself is told in the words of a problem."""
    try:
        async with serving.transactions.begin(None) as session:
            yield await session.connection()
    except (SQLAlchemyError, OSError) as error:
        rule = find_operational_rule(error)
        if rule is None:
            raise
        raise rule.as_error() from error
