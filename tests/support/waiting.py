"""Waiting for what another transaction does, without a guess at how long it takes."""

import asyncio

from sqlalchemy import text

from tests.support.database import TestDatabase


async def wait_until_somebody_waits(database: TestDatabase) -> None:
    """Wait until a transaction of this database waits for a lock of another."""
    waiting = text(
        "select count(*) from pg_locks join pg_stat_activity using (pid)"
        " where datname = current_database() and not granted"
    )
    async with asyncio.timeout(10), database.owner.connect() as owner:
        while (await owner.execute(waiting)).scalar_one() == 0:
            await owner.rollback()
            await asyncio.sleep(0.01)
