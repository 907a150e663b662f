"""The table of API keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from muniment.kit.ids import new_id
from muniment.postgres.base import Base


class ApiKey(Base):
    """A key of one user; what it may do is theirs, narrowed by its scope.

    It is never changed but for its last two columns. An erasure takes the user's keys with it, by
    a trigger on the account.
    """

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint("expires_at > created_at", name="expires_at"),
        CheckConstraint("cardinality(scope) > 0", name="scope"),
        Index("api_key_secret_hash_key", "secret_hash", unique=True),
        Index("api_key_account_id_id_idx", "account_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[int] = mapped_column(Integer)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    name: Mapped[str]
    prefix: Mapped[str]
    """How the key begins, to tell it from others."""
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the whole key (`form.py`)."""
    scope: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    """Within a minute."""
    revoked_at: Mapped[datetime | None]
