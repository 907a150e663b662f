"""A server that browsers can sign in at, and the provider that it trusts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text
from starlette.types import ASGIApp

from tests.support.browser import PUBLIC_URL, Browser
from tests.support.database import TestDatabase
from tests.support.fake_idp import AUDIENCE, CLIENT
from tests.support.fake_provider import SECRET, FakeProvider, fake_provider
from tests.support.whole_product import WholeProduct, whole_product


def settings_for(provider: FakeProvider) -> dict[str, dict[str, object]]:
    """Give the settings that trust the provider, for browsers too."""
    issuer = {
        "issuer": provider.issuer,
        "audience": AUDIENCE,
        "clients": [CLIENT],
        "tenant": "acme",
    }
    web = {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": SECRET}
    return {
        "server": {"public_url": PUBLIC_URL},
        "identity": {"issuers": [issuer], "web": web},
    }


@dataclass
class Place:
    """Where browsers sign in."""

    provider: FakeProvider
    product: WholeProduct
    database: TestDatabase
    opened: list[Browser] = field(default_factory=list)

    @property
    def app(self) -> ASGIApp:
        return self.product.asgi

    def browser(self) -> Browser:
        """Open one more browser; the fixture closes it."""
        self.opened.append(Browser.at(self.app))
        return self.opened[-1]

    async def close(self) -> None:
        while self.opened:
            await self.opened.pop().close()

    async def run(self, statement: str, **values: object) -> None:
        """Change rows behind everybody's back."""
        async with self.database.owner.begin() as owner:
            await owner.execute(text(statement), values)

    async def ask(self, statement: str, **values: object) -> list[tuple[object, ...]]:
        """Read rows behind everybody's back."""
        async with self.database.owner.connect() as owner:
            return [tuple(row) for row in await owner.execute(text(statement), values)]

    async def let_tokens_expire(self, by: str = "1 second") -> None:
        """Let the access tokens of all sessions have expired this long ago."""
        await self.run(f"update web_session set access_expires_at = now() - interval '{by}'")


@asynccontextmanager
async def place_of(
    database: TestDatabase, folder: Path, provider: FakeProvider, **identity: object
) -> AsyncIterator[Place]:
    """Open a server that trusts the provider; further settings of identity may be given."""
    settings = settings_for(provider)
    settings["identity"] = {**settings["identity"], **identity}
    async with whole_product(database, folder, **settings) as product:
        place = Place(provider, product, database)
        yield place
        await place.close()


@pytest.fixture(scope="module")
async def running(
    migrated: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Place]:
    """One server for all tests of a module: to start one takes longer than most of them."""
    async with (
        fake_provider() as provider,
        place_of(migrated, tmp_path_factory.mktemp("product"), provider) as place,
    ):
        yield place


@pytest.fixture
async def place(running: Place) -> AsyncIterator[Place]:
    running.provider.forget()
    yield running
    await running.close()
    await running.database.clean()


@pytest.fixture
def browser(place: Place) -> Browser:
    return place.browser()
