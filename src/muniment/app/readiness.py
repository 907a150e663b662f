"""What must hold before requests are sent to this process."""

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.app.container import Serving
from muniment.app.operations import Readiness, ReadinessCheck
from muniment.postgres.migrator import ensure_current


def readiness_of(serving: Serving) -> Readiness:
    """List the checks of a process that answers requests."""

    async def database_answers() -> None:
        async with serving.transactions.begin(None) as session:
            await session.execute(text("select 1"))

    async def schema_is_current() -> None:
        async with serving.transactions.begin(None) as session:
            ensure_current(await schema_revision(session))

    return Readiness(
        checks=(
            ReadinessCheck("database", database_answers),
            ReadinessCheck("schema", schema_is_current),
        )
    )


async def schema_revision(session: AsyncSession) -> str | None:
    """Read the revision of the tables as any role may; None where there are no tables."""
    try:
        found = await session.execute(text("select version_num from alembic_version"))
    except ProgrammingError:
        return None
    revision: str | None = found.scalar_one_or_none()
    return revision
