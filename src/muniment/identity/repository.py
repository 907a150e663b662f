"""Accounts in the database: the one read of every request, and the first sign-in of a user."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.errors import InvalidTokenError
from muniment.identity.models import Account, Tenant
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.unit_of_work import Scope, Transactions


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """What the database knows about a user who signs in."""

    account_id: UUID
    tenant_id: int
    status: str
    revision: int
    created_at: datetime
    updated_at: datetime
    profile: dict[str, JsonValue] | None
    """The columns of the profile as they are; None until the user changes something in it."""
    erased_at: datetime | None = None
    """When an earlier account of the same person was erased, if that was lately."""

    @property
    def is_active(self) -> bool:
        """Tell whether the user may do anything at all."""
        return self.status == "active"

    def admits(self, issued_at: datetime) -> bool:
        """Tell whether a token of then may be for this account, not for one that was erased."""
        return self.erased_at is None or issued_at > self.erased_at


_SIGN_IN: Final = "select * from muniment_sign_in($1, $2, $3)"
_ERASED_AT: Final = text("select erased_at from muniment_sign_in(:issuer, :subject, :tenant)")
_KNOWN_ACCOUNT: Final = TypeAdapter(KnownAccount)


class AccountRepository:
    """Finds and makes accounts; works before a tenant is known, so it opens its own transactions.

    Making them is one of the named exceptions of docs/decisions/0002: an account stays even if the
    request that made it ends in an error.
    """

    def __init__(self, reads: PreparedReads, transactions: Transactions) -> None:
        self._reads = reads
        self._transactions = transactions

    async def find(self, issuer: str, subject: str, tenant: str) -> KnownAccount | None:
        """Read an account with its profile, in one statement that every request pays for."""
        row = await self._reads.row(_SIGN_IN, issuer, subject, tenant)
        return None if row is None else _KNOWN_ACCOUNT.validate_python(row)

    async def add(self, issuer: str, subject: str, tenant: str, issued_at: datetime) -> None:
        """Make the account, and the tenant if this is its first user; one that exists stays.

        Two first requests at once end up with the same rows: the second insert does nothing.
        Raises InvalidTokenError for a token from before an erasure, and makes nothing then.
        """
        async with self._transactions.begin(None) as session:
            tenant_id = await _ensure_tenant(session, tenant)
        async with self._transactions.begin(Scope(tenant_id)) as session:
            account = insert(Account).values(tenant_id=tenant_id, issuer=issuer, subject=subject)
            await session.execute(account.on_conflict_do_nothing())
            # Asked after the insert, which has waited for an erasure that was under way.
            names = {"issuer": issuer, "subject": subject, "tenant": tenant}
            erased_at: datetime | None = await session.scalar(_ERASED_AT, names)
            if erased_at is not None and issued_at <= erased_at:
                raise InvalidTokenError("erased")


async def _ensure_tenant(session: AsyncSession, name: str) -> int:
    by_name = select(Tenant.id).where(Tenant.name == name)
    tenant_id = await session.scalar(by_name)
    if tenant_id is None:
        await session.execute(insert(Tenant).values(name=name).on_conflict_do_nothing())
        tenant_id = (await session.execute(by_name)).scalar_one()
    return tenant_id


async def hold_active(session: AsyncSession, account_id: UUID) -> bool:
    """Tell whether a user is let in, and let who shuts them out wait for this transaction.

    So nothing that it writes for the user is left behind when they are disabled or erased.
    """
    active = select(Account.id).where(Account.id == account_id, Account.status == "active")
    return await session.scalar(active.with_for_update(read=True)) is not None


async def is_active(session: AsyncSession, account_id: UUID) -> bool:
    """Tell whether a user may still do anything, for what goes on after its request was let in."""
    status = await session.scalar(select(Account.status).where(Account.id == account_id))
    return status == "active"
