"""Tables of the library: collections, grants, documents and their versions.

Revision 2026_11_23_0101, after 2026_11_23_0100.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "2026_11_23_0101"
down_revision: str | None = "2026_11_23_0100"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the tables."""
    _create_collection()
    _create_collection_grant()
    _create_document()
    _create_document_version()
    _create_pending_original()


def downgrade() -> None:
    """Remove the tables."""
    tables = ("pending_original", "document_version", "document", "collection_grant", "collection")
    for table in tables:
        op.drop_table(table)


def _create_collection() -> None:
    op.create_table(
        "collection",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by"],
            ["account.id"],
            name=op.f("collection_created_by_fkey"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tenant.id"],
            name=op.f("collection_tenant_id_fkey"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("collection_pkey")),
    )
    op.create_index("collection_tenant_id_id_idx", "collection", ["tenant_id", "id"], unique=False)


def _create_collection_grant() -> None:
    op.create_table(
        "collection_grant",
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "role in ('reader', 'editor', 'owner')", name=op.f("collection_grant_role_check")
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collection.id"],
            name=op.f("collection_grant_collection_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("collection_id", "principal", name=op.f("collection_grant_pkey")),
    )
    op.create_index(
        "collection_grant_tenant_id_principal_idx",
        "collection_grant",
        ["tenant_id", "principal"],
        unique=False,
        postgresql_include=["role", "collection_id"],
    )


def _create_document() -> None:
    op.create_table(
        "document",
        *_document_contents(),
        *_document_access(),
        *_document_state(),
        *_document_constraints(),
    )
    op.create_index("document_acl_idx", "document", ["acl"], unique=False, postgresql_using="gin")
    op.create_index(
        "document_unruled_idx",
        "document",
        ["collection_id"],
        unique=False,
        postgresql_where=sa.text("rule_principals is null"),
    )
    for column in ("id", "name", "uri"):
        op.create_index(
            f"document_collection_id_{column}_idx",
            "document",
            ["collection_id", column],
            unique=False,
        )


def _document_contents() -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("metadata", postgresql.JSONB(), server_default="{}", nullable=False),
    ]


def _document_access() -> list[sa.Column[object]]:
    return [
        sa.Column("rule", postgresql.JSONB(), nullable=True),
        sa.Column("rule_principals", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("conditions", postgresql.JSONB(), nullable=True),
        sa.Column(
            "condition_attributes", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("acl", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("follows_file", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    ]


def _document_state() -> list[sa.Column[object]]:
    return [
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("progress", sa.Float(), server_default="0", nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("ready_version", sa.Integer(), nullable=True),
        sa.Column("chunks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
    ]


def _document_constraints() -> list[sa.Constraint]:
    return [
        sa.CheckConstraint(
            "status in ('queued', 'processing', 'ready', 'failed')",
            name=op.f("document_status_check"),
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collection.id"],
            name=op.f("document_collection_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by"],
            ["account.id"],
            name=op.f("document_created_by_fkey"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("document_tenant_id_fkey"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("document_pkey")),
    ]


def _create_document_version() -> None:
    op.create_table(
        "document_version",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("original_key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("page_starts", postgresql.ARRAY(sa.Integer()), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("pipeline", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by"],
            ["account.id"],
            name=op.f("document_version_created_by_fkey"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["document.id"],
            name=op.f("document_version_document_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("document_id", "number", name=op.f("document_version_pkey")),
    )


def _create_pending_original() -> None:
    op.create_table(
        "pending_original",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column(
            "stored_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pending_original_pkey")),
    )
