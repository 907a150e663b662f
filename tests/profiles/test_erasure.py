"""What becomes of the things of a user who is erased."""

from uuid import UUID

import httpx2
import pytest
from sqlalchemy import insert, select, text

from muniment.identity.local_issuer import ISSUER
from muniment.identity.models import Account
from muniment.library.models import Collection, CollectionGrant, Document
from tests.profiles.arrange import ME, USERS, patch, path_of
from tests.support.app import ClientMaker
from tests.support.callers import ADMIN
from tests.support.database import TestDatabase

BY_NAME = f"user:{ISSUER}|bob"


class Arrangement:
    """Rows that a user of the default tenant has a part in."""

    def __init__(self, database: TestDatabase, user_id: UUID, tenant_id: int) -> None:
        self._database = database
        self._user_id = user_id
        self._tenant_id = tenant_id

    async def collection(self, **grants: str) -> UUID:
        """Make a collection with grants: `bob="owner"`, `role_auditor="reader"`."""
        names = {"bob": f"user:{self._user_id}", "bob_by_name": BY_NAME}
        values = {"tenant_id": self._tenant_id, "name": "c", "created_by": self._user_id}
        async with self._database.owner.begin() as connection:
            made = insert(Collection).values(values).returning(Collection.id)
            collection_id: UUID = (await connection.execute(made)).scalar_one()
            for name, role in grants.items():
                grant = {
                    "collection_id": collection_id,
                    "tenant_id": self._tenant_id,
                    "principal": names.get(name, name.replace("_", ":")),
                    "role": role,
                }
                await connection.execute(insert(CollectionGrant).values(grant))
        return collection_id

    async def document(self, collection_id: UUID, *any_of: str) -> UUID:
        values = {
            "tenant_id": self._tenant_id,
            "collection_id": collection_id,
            "name": "d",
            "media_type": "text/plain",
            "size": 1,
            "created_by": self._user_id,
            "rule": {"any_of": list(any_of)},
            "rule_principals": list(any_of),
        }
        async with self._database.owner.begin() as connection:
            made = insert(Document).values(values).returning(Document.id)
            document_id: UUID = (await connection.execute(made)).scalar_one()
        return document_id

    async def grants(self, collection_id: UUID) -> dict[str, str]:
        statement = select(CollectionGrant.principal, CollectionGrant.role).where(
            CollectionGrant.collection_id == collection_id
        )
        async with self._database.owner.connect() as connection:
            return {row.principal: row.role for row in await connection.execute(statement)}


@pytest.fixture
def root(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("root", roles=ADMIN)


@pytest.fixture
async def bobs(client_of: ClientMaker, database: TestDatabase) -> Arrangement:
    user_id = UUID((await client_of("bob").get(ME)).json()["id"])
    async with database.owner.connect() as connection:
        found = select(Account.tenant_id).where(Account.id == user_id)
        tenant_id: int = (await connection.execute(found)).scalar_one()
    return Arrangement(database, user_id, tenant_id)


@pytest.fixture
async def bob(client_of: ClientMaker, bobs: Arrangement) -> str:
    return await path_of(client_of("bob"))


class TestErasedUser:
    @pytest.mark.parametrize("name", ["bob", "bob_by_name"])
    async def test_leaves_collections_to_the_admins(
        self, root: httpx2.AsyncClient, bobs: Arrangement, bob: str, name: str
    ) -> None:
        collection_id = await bobs.collection(**{name: "owner", "role_auditor": "reader"})
        assert (await root.delete(bob, headers={"If-Match": "*"})).status_code == 204
        assert await bobs.grants(collection_id) == {"role:admin": "owner", "role:auditor": "reader"}

    async def test_leaves_shared_collections_to_their_other_owners(
        self, root: httpx2.AsyncClient, bobs: Arrangement, bob: str
    ) -> None:
        collection_id = await bobs.collection(bob="owner", role_auditor="owner")
        await root.delete(bob, headers={"If-Match": "*"})
        assert await bobs.grants(collection_id) == {"role:auditor": "owner"}

    async def test_takes_no_ownership_where_there_was_none(
        self, root: httpx2.AsyncClient, bobs: Arrangement, bob: str
    ) -> None:
        collection_id = await bobs.collection(bob="reader", everyone="editor")
        await root.delete(bob, headers={"If-Match": "*"})
        assert await bobs.grants(collection_id) == {"everyone": "editor"}

    async def test_stands_in_no_access_rule_any_more(
        self, root: httpx2.AsyncClient, bobs: Arrangement, bob: str, database: TestDatabase
    ) -> None:
        collection_id = await bobs.collection(bob="owner")
        document_id = await bobs.document(collection_id, BY_NAME, "group:/eng")
        await root.delete(bob, headers={"If-Match": "*"})
        async with database.owner.connect() as connection:
            statement = select(
                Document.rule, Document.rule_principals, Document.acl, Document.revision
            )
            row = (await connection.execute(statement.where(Document.id == document_id))).one()
        assert row.rule == {"any_of": ["group:/eng"]}
        assert row.rule_principals == ["group:/eng"]
        assert row.revision == 2
        names = {name.partition(":")[2] for name in row.acl}
        assert BY_NAME not in names
        assert "group:/eng" in names


class TestTokensOfAnErasedUser:
    async def test_are_refused_from_then_on(
        self, root: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        bob = client_of("bob")
        await root.delete(await path_of(bob), headers={"If-Match": "*"})
        response = await bob.get(ME)
        assert response.status_code == 401
        assert response.json()["code"] == "invalid_token"
        assert "bob" not in (await root.get(USERS)).text

    async def test_are_refused_even_if_the_user_is_made_known_again(
        self, root: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        bob = client_of("bob")
        await root.delete(await path_of(bob), headers={"If-Match": "*"})
        body = {"issuer": ISSUER, "subject": "bob"}
        assert (await root.post(USERS, json=body)).status_code == 201
        assert (await bob.get(ME)).status_code == 401

    async def test_of_a_later_sign_in_are_those_of_a_new_user(
        self, root: httpx2.AsyncClient, client_of: ClientMaker, database: TestDatabase
    ) -> None:
        bob = client_of("bob")
        path = await path_of(bob)
        await patch(bob, ME, {"display_name": "Bob"})
        await root.delete(path, headers={"If-Match": "*"})
        async with database.owner.begin() as connection:
            # As if it had been a minute ago.
            moved = "update erased_subject set erased_at = erased_at - interval '1 minute'"
            await connection.execute(text(moved))
        assert (await bob.get(ME)).json()["display_name"] is None
        assert await path_of(bob) != path
