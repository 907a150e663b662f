from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from muniment.app.database import bring_up_to_date, database_addresses
from muniment.app.settings import Settings
from muniment.app.tables import all_tables
from muniment.index.settings import VectorSettings
from muniment.kit.errors import ConfigurationError
from muniment.ports.embedding import EmbedderIdentity
from muniment.postgres.embedded.supervisor import EmbeddedUrls
from muniment.postgres.engine import DatabaseUrls, engine_url
from muniment.postgres.migrator import Migrator
from muniment.postgres.roles import UnfitDatabaseError
from muniment.postgres.walls import lost_by_owner
from tests.support.configured import settings_of
from tests.support.database import TestDatabase, as_superuser, create_database, walls_of

# Roles belong to the whole server, which all test processes share: these tests stay in one of them.
pytestmark = pytest.mark.xdist_group("roles")

SPACE = EmbedderIdentity("hashing", 64, "1")


class TestDatabaseAddresses:
    @pytest.mark.parametrize("missing", ["worker_url", "owner_url"])
    async def test_all_three_roles_are_asked_for(self, missing: str) -> None:
        given = {"url": "postgresql://a@h/d", "owner_url": "postgresql://b@h/d"}
        given["worker_url"] = "postgresql://c@h/d"
        del given[missing]
        settings = Settings.model_validate({"database": given})
        with pytest.raises(ConfigurationError, match=rf"database\.{missing} is not"):
            async with database_addresses(settings):
                pass

    async def test_those_of_the_settings_are_taken(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with database_addresses(settings_of(migrated.urls, tmp_path)) as urls:
            assert urls == migrated.urls


class TestBringUpToDate:
    async def test_an_empty_database_gets_everything_and_keeps_it(
        self, cluster: EmbeddedUrls
    ) -> None:
        urls = await create_database(cluster, "brought_up")
        for _ in range(2):
            await bring_up_to_date(urls, SPACE, VectorSettings())
        migrator = Migrator(urls.owner, all_tables())
        assert await migrator.current() == Migrator.head()
        async with migrator.connection() as connection:
            assert await walls_of(urls).are_up(connection)

    async def test_an_owner_named_as_another_role_is_refused_before_anything_changes(
        self, cluster: EmbeddedUrls
    ) -> None:
        urls = await create_database(cluster, "owner_everywhere")
        for wrong in (replace(urls, serving=urls.owner), replace(urls, worker=urls.owner)):
            with pytest.raises(ConfigurationError, match="names the role muniment_owner"):
                await bring_up_to_date(wrong, SPACE, VectorSettings())
        assert await Migrator(urls.owner, all_tables()).current() is None

    async def test_an_owner_without_its_rights_gets_them_back(self, cluster: EmbeddedUrls) -> None:
        urls = await create_database(cluster, "owner_robbed")
        await bring_up_to_date(urls, SPACE, VectorSettings())
        await as_owner(
            urls,
            "revoke all on all tables in schema public from muniment_owner",
            "revoke all on function muniment_erase_account(uuid) from muniment_owner",
            "grant select on alembic_version to muniment_owner",
        )

        await bring_up_to_date(urls, SPACE, VectorSettings())

        await as_owner(urls, "update alembic_version set version_num = version_num")
        async with Migrator(urls.owner, all_tables()).connection() as connection:
            assert await lost_by_owner(connection) == []
            assert await walls_of(urls).are_up(connection)

    async def test_a_database_without_the_extension_is_told_so(self, cluster: EmbeddedUrls) -> None:
        urls = await create_database(cluster, "without_vectors")
        await as_superuser(cluster, "drop extension vector", database="without_vectors")
        with pytest.raises(UnfitDatabaseError, match="pgvector is not installed") as refusal:
            await bring_up_to_date(urls, SPACE, VectorSettings())
        assert "CREATE EXTENSION vector" in f"{refusal.value.hint}"

    async def test_a_mighty_role_is_refused_and_the_walls_stay(self, cluster: EmbeddedUrls) -> None:
        urls = await create_database(cluster, "mighty_role")
        await bring_up_to_date(urls, SPACE, VectorSettings())
        await as_superuser(cluster, "create role mighty login bypassrls")
        try:
            mighty = SecretStr("postgresql://mighty@localhost/mighty_role")
            with pytest.raises(UnfitDatabaseError, match="mighty has BYPASSRLS"):
                await bring_up_to_date(replace(urls, serving=mighty), SPACE, VectorSettings())
        finally:
            await as_superuser(cluster, "drop role mighty")
        async with Migrator(urls.owner, all_tables()).connection() as connection:
            assert await walls_of(urls).are_up(connection)

    async def test_a_role_that_is_missing_is_named(self, cluster: EmbeddedUrls) -> None:
        urls = await create_database(cluster, "missing_role")
        nobody = SecretStr("postgresql://nobody@localhost/missing_role")
        with pytest.raises(UnfitDatabaseError, match="has no role nobody"):
            await bring_up_to_date(replace(urls, worker=nobody), SPACE, VectorSettings())


async def as_owner(urls: DatabaseUrls, *statements: str) -> None:
    engine = create_async_engine(engine_url(urls.owner), poolclass=NullPool)
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()
