"""Tables of identity: tenants, accounts, their rights, who was erased, and answers kept."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from muniment.kit.ids import new_id
from muniment.ports.access import AttributeValue
from muniment.postgres.base import Base


class Tenant(Base):
    """An organisation: the outermost wall. Made when the first of its users signs in."""

    __tablename__ = "tenant"

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Account(Base):
    """A user of one tenant, known by issuer and subject alone (OpenID Connect Core, 5.7)."""

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("status in ('active', 'disabled', 'erased')", name="status"),
        Index(
            "account_sign_in_key",
            "issuer",
            "subject",
            "tenant_id",
            unique=True,
            postgresql_where=text("status <> 'erased'"),
        ),
        Index("account_tenant_id_id_idx", "tenant_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenant.id", ondelete="RESTRICT"))
    issuer: Mapped[str]
    subject: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="active")
    revision: Mapped[int] = mapped_column(Integer, server_default="1")
    """Counts the changes of the user as a whole: of this row and of the profile."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AccountRights(Base):
    """What an issuer last said about a user, for work in their name without a token.

    Claims alone: what roles allow, and which grants a name holds, is asked when they are used. The
    row goes when the user is erased, by a trigger on the account.
    """

    __tablename__ = "account_rights"

    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    tenant_id: Mapped[int] = mapped_column(Integer)
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    groups: Mapped[list[str]] = mapped_column(ARRAY(Text))
    group_prefix: Mapped[str]
    attributes: Mapped[dict[str, AttributeValue]] = mapped_column(JSONB)
    verified_at: Mapped[datetime]
    """When the issuer said so (`iat` of the token), and by our clock at the latest now."""
    asserted_name: Mapped[str | None]
    """What the issuer calls the user, for colleagues who look for them; no right hangs on it."""


class ErasedSubject(Base):
    """That somebody was erased, without saying whom: tokens from before are refused.

    Written and read by functions of the database alone, which know how the hash is made (revision
    2026_11_23_0110); removed when no token from before can still be alive (`erasures.py`).
    """

    __tablename__ = "erased_subject"

    tenant_id: Mapped[int] = mapped_column(
        ForeignKey("tenant.id", ondelete="RESTRICT"), primary_key=True
    )
    subject_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of issuer and subject."""
    erased_at: Mapped[datetime]


class IdempotencyKey(Base):
    """A creating request that has been seen, and its answer once there is one."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("idempotency_key_created_at_idx", "created_at"),)

    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    route: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(Integer)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the request's body: the same key with another body is a mistake of the caller."""
    status: Mapped[int | None] = mapped_column(Integer)
    headers: Mapped[dict[str, str] | None] = mapped_column(JSONB)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    locked_until: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
