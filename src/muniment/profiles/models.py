"""The table of user profiles. A new profile field begins here (see ARCHITECTURE.md)."""

from uuid import UUID

from sqlalchemy import ForeignKey, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

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
