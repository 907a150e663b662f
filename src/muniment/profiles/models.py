"""The table of user profiles, and a user as the slice sees one.

A new profile field begins here: a column in `Profile`, a migration, and its two lines in
`schemas.py`. Nothing else names the fields one by one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import ForeignKey, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from muniment.identity.authentication import Caller
from muniment.identity.principal import Principal
from muniment.kit.etag import make_etag
from muniment.postgres.base import Base


class Profile(Base):
    """What a user tells about themselves; the row appears with the first change."""

    __tablename__ = "profile"

    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    tenant_id: Mapped[int] = mapped_column(Integer)
    display_name: Mapped[str | None]
    locale: Mapped[str | None]
    time_zone: Mapped[str | None]
    preferences: Mapped[dict[str, str | int | bool]] = mapped_column(JSONB, server_default="{}")


@dataclass(frozen=True, slots=True)
class User:
    """One user: the account that identity keeps, and the profile beside it."""

    id: UUID
    issuer: str
    subject: str
    status: str
    revision: int
    created_at: datetime
    updated_at: datetime
    profile: dict[str, JsonValue]
    """The columns of the profile; empty until the user changes something."""
    principal: Principal | None = None
    """What the token says; known of the caller alone."""

    @classmethod
    def from_caller(cls, caller: Caller) -> Self:
        """Describe the caller from what was read to let them in: it costs no second query."""
        principal, account = caller.principal, caller.account
        return cls(
            id=account.account_id,
            issuer=principal.issuer,
            subject=principal.subject,
            status=account.status,
            revision=account.revision,
            created_at=account.created_at,
            updated_at=account.updated_at,
            profile=account.profile or {},
            principal=principal,
        )

    @property
    def etag(self) -> str:
        """Give the entity tag of this revision."""
        return make_etag(self.id, self.revision)
