"""The property that everything rests on: the rows found are exactly those that the oracle allows.

For random callers, groups, attributes, grants and rules, through the role that serves requests,
with row-level security on. And under row-level security alone: exactly what its page says, which is
never less than what is allowed, and never anything of another tenant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from muniment.identity.principal import Principal
from muniment.library.access_rules import AccessRule
from muniment.library.models import Document
from muniment.library.policy import access_filter, edit_filter, predicate
from muniment.ports.access import AttributeValue, Walls, evaluate
from muniment.postgres.unit_of_work import Scope
from tests.library.walls import write_document
from tests.support.database import TestDatabase
from tests.support.wall_rows import Library, acl_of, add_grant, add_library

ACCOUNTS = tuple(UUID(int=number) for number in (1, 2, 3))
STRANGERS = tuple(UUID(int=number) for number in (4, 5, 6))
NAMES = (
    "everyone",
    "role:member",
    "role:auditor",
    "group:/eng",
    "group:/eng/search",
    "group:/hr",
    *(f"user:{account}" for account in ACCOUNTS),
    "user:https://issuer|s1",
)
NAME = st.sampled_from(NAMES)
ROLE = st.sampled_from(["reader", "reader", "editor", "editor", "owner"])
# Mostly worlds in which many hold a role and few own: there the rules decide.
GRANTS = st.builds(
    lambda base, more: {**more, **base},
    st.sampled_from([{}, {"everyone": "reader"}, {"everyone": "editor"}]),
    st.dictionaries(NAME, ROLE, max_size=2),
)
INTEGERS = st.integers(min_value=0, max_value=4)
WORDS = st.sampled_from(["hr", "eng", "3"])

CONDITION = st.one_of(
    st.builds(lambda value: {"attribute": "clearance", "gte": value}, INTEGERS),
    st.builds(lambda value: {"attribute": "clearance", "lte": value}, INTEGERS),
    st.builds(
        lambda name, value: {"attribute": name, "eq": value},
        st.sampled_from(["clearance", "department"]),
        INTEGERS | WORDS,
    ),
    st.builds(
        lambda name, values: {"attribute": name, "in": values},
        st.sampled_from(["clearance", "department", "level"]),
        st.lists(INTEGERS | WORDS, max_size=3),
    ),
)
RULE = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "any_of": st.lists(NAME, max_size=3),
        "all": st.lists(CONDITION, min_size=1, max_size=2),
    },
).map(AccessRule.model_validate)


@dataclass(frozen=True)
class Paper:
    """A document of the first or the second tenant."""

    tenant: int
    creator: UUID
    rule: AccessRule | None
    deleted: bool


PAPER = st.builds(
    Paper,
    tenant=st.sampled_from([1, 1, 1, 2]),
    creator=st.sampled_from(ACCOUNTS),
    rule=RULE,
    deleted=st.sampled_from([False, False, False, True]),
)
ATTRIBUTES = st.fixed_dictionaries(
    {}, optional={"clearance": INTEGERS | WORDS, "department": WORDS, "level": INTEGERS}
)
CALLER = st.builds(
    lambda user, subject, groups, roles, attributes: Principal(
        user_id=user,
        tenant_id=1,
        tenant="acme",
        issuer="https://issuer",
        subject=subject,
        roles=frozenset(roles),
        groups=frozenset(groups),
        attributes=attributes,
        permissions=frozenset(),
    ),
    user=st.sampled_from([*ACCOUNTS, *STRANGERS]),
    subject=st.sampled_from(["s1", "s2"]),
    groups=st.sets(st.sampled_from(["/eng", "/eng/search", "/hr", "/engine"]), max_size=2),
    roles=st.sets(st.sampled_from(["member", "auditor"]), max_size=2),
    attributes=ATTRIBUTES,
)


def walls_of(paper: Paper, grants: Mapping[str, str]) -> Walls:
    def holders(*roles: str) -> frozenset[str]:
        return frozenset(name for name, role in grants.items() if role in roles)

    return Walls(
        tenant_id=paper.tenant,
        creator=f"user:{paper.creator}",
        collection_grantees=frozenset(grants),
        collection_editors=holders("editor", "owner"),
        collection_owners=holders("owner"),
        rule_principals=None if paper.rule is None else paper.rule.principals(),
        conditions=None if paper.rule is None else paper.rule.conditions(),
        deleted=paper.deleted,
    )


def own_names(walls: Walls) -> frozenset[str]:
    """Give what `document.acl` must hold: the names of the rule and the creator's."""
    return (walls.rule_principals or frozenset()) | {walls.creator}


def is_shown(principal: Principal, walls: Walls) -> bool:
    """Say what row-level security lets through: less strict than the rule, in the tenant only.

    It knows neither conditions nor deletions, and lets in whom a rule names though no grant does.
    """
    grantees = walls.collection_grantees if walls.rule_principals is None else frozenset()
    openers = own_names(walls) | walls.collection_owners | grantees
    return walls.tenant_id == principal.tenant_id and not principal.names.isdisjoint(openers)


@dataclass(frozen=True)
class World:
    """Two tenants with a collection each, the same grants in both, and documents."""

    database: TestDatabase
    libraries: Mapping[int, Library]
    papers: Mapping[UUID, Paper]

    @classmethod
    async def make(cls, database: TestDatabase, papers: Sequence[Paper]) -> "World":
        await database.clean()
        async with database.owner.begin() as owner:
            libraries = {tenant: await add_library(owner, tenant) for tenant in (1, 2)}
            for account in ACCOUNTS:
                statement = text(
                    "insert into account (id, tenant_id, issuer, subject)"
                    " values (:id, 1, 'https://issuer', :subject)"
                )
                await owner.execute(statement, {"id": account, "subject": str(account)})
            written = {
                await write_document(
                    owner,
                    libraries[paper.tenant],
                    paper.rule,
                    creator=paper.creator,
                    deleted=paper.deleted,
                ): paper
                for paper in papers
            }
        return cls(database, libraries, written)

    async def grant(self, grants: Mapping[str, str]) -> None:
        """Replace all grants, as owners would do one by one."""
        async with self.database.owner.begin() as owner:
            await owner.execute(text("delete from collection_grant"))
            for library in self.libraries.values():
                for name, role in grants.items():
                    await add_grant(owner, library, name, role)

    async def check(self, principal: Principal, grants: Mapping[str, str]) -> None:
        walls = {id_: walls_of(paper, grants) for id_, paper in self.papers.items()}
        async with self.database.owner.connect() as owner:
            for id_, wall in walls.items():
                assert await acl_of(owner, id_) == sorted(own_names(wall))
        scope = Scope(principal.tenant_id, principal.names)
        async with self.database.serving.begin(scope) as session:
            shown = set(await session.scalars(text("select id from document")))
            assert shown == {id_ for id_, wall in walls.items() if is_shown(principal, wall)}
            for access in (access_filter(principal), edit_filter(principal)):
                found = set(await session.scalars(select(Document.id).where(predicate(access))))
                assert found == {id_ for id_, wall in walls.items() if evaluate(access, wall)}
                assert found <= shown


@given(
    papers=st.lists(PAPER, min_size=6, max_size=10),
    grants=GRANTS,
    later=GRANTS,
    callers=st.lists(CALLER, min_size=3, max_size=5),
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_rows_found_are_those_that_the_oracle_allows(
    database: TestDatabase,
    papers: list[Paper],
    grants: dict[str, str],
    later: dict[str, str],
    callers: list[Principal],
) -> None:
    world = await World.make(database, papers)
    for present in (grants, later):
        await world.grant(present)
        for principal in callers:
            await world.check(principal, present)


def test_strategies_reach_both_answers() -> None:
    """A property that never meets a permitted document would prove nothing."""
    attributes: dict[str, AttributeValue] = {"clearance": 3}
    principal = Principal(
        user_id=ACCOUNTS[0],
        tenant_id=1,
        tenant="acme",
        issuer="https://issuer",
        subject="s1",
        roles=frozenset({"member"}),
        groups=frozenset({"/eng/search"}),
        attributes=attributes,
        permissions=frozenset(),
    )
    rule = AccessRule.model_validate({"all": [{"attribute": "clearance", "gte": 3}]})
    paper = Paper(1, ACCOUNTS[1], rule, deleted=False)
    assert evaluate(access_filter(principal), walls_of(paper, {"group:/eng": "reader"}))
    assert not evaluate(edit_filter(principal), walls_of(paper, {"group:/eng": "reader"}))
