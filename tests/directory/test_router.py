"""The route on the whole product: who finds whom."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from sqlalchemy import text

from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from tests.profiles.arrange import ME, disable, patch
from tests.support.api_keys import make_key, sign_in
from tests.support.callers import ADMIN, MEMBER, CallerSpec, bearer
from tests.support.database import TestDatabase
from tests.support.whole_product import WholeProduct, whole_product

PATH = "/api/v1/principals"
ALICE = CallerSpec("alice", MEMBER, groups=("/eng/search",))
BOB = CallerSpec("Bob Exampleton", MEMBER, groups=("/eng/build",))
EVE = CallerSpec("Eve Notexample", MEMBER, groups=("/sales",))
ADA = CallerSpec("ada", ADMIN)
MALLORY = CallerSpec("Mallory Example", (*MEMBER, *ADMIN), groups=("/eng/moles",), tenant="other")


async def open_with(
    migrated: TestDatabase, factory: pytest.TempPathFactory, **rules: str
) -> AsyncIterator[WholeProduct]:
    folder = factory.mktemp("directory")
    async with whole_product(migrated, folder, identity={"directory": rules}) as opened:
        for caller in (ALICE, BOB, EVE, ADA, MALLORY):
            await sign_in(opened, caller)
        yield opened


@pytest.fixture
async def product(
    migrated: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WholeProduct]:
    async for opened in open_with(migrated, tmp_path_factory):
        yield opened


@pytest.fixture
async def open_tenant(
    migrated: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WholeProduct]:
    """Give a product where all groups of the tenant are found."""
    async for opened in open_with(migrated, tmp_path_factory, groups="tenant"):
        yield opened


@pytest.fixture
async def narrow(
    migrated: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WholeProduct]:
    """Give a product where those find each other who share a group, and no groups."""
    async for opened in open_with(migrated, tmp_path_factory, people="groups", groups="nobody"):
        yield opened


@pytest.fixture
async def closed(
    migrated: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WholeProduct]:
    """Give a product where nobody is found."""
    async for opened in open_with(migrated, tmp_path_factory, people="nobody", groups="nobody"):
        yield opened


async def ask(product: WholeProduct, caller: CallerSpec, **params: str | int) -> httpx2.Response:
    async with product.client(caller) as client:
        return await client.get(PATH, params=params)


async def labels(product: WholeProduct, caller: CallerSpec, query: str) -> list[str]:
    answer = await ask(product, caller, query=query, limit=20)
    assert answer.status_code == 200, answer.text
    return [item["label"] for item in answer.json()["items"]]


async def call_me(product: WholeProduct, caller: CallerSpec, name: str) -> None:
    async with product.client(caller) as client:
        changed = await patch(client, ME, {"display_name": name})
    assert changed.status_code == 200


async def run(database: TestDatabase, statement: str) -> None:
    async with database.owner.begin() as owner:
        await owner.execute(text(statement))


class TestWhatIsFound:
    async def test_is_what_a_grant_takes_and_nothing_else(self, product: WholeProduct) -> None:
        bob: Principal = await sign_in(product, BOB)
        people = await ask(product, ALICE, query="bob")
        assert people.json() == {
            "items": [
                {"principal": f"user:{bob.user_id}", "kind": "user", "label": "Bob Exampleton"}
            ]
        }
        groups = await ask(product, ALICE, query="ENG")
        assert groups.json()["items"] == [
            {"principal": "group:/eng", "kind": "group", "label": "/eng"},
            {"principal": "group:/eng/search", "kind": "group", "label": "/eng/search"},
        ]
        async with product.client(ALICE) as client:
            made = await client.post("/api/v1/collections", json={"name": "Plans"})
            path = f"/api/v1/collections/{made.json()['id']}/grants"
            for found in (people, groups):
                grant = {"principal": found.json()["items"][0]["principal"], "role": "reader"}
                assert (await client.post(path, json=grant)).status_code == 201

    async def test_has_those_first_of_whom_a_word_begins_so(self, product: WholeProduct) -> None:
        await call_me(product, ALICE, "Zoe Example")
        found = await labels(product, ALICE, "exampl")
        assert found == ["alice (Zoe Example)", "Bob Exampleton", "Eve Notexample"]

    async def test_shows_what_the_issuer_vouches_for_before_what_somebody_says(
        self, product: WholeProduct
    ) -> None:
        await call_me(product, EVE, "Bob Exampleton")
        assert await labels(product, ALICE, "exampleton") == [
            "Bob Exampleton",
            "Eve Notexample (Bob Exampleton)",
        ]
        await call_me(product, BOB, "bob exampleton")
        assert "Bob Exampleton" in await labels(product, ALICE, "exampleton")

    async def test_is_found_by_either_name(
        self, product: WholeProduct, migrated: TestDatabase
    ) -> None:
        await call_me(product, BOB, "Bobby")
        assert await labels(product, ALICE, "bobby") == ["Bob Exampleton (Bobby)"]
        assert await labels(product, ALICE, "pleton") == ["Bob Exampleton (Bobby)"]
        await run(migrated, "delete from account_rights")
        assert await labels(product, ALICE, "bobby") == ["Bobby"]
        assert await labels(product, ALICE, "pleton") == []

    async def test_is_looked_for_literally(self, product: WholeProduct) -> None:
        for query in ("B%b", "B_b", "%%", "__", "bob'", "--", "\\\\", "e)"):
            assert await labels(product, ALICE, query) == [], query

    async def test_can_hold_any_character(self, product: WholeProduct) -> None:
        await call_me(product, BOB, "100%_(Éloïse)")
        for query in ("0%", "%_", "(É", "éLOÏ", " 100"):
            assert await labels(product, ALICE, query) == ["Bob Exampleton (100%_(Éloïse))"], query

    async def test_is_as_many_as_wanted(self, product: WholeProduct) -> None:
        answer = await ask(product, ALICE, query="ex", limit=1)
        assert [item["label"] for item in answer.json()["items"]] == ["Bob Exampleton"]

    async def test_needs_a_question(self, product: WholeProduct) -> None:
        asked: tuple[dict[str, str | int], ...] = (
            {},
            {"query": "a"},
            {"query": " a "},
            {"query": "a\n b"},
            {"query": "x" * 201},
            {"query": "ab", "limit": 0},
            {"query": "ab", "limit": 21},
        )
        for params in asked:
            refused = await ask(product, ALICE, **params)
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input"), params


class TestWhoFinds:
    async def test_is_who_may_share(self, product: WholeProduct) -> None:
        for caller, status in ((ALICE, 200), (ADA, 403), (CallerSpec("nina", ()), 403)):
            assert (await ask(product, caller, query="bob")).status_code == status
        async with product.client(None) as nobody:
            assert (await nobody.get(PATH, params={"query": "bob"})).status_code == 401

    @pytest.mark.parametrize(
        ("scope", "status"),
        [
            ((Permission.COLLECTIONS_WRITE,), 200),
            ((Permission.COLLECTIONS_READ, Permission.SEARCH_QUERY), 403),
        ],
    )
    async def test_a_key_needs_it_in_its_scope(
        self, product: WholeProduct, scope: tuple[Permission, ...], status: int
    ) -> None:
        key = await make_key(product, ALICE, *scope)
        async with product.client(None) as client:
            answer = await client.get(PATH, params={"query": "eng"}, headers=bearer(key.secret))
        assert answer.status_code == status

    async def test_nobody_finds_another_tenant(self, open_tenant: WholeProduct) -> None:
        assert await labels(open_tenant, MALLORY, "bob") == []
        assert await labels(open_tenant, MALLORY, "ex") == ["Mallory Example"]
        assert await labels(open_tenant, MALLORY, "eng") == ["/eng", "/eng/moles"]
        assert await labels(open_tenant, ALICE, "mallory") == []
        assert await labels(open_tenant, ALICE, "mole") == []


class TestWhoIsGone:
    async def test_disabled_is_not_found(self, open_tenant: WholeProduct) -> None:
        bob = await sign_in(open_tenant, BOB)
        async with open_tenant.client(ADA) as ada:
            await disable(ada, f"/api/v1/users/{bob.user_id}")
        assert await labels(open_tenant, ALICE, "bob") == []
        assert await labels(open_tenant, ALICE, "build") == []

    async def test_erased_is_not_found_and_not_kept(
        self, open_tenant: WholeProduct, migrated: TestDatabase
    ) -> None:
        await call_me(open_tenant, BOB, "Bobby")
        bob = await sign_in(open_tenant, BOB)
        async with open_tenant.client(ADA) as ada:
            erased = await ada.delete(f"/api/v1/users/{bob.user_id}", headers={"If-Match": "*"})
        assert erased.status_code == 204
        assert await labels(open_tenant, ALICE, "bob") == []
        assert await labels(open_tenant, ALICE, "build") == []
        async with migrated.owner.connect() as owner:
            names = await owner.execute(text("select asserted_name from account_rights"))
            assert "Bob Exampleton" not in list(names.scalars())


class TestSettings:
    async def test_own_groups_are_those_that_one_is_in(self, product: WholeProduct) -> None:
        assert await labels(product, ALICE, "build") == []
        assert await labels(product, ALICE, "sales") == []
        assert await labels(product, BOB, "/e") == ["/eng", "/eng/build"]

    async def test_all_groups_are_those_of_active_users(
        self, open_tenant: WholeProduct, migrated: TestDatabase
    ) -> None:
        assert await labels(open_tenant, ALICE, "eng") == ["/eng", "/eng/build", "/eng/search"]
        assert await labels(open_tenant, ALICE, "sales") == ["/sales"]
        await run(migrated, "update account_rights set verified_at = now() - interval '31 days'")
        assert await labels(open_tenant, ALICE, "sales") == []

    async def test_no_group_is_above_the_prefix_of_its_issuer(
        self, open_tenant: WholeProduct, migrated: TestDatabase
    ) -> None:
        groups = "'{/corp/hq/hall, /corp/hq}', group_prefix = '/corp/hq'"
        await run(
            migrated, f"update account_rights set groups = {groups} where '/sales' = any (groups)"
        )
        assert await labels(open_tenant, ALICE, "corp") == ["/corp/hq", "/corp/hq/hall"]

    async def test_people_of_shared_groups(
        self, narrow: WholeProduct, migrated: TestDatabase
    ) -> None:
        assert await labels(narrow, ALICE, "ex") == ["Bob Exampleton"]
        assert await labels(narrow, EVE, "ex") == ["Eve Notexample"]
        assert await labels(narrow, CallerSpec("nina", MEMBER), "ex") == []
        assert await labels(narrow, ALICE, "eng") == []
        await run(migrated, "update account_rights set group_prefix = '/eng/build'")
        assert await labels(narrow, ALICE, "bob") == []

    async def test_groups_of_long_ago_are_not_shared(
        self, narrow: WholeProduct, migrated: TestDatabase
    ) -> None:
        await run(migrated, "update account_rights set verified_at = now() - interval '31 days'")
        assert await labels(narrow, ALICE, "bob") == []

    async def test_nobody_is_nobody(self, closed: WholeProduct) -> None:
        for query in ("ex", "eng", "alice"):
            assert await labels(closed, ALICE, query) == []
