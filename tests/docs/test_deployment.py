from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from muniment.postgres.embedded.supervisor import EmbeddedUrls
from muniment.postgres.engine import DatabaseUrls, engine_url
from muniment.postgres.roles import role_problems
from tests.docs.pages import code_blocks, read
from tests.support.database import migrate

PASSWORD = "of-the-guide"
ROLES = ("owner", "serving", "worker")


class Guide:
    """The SQL of the guide, for a database and roles with names of their own."""

    def __init__(self, superuser: SecretStr) -> None:
        self.name = f"guide_{uuid4().hex[:12]}"
        self._superuser = superuser
        blocks = code_blocks(read("docs/guides/deployment.md"), "sql")
        self.before, self.inside = (
            block.replace("muniment", self.name).replace("'...'", f"'{PASSWORD}'")
            for block in blocks
        )

    def url(self, role: str | None = None, *, database: str | None = None) -> SecretStr:
        url = make_url(self._superuser.get_secret_value())
        if role is not None:
            url = url.set(username=f"{self.name}_{role}", password=PASSWORD)
        if database is not None:
            url = url.set(database=database)
        return SecretStr(url.render_as_string(hide_password=False))

    async def execute(self, sql: str, *, database: str | None = None) -> None:
        connection = await asyncpg.connect(self.url(database=database).get_secret_value())
        try:
            for statement in filter(None, map(str.strip, sql.split(";"))):
                await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture
async def guide(cluster: EmbeddedUrls) -> AsyncIterator[Guide]:
    made = Guide(cluster.superuser)
    yield made
    await made.execute(f"drop database if exists {made.name} with (force)")
    for role in ROLES:
        await made.execute(f"drop role if exists {made.name}_{role}")


class TestTheSqlOfTheGuide:
    async def test_it_makes_a_database_that_can_be_migrated_and_served_from(
        self, guide: Guide
    ) -> None:
        await guide.execute(guide.before)
        await guide.execute(guide.inside, database=guide.name)
        urls = DatabaseUrls(*(guide.url(role, database=guide.name) for role in ROLES))
        await migrate(urls)
        for url in (urls.serving, urls.worker):
            engine = create_async_engine(engine_url(url))
            async with engine.connect() as connection:
                assert await role_problems(connection, worker=f"{guide.name}_worker") == []
            await engine.dispose()
