"""A program whose every line and branch runs, each after a statement that was awaited.

SQLAlchemy runs each statement in a greenlet of its own. A measurement that does not follow the
switches between them loses what comes after, so tasks interleave here, as requests do.

Arguments: the address of a database.
"""

import asyncio
import sys

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine


async def ask(engine: AsyncEngine, number: int) -> int:
    answer = 0
    async with AsyncSession(engine) as session:
        for step in range(3):
            found = await session.execute(text("select :step + 0"), {"step": step})
            answer += found.scalar_one()
            if number % 2:
                answer += 1
            async with session.begin_nested():
                answer += await one(session)
                answer += 1
        rows = await session.stream(text("select generate_series(1, 3)"))
        async for row in rows:
            answer += row[0]
    return answer


async def one(session: AsyncSession) -> int:
    found = await session.execute(text("select 1"))
    number: int = found.scalar_one()
    return number


async def fail(engine: AsyncEngine) -> str:
    async with AsyncSession(engine) as session:
        try:
            await session.execute(text("select 1 / 0"))
        except DBAPIError as error:
            await session.rollback()
            return type(error).__name__
        finally:
            await session.execute(text("select 2"))
    return "unreached"  # pragma: no cover - SQL cannot divide by zero


async def give_up(engine: AsyncEngine) -> str:
    how = ""
    try:
        async with AsyncSession(engine) as session, asyncio.timeout(0.05):
            await session.execute(text("select pg_sleep(60)"))
    except TimeoutError:
        how += "late"
    async with AsyncSession(engine) as session:
        await session.execute(text("select 3"))
        how += "r"
    return how


async def main(address: str) -> None:
    engine = create_async_engine(address)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(engine, number)) for number in range(4)]
        others = [group.create_task(fail(engine)), group.create_task(give_up(engine))]
    sys.stdout.write(f"{sum(task.result() for task in tasks)} ")
    sys.stdout.write(" ".join(task.result() for task in others) + "\n")
    await engine.dispose()


asyncio.run(main(sys.argv[1]))
