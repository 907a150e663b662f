"""The table in docs/filter-semantics.md is the test: each row against oracle, SQL and walls."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.kit.ids import new_id
from muniment.library.access_rules import AccessRule
from muniment.library.models import Document
from muniment.library.policy import access_filter, edit_filter, predicate
from muniment.ports.access import Walls, evaluate
from muniment.postgres.unit_of_work import Scope
from tests.library.walls import write_document
from tests.support.database import TestDatabase
from tests.support.wall_rows import Library, add_grant, add_library

PAGE: Final = Path(__file__).parents[2] / "docs" / "filter-semantics.md"
HEAD: Final = [
    *("tenant", "deleted", "creator", "role", "admin", "any_of", "conditions"),
    *("sees", "changes"),
]
ANY_OF: Final[Mapping[str, list[str] | None]] = {
    "absent": None,
    "holds": ["group:/eng", "role:auditor"],
    "fails": ["group:/legal", "role:auditor"],
    "nobody": [],
}
CONDITIONS: Final[Mapping[str, list[dict[str, object]] | None]] = {
    "absent": None,
    "hold": [{"attribute": "clearance", "gte": 3}, {"attribute": "department", "in": ["hr"]}],
    "fail": [{"attribute": "clearance", "gte": 4}],
    "lacking": [{"attribute": "level", "lte": 1}],
}


def rows_of_table() -> list[dict[str, str]]:
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and len(line.split("|")) == len(HEAD) + 2
    ]
    assert rows[0] == HEAD
    return [dict(zip(HEAD, row, strict=True)) for row in rows[2:]]


def rule_of(row: Mapping[str, str]) -> AccessRule | None:
    parts = {"any_of": ANY_OF[row["any_of"]], "all": CONDITIONS[row["conditions"]]}
    given = {name: part for name, part in parts.items() if part is not None}
    return AccessRule.model_validate(given) if given else None


def caller(row: Mapping[str, str], library: Library, other_tenant: int) -> Principal:
    is_admin = row["admin"] == "yes"
    return Principal(
        user_id=library.account if row["creator"] == "yes" else new_id(),
        tenant_id=library.tenant if row["tenant"] == "own" else other_tenant,
        tenant="acme",
        issuer="https://issuer",
        subject="caller",
        roles=frozenset({"member", "admin"} if is_admin else {"member"}),
        groups=frozenset({"/eng/search"}),
        attributes={"clearance": 3, "department": "hr"},
        permissions=frozenset(Permission) if is_admin else frozenset(),
    )


async def find(database: TestDatabase, principal: Principal, *, editing: bool) -> set[UUID]:
    access = edit_filter(principal) if editing else access_filter(principal)
    async with database.serving.begin(Scope(principal.tenant_id, principal.names)) as session:
        return set(await session.scalars(select(Document.id).where(predicate(access))))


async def arrange(
    owner: AsyncConnection, row: Mapping[str, str], library: Library
) -> tuple[UUID, Walls]:
    grants = {"group:/somewhere": "owner"}
    if row["role"] != "none":
        grants["group:/eng"] = row["role"]
    for name, role in grants.items():
        await add_grant(owner, library, name, role)
    rule = rule_of(row)
    document = await write_document(owner, library, rule, deleted=row["deleted"] == "yes")
    walls = Walls(
        tenant_id=library.tenant,
        creator=library.creator,
        collection_grantees=frozenset(grants),
        collection_editors=frozenset(
            name for name, role in grants.items() if role in {"editor", "owner"}
        ),
        collection_owners=frozenset(name for name, role in grants.items() if role == "owner"),
        rule_principals=None if rule is None else rule.principals(),
        conditions=None if rule is None else rule.conditions(),
        deleted=row["deleted"] == "yes",
    )
    return document, walls


class TestTruthTable:
    @pytest.mark.parametrize("row", rows_of_table(), ids=lambda row: " ".join(row.values()))
    async def test_row_holds(self, database: TestDatabase, row: dict[str, str]) -> None:
        async with database.owner.begin() as owner:
            library = await add_library(owner, 1)
            other = await add_library(owner, 2)
            document, walls = await arrange(owner, row, library)
        principal = caller(row, library, other.tenant)
        for column, editing in (("sees", False), ("changes", True)):
            expected = row[column] == "yes"
            access = edit_filter(principal) if editing else access_filter(principal)
            assert evaluate(access, walls) is expected
            assert (document in await find(database, principal, editing=editing)) is expected

    def test_table_has_every_kind_of_caller_and_rule(self) -> None:
        table = rows_of_table()
        assert {row["role"] for row in table} == {"none", "reader", "editor", "owner"}
        assert {row["any_of"] for row in table} == set(ANY_OF)
        assert {row["conditions"] for row in table} == set(CONDITIONS)


async def test_walls_alone_hide_other_tenants(database: TestDatabase) -> None:
    async with database.owner.begin() as owner:
        mine, theirs = await add_library(owner, 1), await add_library(owner, 2)
        for library in (mine, theirs):
            await add_grant(owner, library, "everyone", "owner")
            await write_document(owner, library, None)
    async with database.serving.begin(Scope(1, frozenset({"everyone"}))) as session:
        found = await session.execute(text("select tenant_id from document"))
        assert [row.tenant_id for row in found] == [1]
