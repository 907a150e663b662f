"""Users and their profiles in the database; row-level security keeps to the caller's tenant."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import Select, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.models import Account
from muniment.kit.pagination import Ordering, PageRequest
from muniment.profiles.models import Profile, User
from muniment.profiles.schemas import UserFilter, UserStatus

USERS_BY_AGE: Final = Ordering("users.id", (UUID,))
"""Oldest first: ids are ordered by time."""

_SelectUsers = Select[UUID, str, str, str, int, datetime, datetime, dict[str, JsonValue]]

_USERS: Final[_SelectUsers] = (
    select(
        Account.id,
        Account.issuer,
        Account.subject,
        Account.status,
        Account.revision,
        Account.created_at,
        Account.updated_at,
        # The whole row as one value, so that a new profile field changes nothing here.
        func.coalesce(func.to_jsonb(literal_column("profile")), func.jsonb_build_object()),
    )
    .outerjoin(Profile, Profile.account_id == Account.id)
    .where(Account.status != "erased")
)


class UserRepository:
    """Every statement about users that the slice needs."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, user_id: UUID) -> User | None:
        """Read one user."""
        rows = await self._session.execute(_USERS.where(Account.id == user_id))
        row = rows.one_or_none()
        return None if row is None else User(*row)

    async def find_for_update(self, user_id: UUID) -> User | None:
        """Read one user and let nobody else change them before this transaction ends.

        Two statements, because one that waits for the lock would go on to read the profile as it
        was before the wait. Whoever only refers to the account does not wait: no key of it changes.
        """
        lock = select(Account.id).where(Account.id == user_id).with_for_update(key_share=True)
        return None if await self._session.scalar(lock) is None else await self.find(user_id)

    async def list_page(self, wanted: UserFilter, paging: PageRequest) -> Sequence[User]:
        """Read the users of a page, and one more that tells whether another page follows."""
        statement = _USERS.order_by(Account.id).limit(paging.fetch_limit)
        after = paging.after(USERS_BY_AGE)
        if after is not None:
            statement = statement.where(Account.id > after[0])
        if wanted.status is not None:
            statement = statement.where(Account.status == wanted.status)
        if wanted.q is not None:
            statement = statement.where(
                or_(
                    Account.subject.icontains(wanted.q, autoescape=True),
                    Profile.display_name.icontains(wanted.q, autoescape=True),
                )
            )
        return [User(*row) for row in await self._session.execute(statement)]

    async def add(self, tenant_id: int, issuer: str, subject: str) -> UUID | None:
        """Make an account and give its id, or None if the tenant has it already."""
        account = insert(Account).values(tenant_id=tenant_id, issuer=issuer, subject=subject)
        new_id: UUID | None = await self._session.scalar(
            account.on_conflict_do_nothing().returning(Account.id)
        )
        return new_id

    async def write_profile(
        self, user_id: UUID, tenant_id: int, changes: Mapping[str, object]
    ) -> None:
        """Change columns of a profile; the first change makes the row."""
        row = insert(Profile).values(account_id=user_id, tenant_id=tenant_id, **changes)
        await self._session.execute(
            row.on_conflict_do_update(index_elements=["account_id"], set_=changes)
        )

    async def write_status(self, user_id: UUID, status: UserStatus) -> None:
        """Let a user in or shut them out."""
        await self._session.execute(
            update(Account).where(Account.id == user_id).values(status=status)
        )

    async def revise(self, user_id: UUID) -> None:
        """Count a change, of account or profile: entity tags made before it match no more."""
        await self._session.execute(
            update(Account)
            .where(Account.id == user_id)
            .values(revision=Account.revision + 1, updated_at=func.now())
        )

    async def erase(self, user_id: UUID) -> bool:
        """Take all personal data of a user away; collections of theirs pass to the admins."""
        return bool(await self._session.scalar(select(func.muniment_erase_account(user_id))))
