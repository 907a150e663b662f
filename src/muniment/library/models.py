"""Tables of the library: collections, grants, documents and their versions.

`document.acl` is derived, never written: a trigger (revision 2026_11_23_0110) keeps it equal to the
document's creator and the principals of its rule, each with its tenant before it, so that no code
path can forget it. It serves row-level security, which asks for the collection's grants by itself
(`app/walls.sql`); the whole rule stands in `library/policy.py`.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
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
from muniment.library.access_rules import ConditionsJson, RuleJson
from muniment.library.metadata import MetadataJson
from muniment.postgres.base import Base

ORIGINAL_MISSING: Final = "original_missing"
"""The `error_code` of a document whose bytes are not where its row says."""


class Collection(Base):
    """A set of documents with an owner, grants and settings."""

    __tablename__ = "collection"
    __table_args__ = (Index("collection_tenant_id_id_idx", "tenant_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenant.id", ondelete="RESTRICT"))
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    language: Mapped[str | None]
    """ISO 639-1 code when all documents are of one language; None to detect it for each."""
    default_rule: Mapped[RuleJson | None] = mapped_column(JSONB(none_as_null=True))
    """The access rule of documents that come without one; those that are there keep theirs."""
    created_by: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="RESTRICT"))
    revision: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deleted_at: Mapped[datetime | None]


class CollectionGrant(Base):
    """What a principal may do in a collection."""

    __tablename__ = "collection_grant"
    __table_args__ = (
        CheckConstraint("role in ('reader', 'editor', 'owner')", name="role"),
        # Every statement on documents asks it for the collections of the caller, and nothing else.
        Index(
            "collection_grant_tenant_id_principal_idx",
            "tenant_id",
            "principal",
            postgresql_include=["role", "collection_id"],
        ),
    )

    collection_id: Mapped[UUID] = mapped_column(
        ForeignKey("collection.id", ondelete="CASCADE"), primary_key=True
    )
    principal: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(Integer)
    role: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Document(Base):
    """A source in a collection, with its walls and the state of its newest version."""

    __tablename__ = "document"
    __table_args__ = (
        CheckConstraint("status in ('queued', 'processing', 'ready', 'failed')", name="status"),
        CheckConstraint("stage in ('parsing', 'cutting', 'embedding', 'indexing')", name="stage"),
        Index("document_collection_id_id_idx", "collection_id", "id"),
        Index("document_collection_id_uri_idx", "collection_id", "uri"),
        Index("document_collection_id_name_idx", "collection_id", "name"),
        Index("document_acl_idx", "acl", postgresql_using="gin"),
        # What a grant opens by itself. Without the condition, whoever holds a grant to a collection
        # full of rules would read all of its documents to find their own.
        Index(
            "document_unruled_idx",
            "collection_id",
            postgresql_where=text("rule_principals is null"),
        ),
        # What waits or is being read, what ended lately, and what failed. While a document is read
        # its row changes often, but nothing of what these hold: no index has to follow.
        Index(
            "document_unfinished_idx",
            "collection_id",
            "id",
            postgresql_where=text("status in ('queued', 'processing')"),
        ),
        Index("document_collection_id_ended_at_idx", "collection_id", "ended_at"),
        Index(
            "document_failed_idx",
            "collection_id",
            "ended_at",
            postgresql_where=text("error_code is not null"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenant.id", ondelete="RESTRICT"))
    collection_id: Mapped[UUID] = mapped_column(ForeignKey("collection.id", ondelete="CASCADE"))
    name: Mapped[str]
    uri: Mapped[str | None]
    media_type: Mapped[str]
    meta: Mapped[MetadataJson] = mapped_column("metadata", JSONB, server_default="{}")
    rule: Mapped[RuleJson | None] = mapped_column(JSONB(none_as_null=True))
    """The access rule as it was given."""
    rule_principals: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """`any_of` of the rule."""
    conditions: Mapped[ConditionsJson | None] = mapped_column(JSONB(none_as_null=True))
    """`all` of the rule, folded into one set of bounds for each attribute."""
    condition_attributes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    acl: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    created_by: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="RESTRICT"))
    follows_file: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    """Whether its newest bytes came by the command `add`, which may prune it with its file."""
    status: Mapped[str] = mapped_column(server_default="queued")
    progress: Mapped[float] = mapped_column(Float, server_default="0")
    stage: Mapped[str | None]
    """What a worker does with it, or did when it failed; None before the first one took it up."""
    chunks_done: Mapped[int | None] = mapped_column(Integer)
    chunks_total: Mapped[int | None] = mapped_column(Integer)
    chunks_per_s: Mapped[float | None] = mapped_column(Float)
    """By the worker's own clock, since it began to embed."""
    begun_at: Mapped[datetime | None]
    """When the present attempt, or the one that ended it, began."""
    ended_at: Mapped[datetime | None]
    """When the newest version became ready or failed; None while it waits or is being read."""
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    """Number of the newest version."""
    ready_version: Mapped[int | None] = mapped_column(Integer)
    """Number of the version that searches find; None before the first one is ready."""
    chunks: Mapped[int] = mapped_column(Integer, server_default="0")
    words_counted: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    """Whether the word counts of the collection hold its words (index/word_counts.py)."""
    size: Mapped[int] = mapped_column("bytes")
    revision: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deleted_at: Mapped[datetime | None]


class PendingOriginal(Base):
    """A key under which bytes are stored, or about to be, for a document that is not there yet.

    Committed before the first byte and removed with the commit of the document: whatever a killed
    process has stored for nobody, a row speaks of (`service/intake.py`).
    """

    __tablename__ = "pending_original"

    key: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(Integer)
    stored_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TenantUsage(Base):
    """How much a tenant keeps: documents that are not deleted, and the bytes of their versions.

    Counted in the transaction that adds or deletes, which holds the row from then on: two uploads
    at the same time cannot both take the last place (`repository/usage.py`).
    """

    __tablename__ = "tenant_usage"

    tenant_id: Mapped[int] = mapped_column(
        ForeignKey("tenant.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    documents: Mapped[int] = mapped_column(BigInteger)
    size: Mapped[int] = mapped_column("bytes", BigInteger)


class DocumentVersion(Base):
    """The bytes of a document at one time, and the canonical text that was read from them.

    The text never changes once it is there: citations are slices of it.
    """

    __tablename__ = "document_version"
    __table_args__ = (
        ForeignKeyConstraint(["document_id"], ["document.id"], ondelete="CASCADE"),
        # For the scan that looks up which files no row speaks of, and goes through the versions of
        # each tenant (ingestion/orphans.py).
        Index("document_version_original_key_idx", "original_key"),
        Index(
            "document_version_tenant_id_document_id_number_idx",
            "tenant_id",
            "document_id",
            "number",
        ),
    )

    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(Integer)
    media_type: Mapped[str]
    size: Mapped[int] = mapped_column("bytes")
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    original_key: Mapped[str]
    title: Mapped[str | None]
    text: Mapped[str | None]
    page_starts: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    """Offset in code points at which each page begins."""
    language: Mapped[str | None]
    pipeline: Mapped[str | None]
    """Revisions of parser, chunker and embedder that made the text and its chunks."""
    created_by: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="RESTRICT"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ready_at: Mapped[datetime | None]
