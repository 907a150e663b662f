"""The trail: one table that is only added to."""

from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from muniment.postgres.base import Base


class AuditEntry(Base):
    """One act, or what was refused to one caller in one minute.

    It points to nothing by a foreign key: it stays when what it speaks of is gone. The serving role
    may add and read entries; only the function that counts repeated ones changes a row, and of it
    the count alone.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        CheckConstraint("outcome in ('done', 'denied', 'failed')", name="outcome"),
        CheckConstraint("count > 0", name="count"),
        Index("audit_entry_tenant_id_created_at_id_idx", "tenant_id", "created_at", "id"),
        Index(
            "audit_entry_tenant_id_action_created_at_id_idx",
            "tenant_id",
            "action",
            "created_at",
            "id",
        ),
        Index(
            "audit_entry_tenant_id_actor_created_at_id_idx",
            "tenant_id",
            "actor",
            "created_at",
            "id",
        ),
        Index(
            "audit_entry_tenant_id_actor_id_created_at_id_idx",
            "tenant_id",
            "actor_id",
            "created_at",
            "id",
        ),
        Index("audit_entry_created_at_idx", "created_at"),
        Index(
            "audit_entry_fold_key",
            "fold",
            unique=True,
            postgresql_where=text("fold is not null"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    """By the database's clock, which nobody who writes can set."""
    tenant_id: Mapped[int | None] = mapped_column(Integer)
    """None where it is not known whose matter it is, such as a token that was refused."""
    actor_id: Mapped[UUID | None]
    actor: Mapped[str]
    action: Mapped[str]
    outcome: Mapped[str]
    object_kind: Mapped[str | None]
    object_id: Mapped[UUID | None]
    details: Mapped[dict[str, JsonValue]] = mapped_column(JSONB, server_default=text("'{}'"))
    request_id: Mapped[str | None]
    address: Mapped[IPv4Address | IPv6Address | None] = mapped_column(INET)
    count: Mapped[int] = mapped_column(Integer, server_default="1")
    fold: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What makes repeated notes one entry; None for an entry that stands alone."""
