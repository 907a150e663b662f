"""The log of revocations: what was taken back, and from which moment on."""

from datetime import datetime
from typing import Literal

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from muniment.postgres.base import Base

RevocationKind = Literal["session", "subject", "issuer", "account", "key", "web_session"]
"""What a revocation names: the first three on the issuer's clock, the others on ours."""


class Revocation(Base):
    """One act: what is named holds no more, as far as it is from before the cut-off.

    Never "for ever": whoever signs in again inside a living single sign-on session keeps its `sid`,
    and is told from before by the time alone. Rows are only added, and removed when nothing that
    they speak of can still be alive.
    """

    __tablename__ = "revocation"
    __table_args__ = (
        CheckConstraint(
            "kind in ('session', 'subject', 'issuer', 'account', 'key', 'web_session')", name="kind"
        ),
        Index("revocation_kind_issuer_name_idx", "kind", "issuer", "name"),
        Index("revocation_created_at_idx", "created_at"),
        Index(
            "revocation_issuer_token_id_key",
            "issuer",
            "token_id",
            unique=True,
            postgresql_where=text("token_id is not null"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    issuer: Mapped[str] = mapped_column(server_default="")
    name: Mapped[str]
    """The `sid` or `sub` at the issuer, or the id of an account, key or session of ours."""
    cutoff: Mapped[datetime]
    token_id: Mapped[str | None]
    """`jti` of the logout token that said so: the same one says nothing twice."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
