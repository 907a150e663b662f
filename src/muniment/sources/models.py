"""The table of sources: addresses that documents come from and follow."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    Interval,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from muniment.kit.ids import new_id
from muniment.library.access_rules import RuleJson
from muniment.library.metadata import MetadataJson
from muniment.ports.access import AttributeValue
from muniment.postgres.base import Base


class Source(Base):
    """An address, the document that comes from it, and in whose name it is fetched.

    The row of a document takes its source with it; a source that is removed leaves its document.
    """

    __tablename__ = "source"
    __table_args__ = (
        CheckConstraint("status in ('queued', 'ready', 'failing', 'stopped')", name="status"),
        Index("source_collection_id_id_idx", "collection_id", "id"),
        Index("source_document_id_idx", "document_id"),
        Index("source_created_by_idx", "created_by"),
        Index("source_next_at_idx", "next_at", postgresql_where=text("next_at is not null")),
        Index("source_queued_idx", "tenant_id", "host", postgresql_where=text("status = 'queued'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenant.id", ondelete="RESTRICT"))
    collection_id: Mapped[UUID] = mapped_column(ForeignKey("collection.id", ondelete="CASCADE"))
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("document.id", ondelete="CASCADE"))
    """None until the first fetch has brought something."""
    url: Mapped[str]
    host: Mapped[str]
    refetch_every: Mapped[timedelta | None] = mapped_column(Interval)
    status: Mapped[str] = mapped_column(server_default="queued")
    """`queued` exactly while there is a job that fetches it."""
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    """How many fetches have failed since the last one that did not."""
    next_at: Mapped[datetime | None]
    """When it is due again; None while it is queued, and when it is not fetched by itself."""
    fetched_at: Mapped[datetime | None]
    """When its server gave it last, or said that it had not changed."""
    validators_url: Mapped[str | None]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    rule: Mapped[RuleJson | None] = mapped_column(JSONB(none_as_null=True))
    """The access rule that the next fetch gives its document; None once it has."""
    meta: Mapped[MetadataJson | None] = mapped_column("metadata", JSONB(none_as_null=True))
    """The metadata that the next fetch gives its document; None once it has."""
    created_by: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="RESTRICT"))
    """In whose name it is fetched, with the rights below: as last verified, at `verified_at`."""
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    groups: Mapped[list[str]] = mapped_column(ARRAY(Text))
    group_prefix: Mapped[str]
    attributes: Mapped[dict[str, AttributeValue]] = mapped_column(JSONB)
    verified_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
