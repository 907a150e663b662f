"""Statements that find people and groups by name; row-level security keeps to the tenant.

No index serves a text inside a name, so each statement reads the names of the tenant: of the active
accounts, and of those at most SCANNED, the newest: some tenths of a second at the most.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    Text,
    and_,
    bindparam,
    case,
    column,
    func,
    literal,
    or_,
    select,
    text,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from muniment.directory.models import Found
from muniment.identity.models import Account, AccountRights
from muniment.profiles.models import Profile

SCANNED: Final = 20_000
"""How many accounts of a tenant are looked at; who is older has to be named by id."""

_SEPARATORS: Final = "-_.,;:'\"()/@+"
"""After any of these, as after a space, a new word begins."""

# Whoever is in a group is in those above it, up to the prefix of the issuer that asserted it. What
# an ancestor's path contains, the path contains as well, so the text is looked for first.
_KEPT_GROUPS: Final = text(
    """
    with named as (
        select distinct g as path, r.group_prefix
        from (select id from account where tenant_id = :tenant and status = 'active'
            order by id desc limit :scanned) a
        join account_rights r on r.account_id = a.id
        cross join unnest(r.groups) g
        where r.verified_at > :since and strpos(lower(g), lower(:query)) > 0),
    split as (select string_to_array(path, '/') as parts, group_prefix from named)
    select array_to_string(s.parts[1:n], '/') as path
    from split s
    cross join generate_series(2, cardinality(s.parts)) n
    where s.group_prefix = '/'
        or starts_with(array_to_string(s.parts[1:n], '/') || '/', s.group_prefix || '/')
    """
).bindparams(
    bindparam("scanned", SCANNED),
    bindparam("since", type_=DateTime(timezone=True)),
    bindparam("query", type_=Text),
)

# Both are in a group if the colleague's own is at it or below it, and their prefix lets it count.
_SHARES_A_GROUP: Final = text(
    """
    account_rights.verified_at > :since and exists (
        select from unnest(account_rights.groups) g, unnest(:groups) mine
        where starts_with(g || '/', mine || '/')
            and (account_rights.group_prefix = '/'
                or starts_with(mine || '/', account_rights.group_prefix || '/')))
    """
).bindparams(
    bindparam("since", type_=DateTime(timezone=True)), bindparam("groups", type_=ARRAY(Text))
)


class DirectoryRepository:
    """Every statement about whom one can share with."""

    def __init__(self, session: AsyncSession, tenant_id: int) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def find_people(self, query: str, limit: int) -> list[Found]:
        """Find active users of the tenant by a part of their name."""
        return await self._people(self._named(query), limit)

    async def find_colleagues(
        self, query: str, limit: int, groups: Collection[str], since: datetime
    ) -> list[Found]:
        """Find those of them who were in one of some groups when a token last said so."""
        shares = _SHARES_A_GROUP.bindparams(groups=sorted(groups), since=since)
        return await self._people(self._named(query).where(shares), limit)

    async def find_among(self, query: str, limit: int, groups: Collection[str]) -> list[Found]:
        """Find some of the groups given, by a part of their path."""
        return await self._groups(_these(groups), query, limit)

    async def find_groups(
        self, query: str, limit: int, groups: Collection[str], since: datetime
    ) -> list[Found]:
        """Find those given, and all that active users of the tenant were in lately."""
        lately = _KEPT_GROUPS.bindparams(tenant=self._tenant_id, since=since, query=query)
        kept = lately.columns(column("path", Text)).subquery("kept")
        both = union(_these(groups), select(kept.c.path)).subquery("both")
        return await self._groups(select(both.c.path), query, limit)

    def _named(self, query: str) -> Select[UUID, str, bool]:
        scanned = (
            select(Account.id)
            .where(Account.tenant_id == self._tenant_id, Account.status == "active")
            .order_by(Account.id.desc())
            .limit(SCANNED)
            .subquery("scanned")
        )
        chosen, asserted = Profile.display_name, AccountRights.asserted_name
        first = or_(_starts_word(chosen, query), _starts_word(asserted, query))
        label = _label(chosen, asserted)
        return (
            select(scanned.c.id, label, first)
            .outerjoin(Profile, Profile.account_id == scanned.c.id)
            .outerjoin(AccountRights, AccountRights.account_id == scanned.c.id)
            .where(or_(_contains(chosen, query), _contains(asserted, query)))
            .order_by(first.desc(), func.lower(label), scanned.c.id)
        )

    async def _people(self, statement: Select[UUID, str, bool], limit: int) -> list[Found]:
        rows = await self._session.execute(statement.limit(limit))
        return [
            Found(f"user:{user_id}", "user", label, is_first) for user_id, label, is_first in rows
        ]

    async def _groups(self, paths: Select[str], query: str, limit: int) -> list[Found]:
        path = paths.subquery("paths").c.path
        first = _starts_word(path, query)
        statement = select(path, first).where(_contains(path, query))
        ordered = statement.order_by(first.desc(), func.lower(path), path).limit(limit)
        rows = await self._session.execute(ordered)
        return [Found(f"group:{group}", "group", group, is_first) for group, is_first in rows]


_Name = ColumnElement[str] | InstrumentedAttribute[str | None]


def _contains(name: _Name, query: str) -> ColumnElement[bool]:
    """Say that a name has the text in it; nothing in the text is a wildcard."""
    return func.coalesce(func.strpos(func.lower(name), func.lower(query)), 0) > 0


def _starts_word(name: _Name, query: str) -> ColumnElement[bool]:
    """Say that the text stands in the name, and a word there begins with it."""
    begins = func.strpos(" " + _words(name), " " + func.ltrim(_words(literal(query))))
    return and_(_contains(name, query), func.coalesce(begins, 0) > 0)


def _words(name: _Name) -> ColumnElement[str]:
    return func.translate(func.lower(name), _SEPARATORS, " " * len(_SEPARATORS))


def _label(chosen: _Name, asserted: _Name) -> ColumnElement[str]:
    """Show what the issuer vouches for first: what people call themselves may be another's name."""
    return case(
        (asserted.is_(None), chosen),
        (or_(chosen.is_(None), func.lower(chosen) == func.lower(asserted)), asserted),
        else_=asserted + " (" + chosen + ")",
    )


def _these(groups: Collection[str]) -> Select[str]:
    given = bindparam("given", sorted(groups), type_=ARRAY(Text))
    return select(func.unnest(given, type_=Text).label("path"))
