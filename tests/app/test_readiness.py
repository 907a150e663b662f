from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from muniment.app.container import Serving
from muniment.app.operations import Readiness
from muniment.app.readiness import readiness_of
from muniment.postgres.embedded.supervisor import EmbeddedUrls
from muniment.postgres.engine import create_engine
from muniment.postgres.migrator import Migrator
from muniment.postgres.unit_of_work import Transactions
from tests.support.database import SETTINGS, TestDatabase, create_database
from tests.support.whole_product import whole_product


@pytest.fixture(scope="module")
async def serving(
    migrated: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Serving]:
    folder: Path = tmp_path_factory.mktemp("data")
    async with whole_product(migrated, folder) as product:
        yield product.serving


async def readiness_at(serving: Serving, address: SecretStr) -> dict[str, str]:
    """Ask a process whose database is at another address."""
    engine = create_engine(address, SETTINGS, application="test")
    try:
        ready: Readiness = readiness_of(replace(serving, transactions=Transactions(engine)))
        return dict(await ready.run())
    finally:
        await engine.dispose()


async def set_revision(database: TestDatabase, revision: str) -> None:
    async with database.owner.begin() as connection:
        await connection.execute(
            text("update alembic_version set version_num = :revision"), {"revision": revision}
        )


class TestReadinessOf:
    async def test_holds_on_the_newest_schema(self, serving: Serving) -> None:
        assert await readiness_of(serving).run() == {
            "database": "ok",
            "schema": "ok",
            "walls": "ok",
        }

    async def test_a_schema_of_another_version_is_named(
        self, serving: Serving, migrated: TestDatabase
    ) -> None:
        await set_revision(migrated, "2099_01_01_0000")
        try:
            found = await readiness_of(serving).run()
        finally:
            await set_revision(migrated, Migrator.head())
        assert found["database"] == "ok"
        assert "2099_01_01_0000, which this version does not know" in found["schema"]

    async def test_walls_for_another_role_are_told(
        self, serving: Serving, migrated: TestDatabase
    ) -> None:
        other = SecretStr("postgresql://somebody@localhost/x")
        moved = replace(serving, urls=replace(migrated.urls, serving=other))
        found = await readiness_of(moved).run()
        assert (found["database"], found["schema"]) == ("ok", "ok")
        assert "not those of this version for these roles" in found["walls"]

    async def test_a_database_without_tables_has_no_walls(
        self, serving: Serving, cluster: EmbeddedUrls
    ) -> None:
        urls = await create_database(cluster, "readiness_empty")
        found = await readiness_at(serving, urls.serving)
        assert found["database"] == "ok"
        assert "has no tables yet" in found["schema"]
        assert "not those of this version" in found["walls"]

    @pytest.mark.parametrize(
        ("address", "sentence"),
        [
            ("postgresql://app:hunter2@127.0.0.1:1/x", "cannot be reached at the moment"),
            ("postgresql://app:hunter2@/x?host=/nowhere", "cannot be reached at the moment"),
        ],
    )
    async def test_a_server_that_is_away_is_told_in_our_words(
        self, serving: Serving, address: str, sentence: str
    ) -> None:
        found = await readiness_at(serving, SecretStr(address))
        assert set(found) == {"database", "schema", "walls"}
        assert all(sentence in answer for answer in found.values())

    async def test_a_password_that_was_changed_is_told_without_it(
        self, serving: Serving, migrated: TestDatabase
    ) -> None:
        address = migrated.urls.serving.get_secret_value()
        login, _, rest = address.rpartition("@")
        wrong = SecretStr(f"{login.rpartition(':')[0]}:hunter2@{rest}")
        found = await readiness_at(serving, wrong)
        assert "another password" in found["database"]
        assert "hunter2" not in str(found)
