"""The revisions of rights and keys, down and up with rows in the tables."""

from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from muniment.app.tables import all_tables
from muniment.postgres.engine import DatabaseUrls, engine_url
from muniment.postgres.migrator import Migrator
from tests.support.database import migrate
from tests.support.wall_rows import Library, add_library

BEFORE_RIGHTS = "2026_12_01_0500"
BEFORE_NAMES = "2026_12_01_1740"
BEFORE_KEYS = "2026_12_01_1620"
FILL_RIGHTS = (
    "insert into account_rights values (:account, :tenant, '{}', '{}', '/', '{}', now())"
    " on conflict do nothing"
)
FILL_KEY = (
    "insert into api_key (id, account_id, tenant_id, name, prefix, secret_hash, scope, expires_at)"
    " values (:account, :account, :tenant, 'n', 'mun_', 'x', '{a:b}', 'infinity')"
)
COUNT = "select count(*) from {}"


def owner_of(urls: DatabaseUrls) -> AsyncEngine:
    return create_async_engine(engine_url(urls.owner), poolclass=NullPool)


async def fill(urls: DatabaseUrls, library: Library) -> None:
    """Give the account rights and a key."""
    values = {"account": library.account, "tenant": library.tenant}
    async with owner_of(urls).begin() as owner:
        for statement in (
            FILL_RIGHTS,
            FILL_KEY,
        ):
            await owner.execute(text(statement), values)


async def counts(urls: DatabaseUrls, *tables: str) -> list[int]:
    async with owner_of(urls).connect() as owner:
        return [
            int((await owner.execute(text(COUNT.format(table)))).scalar_one()) for table in tables
        ]


async def erase(urls: DatabaseUrls) -> None:
    async with owner_of(urls).begin() as owner:
        await owner.execute(text("update account set status = 'erased'"))


async def test_keys_go_down_and_rights_stay(empty: DatabaseUrls) -> None:
    await migrate(empty)
    async with owner_of(empty).begin() as owner:
        library = await add_library(owner, 1)
    await fill(empty, library)

    await Migrator(empty.owner, all_tables()).downgrade(BEFORE_KEYS)
    assert await counts(empty, "account_rights", "account") == [1, 1]
    await migrate(empty)

    assert await counts(empty, "api_key", "account_rights") == [0, 1]
    await fill(empty, library)
    await erase(empty)
    assert await counts(empty, "api_key", "account_rights") == [0, 0]


async def test_an_erasure_works_without_both(empty: DatabaseUrls) -> None:
    await migrate(empty)
    async with owner_of(empty).begin() as owner:
        library = await add_library(owner, 1)
    await fill(empty, library)

    await Migrator(empty.owner, all_tables()).downgrade(BEFORE_RIGHTS)
    await erase(empty)
    await migrate(empty)

    assert await counts(empty, "api_key", "account_rights", "account") == [0, 0, 1]


async def test_names_go_down_and_their_rights_stay(empty: DatabaseUrls) -> None:
    await migrate(empty)
    async with owner_of(empty).begin() as owner:
        library = await add_library(owner, 1)
    await fill(empty, library)
    async with owner_of(empty).begin() as owner:
        await owner.execute(text("update account_rights set asserted_name = 'Alice'"))

    await Migrator(empty.owner, all_tables()).downgrade(BEFORE_NAMES)
    assert await counts(empty, "account_rights") == [1]
    await migrate(empty)

    async with owner_of(empty).connect() as owner:
        names = await owner.execute(text("select asserted_name from account_rights"))
        assert list(names.scalars()) == [None]
