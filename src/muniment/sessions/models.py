"""The tables of browser sessions, and of sign-ins that are under way."""

from datetime import datetime
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from muniment.kit.ids import new_id
from muniment.postgres.base import Base


class WebSession(Base):
    """One browser that is signed in.

    The cookie's value is here as a hash, the tokens are sealed (`key_ring.py`): who reads the table
    cannot act as anybody. The access token is not kept at all, as nothing here has a use for it.
    """

    __tablename__ = "web_session"
    __table_args__ = (
        Index("web_session_id_hash_key", "id_hash", unique=True),
        Index("web_session_previous_id_hash_key", "previous_id_hash", unique=True),
        Index("web_session_account_id_idx", "account_id"),
        Index("web_session_issuer_sid_idx", "issuer", "sid"),
        Index("web_session_issuer_subject_idx", "issuer", "subject"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    """Never changes; what is sealed is sealed for it."""
    id_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the cookie's value."""
    previous_id_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    """That of the value before, good for some seconds more: requests cross on their way."""
    previous_until: Mapped[datetime | None]
    tenant_id: Mapped[int] = mapped_column(Integer)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    issuer: Mapped[str]
    subject: Mapped[str]
    sid: Mapped[str | None]
    """The single sign-on session at the issuer."""
    rights: Mapped[dict[str, JsonValue]] = mapped_column(JSONB)
    """What the issuer said of the user, as it was last verified (`rights.py`)."""
    verified_at: Mapped[datetime]
    issued_at: Mapped[datetime | None]
    """`iat` of the access token that said it; None in local mode."""
    access_expires_at: Mapped[datetime | None]
    """When the issuer has to be asked again; None in local mode, which has nobody to ask."""
    refresh_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    id_token_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    refresh_generation: Mapped[int] = mapped_column(Integer, server_default="0")
    """Counts leases and what came of them: who holds an older one has nothing to store."""
    lease_until: Mapped[datetime | None]
    """Until then somebody asks the issuer, or nobody does after it gave no answer."""
    refresh_failed_at: Mapped[datetime | None]
    """Since when the issuer gives no answer."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime]
    idle_expires_at: Mapped[datetime]
    absolute_expires_at: Mapped[datetime]
    user_agent: Mapped[str] = mapped_column(server_default="")
    """What the browser calls itself, cut short: for the user's list of sessions."""
    ended_at: Mapped[datetime | None]


class SignInAttempt(Base):
    """Somebody who was sent to the issuer and is expected back, once and in the same browser."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (Index("sign_in_attempt_expires_at_idx", "expires_at"),)

    state_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    browser_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the cookie that this browser alone has."""
    nonce_hash: Mapped[bytes] = mapped_column(LargeBinary)
    verifier_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """The secret of PKCE (RFC 7636)."""
    next: Mapped[str]
    """Where to go on: a path of ours."""
    expires_at: Mapped[datetime]


class SignInLink(Base):
    """A link that signs a user of this machine in, once; in local mode alone."""

    __tablename__ = "sign_in_link"
    __table_args__ = (Index("sign_in_link_expires_at_idx", "expires_at"),)

    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    subject: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    expires_at: Mapped[datetime]
