"""Who is meant by a principal in a grant, however it is spelt.

A user has two names: `user:<id>`, and `user:<issuer>|<subject>`, under which a grant may also wait
for somebody who never signed in. A grant is stored under the id as soon as there is one, and found
under both.
"""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.models import Account
from muniment.identity.names import user_name


@dataclass(frozen=True, slots=True)
class Grantee:
    """A principal: the name that its grant is stored under, and all that it may be found under."""

    name: str
    names: frozenset[str]
    is_known: bool = True
    """False for a user whom the tenant does not know, or no more."""


async def find_grantee(session: AsyncSession, tenant_id: int, principal: str) -> Grantee:
    """Tell who is meant by a valid principal; a user whom the tenant does not know has one name."""
    kind, _, who = principal.partition(":")
    if kind == "user":
        row = (
            await session.execute(
                select(Account.id, Account.issuer, Account.subject).where(
                    Account.tenant_id == tenant_id, Account.status != "erased", _is(who)
                )
            )
        ).one_or_none()
        if row is not None:
            name = f"user:{row.id}"
            return Grantee(name, frozenset({name, user_name(row.issuer, row.subject)}))
    return Grantee(principal, frozenset({principal}), is_known=kind != "user")


async def find_unknown_users(session: AsyncSession, ids: Collection[UUID]) -> frozenset[UUID]:
    """Tell which ids belong to nobody in the tenant of the transaction, or no more."""
    statement = select(Account.id).where(Account.id.in_(ids), Account.status != "erased")
    return frozenset(ids) - frozenset(await session.scalars(statement))


def _is(who: str) -> ColumnElement[bool]:
    issuer, bar, subject = who.partition("|")
    if bar:
        return and_(Account.issuer == issuer, Account.subject == subject)
    return Account.id == UUID(who)
