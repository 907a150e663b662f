"""What is found equals what the oracle allows, on every path of the search."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from uuid import UUID

import pytest

from muniment.identity.names import user_name
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.index.search_settings import ArmSettings
from muniment.library.access_rules import AccessRule
from muniment.library.policy import access_filter
from muniment.library.service.explaining import AskedUser, ExplainingService
from muniment.ports.access import AttributeValue, Walls, evaluate
from muniment.ports.vectors import Mode
from muniment.postgres.unit_of_work import Scope
from muniment.retrieval.schemas import SearchRequest, SearchResponse
from tests.support.searching import BETWEEN, WIDE, make_search
from tests.support.shelf import Placed, Shelf

MODES: tuple[Mode, ...] = ("hybrid", "lexical", "dense")
GROUPS = ("/eng", "/eng/search", "/hr")
PEOPLE = ("ann", "ben", "cem")
NAMES = ("everyone", "group:/eng", "group:/eng/search", "group:/hr", "role:member")
ROLES = ("reader", "editor", "owner")
RULES = (
    None,
    AccessRule.model_validate({"any_of": ["group:/hr"]}),
    AccessRule.model_validate({"any_of": []}),
    AccessRule.model_validate({"all": [{"attribute": "clearance", "gte": 3}]}),
    AccessRule.model_validate({"all": [{"attribute": "department", "in": ["hr", "legal"]}]}),
    AccessRule.model_validate(
        {"any_of": ["group:/eng"], "all": [{"attribute": "clearance", "lte": 2}]}
    ),
)


@dataclass(frozen=True)
class Guarded:
    """A document with all that decides who may see it."""

    placed: Placed
    walls: Walls
    secret: str


async def fill(shelf: Shelf, rng: random.Random) -> list[Guarded]:
    guarded: list[Guarded] = []
    for _ in range(4):
        grants = {name: rng.choice(ROLES) for name in rng.sample(NAMES, rng.randint(0, 2))}
        collection = await shelf.add_collection(grants)
        for _ in range(6):
            guarded.append(await add_guarded(shelf, rng, collection, grants, len(guarded)))
    return guarded


async def add_guarded(
    shelf: Shelf, rng: random.Random, collection: UUID, grants: Mapping[str, str], number: int
) -> Guarded:
    rule, creator = rng.choice(RULES), rng.choice(PEOPLE)
    secret = f"xyzzy{rng.getrandbits(32):x}"
    placed = await shelf.add_document(
        collection,
        f"The ledger of the {secret} house, book {number}, lists what was lent.",
        name=f"{secret}.txt",
        rule=rule,
        creator=creator,
    )
    deleted = rng.random() < 0.1
    if deleted:
        await shelf.delete(placed)
    walls = Walls(
        tenant_id=shelf.tenant_id,
        creator=f"user:{shelf.people[creator]}",
        collection_grantees=frozenset(grants),
        collection_editors=frozenset(n for n, role in grants.items() if role != "reader"),
        collection_owners=frozenset(n for n, role in grants.items() if role == "owner"),
        rule_principals=None if rule is None else rule.principals(),
        conditions=None if rule is None else rule.conditions(),
        deleted=deleted,
    )
    return Guarded(placed, walls, secret)


async def random_principal(shelf: Shelf, rng: random.Random) -> Principal:
    attributes: dict[str, AttributeValue] = {}
    if rng.random() < 0.6:
        attributes["clearance"] = rng.randint(1, 4)
    if rng.random() < 0.6:
        attributes["department"] = rng.choice(("hr", "legal", "sales"))
    return await shelf.principal(
        rng.choice((*PEOPLE, "eve")),
        roles=rng.choice(((), ("member",))),
        groups=rng.sample(GROUPS, rng.randint(0, 2)),
        attributes=attributes,
    )


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("folded", [0, 13, 1000])
async def test_what_is_found_is_what_the_oracle_allows(
    shelf: Shelf, seed: int, folded: int
) -> None:
    rng = random.Random(seed)
    guarded = await fill(shelf, rng)
    await shelf.fold(folded)
    paths = {
        "narrow": make_search(shelf),
        "between": make_search(shelf, BETWEEN),
        "wide": make_search(shelf, WIDE),
    }
    seen_some = 0
    for number in range(15):
        principal = await random_principal(shelf, rng)
        access = access_filter(principal)
        allowed = {one.placed.id for one in guarded if evaluate(access, one.walls)}
        secrets = [one.secret for one in guarded if one.placed.id not in allowed]
        seen_some += bool(allowed) and len(allowed) < len(guarded)
        for path, mode in product(paths, MODES):
            request = SearchRequest(query="ledger", mode=mode, top_k=100, explain=True)
            found = await paths[path].search(principal, request)
            ids = {passage.place.document_id for passage in found.passages}
            assert ids == allowed, (path, mode)
            written = SearchResponse.of(found, explain=True).model_dump_json()
            assert not any(secret in written for secret in secrets), (path, mode)
        if number < 4 and not folded:
            ids = {one.placed.id for one in guarded}
            assert await readable_as_explained(shelf, principal, ids) == allowed
    assert seen_some > 5


async def readable_as_explained(
    shelf: Shelf, principal: Principal, documents: set[UUID]
) -> set[UUID]:
    """Ask as an auditor which of the documents somebody may read."""
    permissions = frozenset({Permission.AUDIT_READ})
    auditor = replace(await shelf.principal("eve"), permissions=permissions)
    asked = AskedUser(
        user_name(principal.issuer, principal.subject),
        principal.roles,
        principal.groups,
        principal.attributes,
        supposes=True,
    )
    readable: set[UUID] = set()
    async with shelf.database.serving.begin(Scope(auditor.tenant_id, auditor.names)) as session:
        service = ExplainingService(session, {})
        for document in documents:
            if (await service.explain(auditor, document, asked)).may_read:
                readable.add(document)
    return readable


# The approximate index finds what it finds; everything else is exact.
EXACT: tuple[tuple[ArmSettings | None, Mode], ...] = (
    (None, "hybrid"),
    (None, "lexical"),
    (None, "dense"),
    (WIDE, "lexical"),
    (BETWEEN, "hybrid"),
    (BETWEEN, "dense"),
)


def ways(own: UUID) -> list[tuple[tuple[ArmSettings | None, Mode], list[UUID] | None]]:
    return list(product(EXACT, (None, [own])))


async def ask_about(shelf: Shelf, question: str, own: UUID) -> str:
    """Ask in every exact way as somebody who owns one collection; give all that comes back.

    Also once what waits is folded into the postings, which then hold what is hidden as well.
    """
    principal = await shelf.principal("mallory", groups=["/guests"])
    told: list[str] = []
    for (arms, mode), collections in (*ways(own), *ways(own)):
        if len(told) == len(ways(own)):
            await shelf.fold()
        request = SearchRequest(
            query=question, mode=mode, top_k=100, explain=True, collections=collections
        )
        found = await make_search(shelf, arms).search(principal, request)
        told.append(SearchResponse.of(found, explain=True).model_dump_json(exclude={"timings_ms"}))
    return "\n".join(told)


class TestScores:
    """A score may not tell whether a word stands in a document that one may not see."""

    HIDDEN = "The xyzzy merger is signed. " * 3

    @pytest.fixture
    async def own(self, shelf: Shelf) -> UUID:
        """A collection of the asker's, parked at every rounding boundary there could be."""
        own = await shelf.add_collection({"group:/guests": "owner"})
        for number in range(12):
            text = f"Note {number} on the xyzzy game." if number < 11 else "A note on the merger."
            await shelf.add_document(own, text, name=f"{number}.txt", creator="mallory")
        return own

    @pytest.mark.parametrize("number", [1, 5])
    async def test_stay_when_a_collection_of_others_gets_documents(
        self, shelf: Shelf, own: UUID, number: int
    ) -> None:
        others = await shelf.add_collection({"group:/board": "owner"})
        before = await ask_about(shelf, "xyzzy merger", own)

        for place in range(number):
            await shelf.add_document(others, self.HIDDEN, name=f"hidden-{place}.txt")

        assert await ask_about(shelf, "xyzzy merger", own) == before

    @pytest.mark.parametrize("rule", [rule for rule in RULES if rule is not None])
    async def test_stay_when_a_shared_collection_gets_documents_with_a_rule(
        self, shelf: Shelf, own: UUID, rule: AccessRule
    ) -> None:
        shared = await shelf.add_collection({"group:/guests": "reader", "group:/hr": "owner"})
        await shelf.add_document(shared, "The canteen menu names the xyzzy game.", name="menu.txt")
        before = await ask_about(shelf, "xyzzy merger", own)

        await shelf.add_document(shared, self.HIDDEN, name="hidden.txt", rule=rule)

        assert await ask_about(shelf, "xyzzy merger", own) == before

    async def test_follow_what_the_asker_may_read(self, shelf: Shelf, own: UUID) -> None:
        shared = await shelf.add_collection({"group:/guests": "reader"})
        before = await ask_about(shelf, "xyzzy merger", own)

        await shelf.add_document(shared, "The merger of two rivers.", name="rivers.txt")

        assert await ask_about(shelf, "xyzzy merger", own) != before
