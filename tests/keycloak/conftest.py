"""One Keycloak for the whole run, and the product behind it: two servers and two workers."""

import asyncio
import json
import tempfile
import time
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from pydantic import JsonValue, TypeAdapter

from tests.docs.pages import code_blocks, read
from tests.support.ci import skip_unless_ci
from tests.support.keycloak.distribution import missing_programs
from tests.support.keycloak.realm import Realm
from tests.support.keycloak.server import Keycloak, running_keycloak
from tests.trials.sites import Site, fleet_site

START_S = 60.0
GUIDE_REALM = "http://127.0.0.1:8080/realms/muniment"
GUIDE_PRODUCT = "http://127.0.0.1:8000"
OBJECT = TypeAdapter(dict[str, JsonValue])
ISSUERS = TypeAdapter(list[dict[str, JsonValue]])


@pytest.fixture(scope="session")
async def keycloak(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Keycloak]:
    """A real Keycloak; without Java or Maven its tests are skipped, but never in CI."""
    if missing := missing_programs():
        skip_unless_ci(f"a real Keycloak needs {' and '.join(missing)}")
    async with running_keycloak(tmp_path_factory.mktemp("keycloak")) as running:
        yield running


@pytest.fixture(scope="session")
async def realm(keycloak: Keycloak) -> Realm:
    """The realm of the guide."""
    made = Realm(keycloak)
    await made.make()
    return made


def issuers_for(realm: Realm, *, introspection: bool = False) -> list[JsonValue]:
    """Give the settings of the guide, for where the realm is now."""
    blocks = list(code_blocks(read("docs/guides/keycloak.md"), "toml"))
    given = ISSUERS.validate_python(_identity(blocks[0], realm)["issuers"])
    assert given[0]["issuer"] == realm.issuer
    if introspection:
        given[0] |= OBJECT.validate_python(_identity(blocks[1], realm)["issuers"])
    return [{**issuer} for issuer in given]


def web_for(realm: Realm) -> JsonValue:
    """Give what the guide says about signing in with a browser."""
    return _identity(next(code_blocks(read("docs/guides/keycloak.md"), "toml")), realm)["web"]


def _identity(block: str, realm: Realm) -> dict[str, JsonValue]:
    text = block.replace(GUIDE_REALM, realm.issuer)
    return OBJECT.validate_python(tomllib.loads(text)["identity"])


@dataclass(frozen=True)
class Behind:
    """The product behind the realm."""

    realm: Realm
    site: Site

    @property
    def first(self) -> str:
        """Give the address of the server that the provider knows."""
        return self.site.addresses[0]

    @property
    def second(self) -> str:
        """Give the address of the other one."""
        return self.site.addresses[1]

    @asynccontextmanager
    async def caller(
        self, user: str, *, at: str | None = None, client: str = "muniment-test"
    ) -> AsyncIterator[httpx2.AsyncClient]:
        """Give a client with a fresh token of a user."""
        tokens = await self.realm.token_of(user, client)
        async with calling(at or self.first, tokens.access_token) as made:
            yield made


def calling(address: str, token: str) -> httpx2.AsyncClient:
    """Make a client that sends a token."""
    return httpx2.AsyncClient(
        base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=30
    )


@pytest.fixture(scope="session")
def site_folder() -> Iterator[Path]:
    """A folder with a path short enough for a Unix socket, which every account may enter."""
    with tempfile.TemporaryDirectory(prefix="keycloak-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
async def behind(realm: Realm, site_folder: Path) -> AsyncIterator[Behind]:
    """The product, told of the realm, which is told of its first server."""
    settings = {
        "MUNIMENT_IDENTITY__ISSUERS": json.dumps(issuers_for(realm)),
        "MUNIMENT_IDENTITY__WEB": json.dumps(web_for(realm)),
    }
    async with fleet_site(site_folder, pooled=False, settings=settings) as site:
        site.environment["MUNIMENT_SERVER__PUBLIC_URL"] = site.addresses[0]
        await asyncio.gather(*(part.start() for part in site.parts))
        await asyncio.gather(*(_answers(address) for address in site.addresses))
        made = Behind(realm, site)
        await realm.tell(made.first)
        yield made
        await site.stop()


async def _answers(address: str) -> None:
    deadline = time.monotonic() + START_S
    async with httpx2.AsyncClient(base_url=address) as client:
        while True:
            try:
                if (await client.get("/readyz")).is_success:
                    return
            except httpx2.HTTPError:
                pass
            assert time.monotonic() < deadline, f"{address} does not answer"
            await asyncio.sleep(0.1)
