"""Every statement on API keys but the one that lets callers in (`way_in.py`)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.api_keys.models import ApiKey
from muniment.identity.models import Account
from muniment.kit.pagination import Ordering, PageRequest
from muniment.postgres.unit_of_work import Transactions

NEWEST_FIRST: Final = Ordering("api_keys.newest", (UUID,))

_KEPT_FOR: Final = timedelta(days=90)
"""How long a key is listed after its end, so that its owner can still find out which it was."""


class ApiKeyRepository:
    """The keys of one user; row-level security shows nobody else's."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def hold_owner(self, account_id: UUID) -> bool:
        """Let nobody else count or add keys of a user, or erase them; False if they are shut out.

        Whoever only refers to the account does not wait: no key of it changes.
        """
        held = (
            select(Account.id)
            .where(Account.id == account_id, Account.status == "active")
            .with_for_update(key_share=True)
        )
        return await self._session.scalar(held) is not None

    async def count_good(self, account_id: UUID, now: datetime) -> int:
        """Tell how many keys of a user are good."""
        good = select(func.count()).where(
            ApiKey.account_id == account_id, ApiKey.revoked_at.is_(None), ApiKey.expires_at > now
        )
        return (await self._session.execute(good)).scalar_one()

    async def add(self, key: ApiKey) -> None:
        """Add a key."""
        self._session.add(key)
        await self._session.flush()

    async def find(self, account_id: UUID, key_id: UUID) -> ApiKey | None:
        """Find a key of a user."""
        statement = select(ApiKey).where(ApiKey.id == key_id, ApiKey.account_id == account_id)
        return (await self._session.scalars(statement)).one_or_none()

    async def list_page(self, account_id: UUID, paging: PageRequest) -> Sequence[ApiKey]:
        """Read the keys of a page, and one more that tells whether another page follows."""
        statement = select(ApiKey).where(ApiKey.account_id == account_id)
        after = paging.after(NEWEST_FIRST)
        if after is not None:
            statement = statement.where(ApiKey.id < after[0])
        ordered = statement.order_by(ApiKey.id.desc()).limit(paging.fetch_limit)
        return (await self._session.scalars(ordered)).all()

    async def revoke(self, key_id: UUID, now: datetime) -> bool:
        """Take a key back for good; False if it was already."""
        written = (
            update(ApiKey)
            .where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
            .values(revoked_at=now)
            .returning(ApiKey.id)
        )
        return await self._session.scalar(written) is not None

    async def note_use(self, key_id: UUID, now: datetime, every: timedelta) -> None:
        """Write that a key was used, unless that was written within the time given."""
        is_old = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= now - every)
        await self._session.execute(
            update(ApiKey).where(ApiKey.id == key_id, is_old).values(last_used_at=now),
            execution_options={"synchronize_session": False},
        )


async def purge_ended_keys(transactions: Transactions) -> int:
    """Remove keys that ended long ago, as the worker role; give their number."""
    async with transactions.begin(None) as session:
        ended_at = func.least(ApiKey.revoked_at, ApiKey.expires_at)  # passes over what is null
        removed = delete(ApiKey).where(ended_at < func.now() - _KEPT_FOR).returning(ApiKey.id)
        return len((await session.scalars(removed)).all())
