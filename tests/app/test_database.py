from pathlib import Path

import pytest

from muniment.app.database import bring_up_to_date, database_addresses
from muniment.app.settings import Settings
from muniment.app.tables import all_tables
from muniment.index.settings import VectorSettings
from muniment.kit.errors import ConfigurationError
from muniment.ports.embedding import EmbedderIdentity
from muniment.postgres.embedded.supervisor import EmbeddedUrls
from muniment.postgres.migrator import Migrator
from tests.support.configured import settings_of
from tests.support.database import TestDatabase, create_database, walls_of

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
