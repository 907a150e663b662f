"""What the audit says of requests that were refused, and of who signed in, on the whole product."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from muniment.identity.local_issuer import ISSUER
from tests.library.arrange import add, give, make_collection
from tests.support.api_keys import make_key
from tests.support.callers import ADMIN, MEMBER, CallerSpec, bearer
from tests.support.database import TestDatabase
from tests.support.trail import Entry, trail_of
from tests.support.whole_product import WholeProduct, whole_product

ME, USERS, COLLECTIONS = "/api/v1/users/me", "/api/v1/users", "/api/v1/collections"
STRANGERS = "anonymous 127.0.0.0/24"


@pytest.fixture(scope="module")
async def product(
    migrated: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WholeProduct]:
    async with whole_product(migrated, tmp_path_factory.mktemp("refusals")) as opened:
        yield opened


@pytest.fixture(autouse=True)
async def forgotten(product: WholeProduct, migrated: TestDatabase) -> None:
    """Begin with an empty audit."""
    await product.serving.sign_in.counter.flush()
    async with migrated.owner.begin() as owner:
        await owner.execute(text("delete from audit_entry"))


@pytest.fixture
async def alice(product: WholeProduct) -> AsyncIterator[httpx2.AsyncClient]:
    async with product.client(CallerSpec("alice", MEMBER)) as client:
        yield client


@pytest.fixture
async def nobody(product: WholeProduct) -> AsyncIterator[httpx2.AsyncClient]:
    async with product.client(None) as client:
        yield client


@pytest.fixture
async def admin(product: WholeProduct) -> AsyncIterator[httpx2.AsyncClient]:
    async with product.client(CallerSpec("ada", ADMIN)) as client:
        yield client


async def told(product: WholeProduct, database: TestDatabase, *actions: str) -> Sequence[Entry]:
    await product.serving.sign_in.counter.flush()
    return await trail_of(database, *actions)


class TestDenied:
    async def test_for_want_of_a_permission(
        self, product: WholeProduct, migrated: TestDatabase, alice: httpx2.AsyncClient
    ) -> None:
        me = (await alice.get(ME)).json()["id"]
        for path in (USERS, f"{USERS}/{me}", USERS):
            answer = await alice.get(path, headers={"X-Request-ID": "asked"})
            assert answer.status_code == 403
        [entry] = await told(product, migrated, "access.denied")
        assert (entry.outcome, entry.count) == ("denied", 3)
        assert (entry.actor_id, entry.request_id) == (UUID(me), "asked")
        assert entry.details == {"reason": "permission_denied", "route": f"GET {USERS}"}
        assert str(entry.address) == "127.0.0.1"

    async def test_by_a_rule_of_the_handler_which_is_rolled_back(
        self,
        product: WholeProduct,
        migrated: TestDatabase,
        alice: httpx2.AsyncClient,
    ) -> None:
        collection = await make_collection(alice)
        await give(alice, collection, "everyone", "reader")
        async with product.client(CallerSpec("bob", MEMBER)) as bob:
            path = f"{COLLECTIONS}/{collection}"
            assert (await bob.delete(path, headers={"If-Match": "*"})).status_code == 403
        entries = await told(product, migrated, "access.denied", "collection.deleted")
        assert [(entry.outcome, entry.details["reason"]) for entry in entries] == [
            ("denied", "not_an_owner")
        ]

    async def test_with_a_body_that_nobody_could_read(
        self, product: WholeProduct, migrated: TestDatabase, nobody: httpx2.AsyncClient
    ) -> None:
        assert (await nobody.post(USERS, content=b"{")).status_code == 401
        [entry] = await told(product, migrated)
        assert (entry.actor, entry.details["route"]) == (STRANGERS, f"POST {USERS}")

    async def test_not_for_what_is_not_there_or_hidden(
        self, product: WholeProduct, migrated: TestDatabase, alice: httpx2.AsyncClient
    ) -> None:
        path = f"{COLLECTIONS}/01981f2e-5c6a-7d1f-8a3b-0c9d2e4f6a81"
        assert (await alice.get(path)).status_code == 404
        assert await told(product, migrated, "access.denied") == []


class TestKey:
    async def test_is_named_in_what_is_done_and_refused_with_it(
        self, product: WholeProduct, migrated: TestDatabase, alice: httpx2.AsyncClient
    ) -> None:
        collection = await make_collection(alice)
        documents = [await add(alice, collection, f"{number}.txt") for number in range(2)]
        key = await make_key(product, CallerSpec("alice", MEMBER))
        paths = [f"/api/v1/documents/{document}" for document in documents]
        async with product.client(None) as client:
            headers = {"If-Match": "*", **bearer(key.secret)}
            assert (await client.delete(paths[0], headers=headers)).status_code == 204
            assert (await client.get(USERS, headers=headers)).status_code == 403
        assert (await alice.delete(paths[1], headers={"If-Match": "*"})).status_code == 204
        entries = await told(product, migrated, "document.deleted", "access.denied")
        named = sorted((entry.action, str(entry.details.get("key_id"))) for entry in entries)
        assert named == [
            ("access.denied", key.id),
            *sorted([("document.deleted", key.id), ("document.deleted", "None")]),
        ]

    async def test_that_was_revoked_is_told_to_the_tenant_of_its_owner(
        self, product: WholeProduct, migrated: TestDatabase, alice: httpx2.AsyncClient
    ) -> None:
        key = await make_key(product, CallerSpec("alice", MEMBER))
        (await alice.delete(f"/api/v1/api-keys/{key.id}")).raise_for_status()
        async with product.client(None) as client:
            assert (await client.get(ME, headers=bearer(key.secret))).status_code == 401
        [entry] = await told(product, migrated, "sign_in.refused")
        me = (await alice.get(ME)).json()["id"]
        assert (str(entry.actor_id), entry.outcome) == (me, "failed")
        assert (entry.details["reason"], entry.details["key_id"]) == ("key_revoked", key.id)


class TestSignInRefused:
    async def test_without_a_credential(
        self, product: WholeProduct, migrated: TestDatabase, nobody: httpx2.AsyncClient
    ) -> None:
        assert (await nobody.get(ME)).status_code == 401
        [entry] = await told(product, migrated)
        assert (entry.action, entry.outcome) == ("sign_in.refused", "failed")
        assert (entry.actor, entry.tenant_id, entry.actor_id) == (STRANGERS, None, None)
        assert entry.details == {"reason": "authentication_required", "route": f"GET {ME}"}

    @pytest.mark.parametrize(
        ("authorization", "reason"),
        [
            ("Bearer not-a-token", "form"),
            ("Bearer a.b.c", "form"),
            ("Basic YTpi", "scheme"),
            ("Bearer mun_something", "key_form"),
        ],
    )
    async def test_says_why_and_nothing_of_the_credential(
        self,
        product: WholeProduct,
        migrated: TestDatabase,
        nobody: httpx2.AsyncClient,
        authorization: str,
        reason: str,
    ) -> None:
        answer = await nobody.get(ME, headers={"Authorization": authorization})
        assert answer.status_code == 401
        [entry] = await told(product, migrated)
        assert entry.details == {"reason": reason, "route": f"GET {ME}"}

    async def test_with_two_credentials(
        self, product: WholeProduct, migrated: TestDatabase, nobody: httpx2.AsyncClient
    ) -> None:
        twice = [("Authorization", "Bearer a"), ("Authorization", "Bearer b")]
        assert (await nobody.get(ME, headers=twice)).status_code == 401
        [entry] = await told(product, migrated)
        assert entry.details["reason"] == "many_headers"

    async def test_of_who_is_disabled_is_told_to_their_tenant(
        self, product: WholeProduct, migrated: TestDatabase, admin: httpx2.AsyncClient
    ) -> None:
        token = product.serving.sign_in.local_issuer.mint("dora", roles=MEMBER)
        async with product.client(None) as client:
            dora = (await client.get(ME, headers=bearer(token))).json()["id"]
            path = f"{USERS}/{dora}"
            await admin.patch(path, json={"status": "disabled"}, headers={"If-Match": "*"})
            assert (await client.get(ME, headers=bearer(token))).status_code == 401
        await product.serving.sign_in.counter.flush()
        params = {"actor": dora, "action": "sign_in.refused"}
        [shown] = (await admin.get("/api/v1/audit", params=params)).json()["items"]
        assert (shown["outcome"], shown["details"]["reason"]) == ("failed", "disabled")

    async def test_of_strangers_is_told_to_no_tenant(
        self,
        product: WholeProduct,
        nobody: httpx2.AsyncClient,
        admin: httpx2.AsyncClient,
    ) -> None:
        await nobody.get(ME)
        await product.serving.sign_in.counter.flush()
        answer = await admin.get("/api/v1/audit", params={"action": "sign_in.refused"})
        assert answer.json()["items"] == []


class TestSignIn:
    async def test_is_one_entry_for_one_token_however_often_it_is_shown(
        self, product: WholeProduct, migrated: TestDatabase
    ) -> None:
        async with product.client(CallerSpec("sina", MEMBER)) as client:
            ids = {(await client.get(ME)).json()["id"] for _ in range(3)}
        [entry] = await told(product, migrated, "sign_in")
        assert {str(entry.actor_id)} == ids
        assert (entry.outcome, entry.count) == ("done", 1)
        assert entry.actor.startswith(f"{ISSUER}|")

    async def test_on_the_command_line_is_none(
        self, product: WholeProduct, migrated: TestDatabase
    ) -> None:
        token = product.serving.sign_in.local_issuer.mint("clive", roles=MEMBER)
        await product.serving.sign_in.command_line.authenticate(token)
        assert await told(product, migrated) == []
