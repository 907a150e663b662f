"""Every operation as every kind of caller, on the whole product: statuses, and what is shown."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypedDict

import httpx2
import pytest

from muniment.identity.local_issuer import ISSUER, KEY_FILE
from tests.journeys.audited import LEAVES, entries_of
from tests.journeys.authorization import (
    CALLERS,
    PAGE,
    SEES_COLLECTION,
    SEES_DOCUMENT,
    SEES_SOURCE,
    Observed,
    Row,
    read_table,
    write_page,
)
from tests.library.arrange import give, mark_failed, name_of, restrict
from tests.support.api_keys import make_key
from tests.support.callers import ADMIN, AUDITOR, MEMBER, CallerSpec, bearer
from tests.support.database import TestDatabase
from tests.support.forging import Forger
from tests.support.whole_product import WholeProduct, whole_product

pytestmark = pytest.mark.xdist_group("matrix")  # one process publishes all of it
SAFE = frozenset({"GET", "HEAD"})
DOCUMENT_NAME = "heron-plan.txt"
DOCUMENT_TEXT = "The heron flies to the lighthouse at dawn."
COLLECTION_NAME = "Marshland papers"
USER_SUBJECT = "kingfisher"
SOURCE_URL = "http://10.0.0.1/cormorant"
"""An address that is refused before anything is asked."""
SECRETS: Mapping[str, tuple[str, ...]] = {
    "document": (DOCUMENT_NAME, "heron", "lighthouse"),
    "collection": (COLLECTION_NAME,),
    "source": ("cormorant",),
    "user": (USER_SUBJECT,),
    "key": ("A script",),
}
SEES: Mapping[str, frozenset[str]] = {
    "document": SEES_DOCUMENT,
    "collection": SEES_COLLECTION,
    "source": SEES_SOURCE,
    "user": frozenset({"admin"}),
    "key": frozenset({"owner"}),
}
SPECS: Mapping[str, CallerSpec] = {
    "owner": CallerSpec("olga", MEMBER),
    "editor": CallerSpec("edith", MEMBER, groups=("/staff",), attributes={"clearance": 3}),
    "reader": CallerSpec("rene", MEMBER, groups=("/staff/night",), attributes={"clearance": 3}),
    "barred": CallerSpec("bart", MEMBER, groups=("/staff",), attributes={"clearance": 2}),
    "by group": CallerSpec("gwen", MEMBER, groups=("/staff/day",), attributes={"clearance": 3}),
    "outsider": CallerSpec("otto", MEMBER, groups=("/other",), attributes={"clearance": 9}),
    "auditor": CallerSpec("audrey", AUDITOR),
    "stranger": CallerSpec("stan", MEMBER),
    "foreign": CallerSpec("fay", (*MEMBER, *ADMIN), groups=("/staff",), tenant="elsewhere"),
    "admin": CallerSpec("ada", ADMIN),
    "no role": CallerSpec("nora", ()),
    "disabled": CallerSpec("dora", (*MEMBER, *ADMIN), groups=("/staff",)),
}


ROLES = {"editor": "editor", "reader": "reader", "barred": "reader", "outsider": "reader"}
FORGED: Mapping[str, Mapping[str, object]] = {
    "expired": {"iat": 1_700_000_000, "exp": 1_700_000_300},
    "other client": {"azp": "another-application"},
}


@dataclass(frozen=True)
class Stage:
    """Objects that nobody has touched yet."""

    number: int
    collection_id: str
    document_id: str
    source_id: str
    user_id: str
    key_id: str | None
    """Only made where a row asks for it: there may not be many."""


class Sent(TypedDict, total=False):
    """What goes with a request."""

    json: object
    params: Mapping[str, str]
    files: Mapping[str, tuple[str, bytes]]
    data: Mapping[str, str]


def nothing(_stage: Stage) -> Sent:
    """Send no body."""
    return {}


STAFF_ONLY = {
    "any_of": ["group:/staff"],
    "all": [{"attribute": "clearance", "gte": 3}],
}
QUESTION = "Where does the heron fly to?"
BODIES: Mapping[str, Callable[[Stage], Sent]] = {
    "PATCH /api/v1/users/me": lambda _: {"json": {"locale": "de"}},
    "POST /api/v1/users": lambda stage: {
        "json": {"issuer": ISSUER, "subject": f"new-{stage.number}"}
    },
    "PATCH /api/v1/users/{user_id}": lambda _: {"json": {"status": "disabled"}},
    "POST /api/v1/api-keys": lambda _: {"json": {"name": "k", "scope": ["search:query"]}},
    "GET /api/v1/principals": lambda _: {"params": {"query": "staff"}},
    "POST /api/v1/search": lambda _: {"json": {"query": QUESTION}},
    "POST /api/v1/search (in the collection)": lambda stage: {
        "json": {"query": QUESTION, "collections": [stage.collection_id]}
    },
    "POST /api/v1/answers": lambda _: {"json": {"question": QUESTION}},
    "POST /api/v1/answers (in the collection)": lambda stage: {
        "json": {"question": QUESTION, "collections": [stage.collection_id]}
    },
    "POST /api/v1/collections": lambda _: {"json": {"name": "Something else"}},
    "PATCH /api/v1/collections/{collection_id}": lambda _: {"json": {"description": "wet"}},
    "POST /api/v1/collections/{collection_id}/grants": lambda _: {
        "json": {"principal": "role:auditor", "role": "reader"}
    },
    "DELETE /api/v1/collections/{collection_id}/grants": lambda _: {
        "params": {"principal": "group:/leaving"}
    },
    "POST /api/v1/collections/{collection_id}/documents": lambda _: {
        "files": {"file": ("other.txt", b"Something else.")}
    },
    "POST /api/v1/collections/{collection_id}/sources": lambda _: {
        "json": {"url": "http://10.0.0.2/"}
    },
    "PATCH /api/v1/sources/{source_id}": lambda _: {"json": {"refetch_every": "P1D"}},
    "PATCH /api/v1/documents/{document_id}": lambda _: {"json": {"metadata": {"year": 2026}}},
    "GET /api/v1/documents/{document_id}/access/explanation": lambda _: {
        "params": {"user": f"{ISSUER}|rene", "group": "/staff", "attribute": "clearance=3"}
    },
    "POST /auth/backchannel-logout (a bad token)": lambda _: {
        "data": {"logout_token": "not.a.token"}
    },
    "PUT /api/v1/documents/{document_id}/access": lambda _: {
        "json": {"rule": {"any_of": ["group:/staff", "role:auditor"]}}
    },
}


class World:
    """The callers, and fresh objects for them to try their rights on."""

    def __init__(
        self,
        product: WholeProduct,
        database: TestDatabase,
        clients: Mapping[str, httpx2.AsyncClient],
        forger: Forger,
    ) -> None:
        self._forger = forger
        self._product = product
        self._database = database
        self._clients = clients
        self._numbers = count()
        self._names: dict[str, str] = {}

    async def people(self) -> None:
        """Sign everybody in once, and disable the one who is to be disabled."""
        self._names = {caller: await name_of(self._clients[caller]) for caller in SPECS}
        answer = await self._clients["admin"].patch(
            f"/api/v1/users/{self._names['disabled'].removeprefix('user:')}",
            json={"status": "disabled"},
            headers={"If-Match": "*"},
        )
        assert answer.status_code == 200, answer.text
        keys = {
            caller: await make_key(self._product, SPECS["owner"])
            for caller in ("key", "revoked key")
        }
        for caller, key in keys.items():
            self._clients[caller].headers.update(bearer(key.secret))
        for caller, claims in FORGED.items():
            token = self._forger.alter(SPECS["owner"], claims)
            self._clients[caller].headers.update(bearer(token))
        path = f"/api/v1/api-keys/{keys['revoked key'].id}"
        revoked = await self._clients["owner"].delete(path)
        assert revoked.status_code == 204, revoked.text

    async def stage(self, row: Row) -> Stage:
        """Prepare a collection with a document that was read, and a user known by name."""
        number = next(self._numbers)
        owner, admin = self._clients["owner"], self._clients["admin"]
        made = await owner.post("/api/v1/collections", json={"name": COLLECTION_NAME})
        collection = str(made.raise_for_status().json()["id"])
        for caller, role in ROLES.items():
            await give(owner, collection, self._names[caller], role)
        await give(owner, collection, "group:/staff/day", "reader")
        await give(owner, collection, "group:/leaving", "reader")
        uploaded = await owner.post(
            f"/api/v1/collections/{collection}/documents",
            files={"file": (DOCUMENT_NAME, DOCUMENT_TEXT.encode())},
        )
        document = str(uploaded.raise_for_status().json()["documents"][0]["id"])
        assert (await restrict(owner, document, STAFF_ONLY)).is_success
        source = await owner.post(
            f"/api/v1/collections/{collection}/sources", json={"url": SOURCE_URL}
        )
        await self._product.finish_jobs()
        if row.path.endswith("/retry"):
            await mark_failed(self._database, document)
        body = {"issuer": ISSUER, "subject": f"{USER_SUBJECT}-{number}"}
        user = await admin.post("/api/v1/users", json=body)
        return Stage(
            number,
            collection,
            document,
            source.raise_for_status().json()["id"],
            user.raise_for_status().json()["id"],
            (await make_key(self._product, SPECS["owner"])).id if "{key_id}" in row.path else None,
        )

    async def call(self, row: Row, caller: str, stage: Stage) -> httpx2.Response:
        """Send the operation's request as the caller."""
        path = row.path.format(
            user_id=stage.user_id,
            key_id=stage.key_id,
            session_id=stage.user_id,
            collection_id=stage.collection_id,
            document_id=stage.document_id,
            source_id=stage.source_id,
        )
        sent = BODIES.get(str(row), nothing)(stage)
        headers = {} if row.verb in SAFE else {"If-Match": "*"}
        return await self._clients[caller].request(row.verb, path, headers=headers, **sent)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("matrix")


@pytest.fixture(scope="module")
async def product(migrated: TestDatabase, folder: Path) -> AsyncIterator[WholeProduct]:
    async with whole_product(migrated, folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def observed() -> Iterator[Observed]:
    """What was answered, published beside the table that says what should be."""
    seen = Observed()
    yield seen
    seen.publish()


@pytest.fixture(scope="module")
async def world(
    product: WholeProduct, migrated: TestDatabase, folder: Path
) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        clients = {
            caller: await stack.enter_async_context(product.client(SPECS.get(caller)))
            for caller in CALLERS
        }
        forger = Forger(product.serving.sign_in.local_issuer, folder / "keys" / KEY_FILE)
        made = World(product, migrated, clients, forger)
        await made.people()
        yield made


def shown(answer: httpx2.Response) -> frozenset[str]:
    """Tell which of the secrets an answer gives away, headers included."""
    everything = answer.text + "".join(map(str, answer.headers.values()))
    return frozenset(
        kind for kind, words in SECRETS.items() if any(word in everything for word in words)
    )


@pytest.mark.parametrize("row", read_table(), ids=str)
async def test_everybody_gets_what_the_table_says(
    world: World, row: Row, migrated: TestDatabase, observed: Observed
) -> None:
    stage: Stage | None = None
    wrong: list[str] = []
    # The weakest first: what they do not do leaves the objects as they were.
    for caller in reversed(list(CALLERS)):
        stage = stage or await world.stage(row)
        answer = await world.call(row, caller, stage)
        observed.note(row, caller, answer.status_code)
        expected = row.statuses[caller]
        if answer.status_code != expected:
            wrong.append(f"{caller}: {answer.status_code}, not {expected}: {answer.text[:200]}")
        leaked = {kind for kind in shown(answer) if caller not in SEES[kind]}
        if leaked:
            wrong.append(f"{caller}: sees something of the {' and the '.join(leaked)}")
        if row.shows in SEES and caller in SEES[row.shows] and answer.is_success:
            assert row.shows in shown(answer), f"{caller}: {answer.text[:500]}"
        if answer.is_success and row.verb not in SAFE:
            stage = None
            left = await entries_of(migrated, answer)
            if left != LEAVES[str(row)]:
                wrong.append(f"{caller}: leaves {left} in the audit")
    assert wrong == []


def test_no_operation_is_left_out(product: WholeProduct) -> None:
    documented = {
        (verb.upper(), path)
        for path, operations in product.api.openapi()["paths"].items()
        for verb in operations
    }
    assert {row.operation for row in read_table()} == documented


def test_every_change_says_what_it_leaves_in_the_audit() -> None:
    assert {str(row) for row in read_table() if row.verb not in SAFE} == set(LEAVES)


def test_no_row_is_there_twice() -> None:
    rows = [str(row) for row in read_table()]
    assert len(rows) == len(set(rows))
    assert set(BODIES) <= set(rows)


def test_the_page_is_true() -> None:
    assert PAGE.read_text("utf-8") == write_page(), "run python -m tests.journeys.authorization"
