"""What must hold before requests are sent to this process."""

from sqlalchemy import text

from muniment.app.container import Serving
from muniment.app.operations import Readiness, ReadinessCheck
from muniment.postgres.migrator import ensure_current, schema_revision


def readiness_of(serving: Serving) -> Readiness:
    """List the checks of a process that answers requests."""

    async def database_answers() -> None:
        async with serving.transactions.begin(None) as session:
            await session.execute(text("select 1"))

    async def schema_is_current() -> None:
        async with serving.transactions.begin(None) as session:
            ensure_current(await schema_revision(await session.connection()))

    return Readiness(
        checks=(
            ReadinessCheck("database", database_answers),
            ReadinessCheck("schema", schema_is_current),
        )
    )
