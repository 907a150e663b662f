"""Tables of the chunk index, and the queue.

Revision 2026_11_23_0102, after 2026_11_23_0101.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import UserDefinedType
from typing_extensions import override

revision: str = "2026_11_23_0102"
down_revision: str | None = "2026_11_23_0101"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


class Vector(UserDefinedType[str]):
    """A column type of pgvector, as it was called when this revision was written."""

    cache_ok: bool | None = True

    def __init__(self, name: str) -> None:
        self.name = name

    @override
    def get_col_spec(self, **_options: object) -> str:
        """Give the name of the type."""
        return self.name


def upgrade() -> None:
    """Make the tables."""
    _create_embedding_space()
    _create_chunk()
    _create_chunk_vector()
    _create_chunk_lex()
    _create_lex_term()
    _create_lex_total()
    op.add_column(
        "document",
        sa.Column("words_counted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    _create_job()


def downgrade() -> None:
    """Remove the tables."""
    op.drop_column("document", "words_counted")
    for table in (
        "job",
        "lex_total",
        "lex_term",
        "chunk_lex",
        "chunk_vector",
        "chunk",
        "embedding_space",
    ):
        op.drop_table(table)


def _create_embedding_space() -> None:
    op.create_table(
        "embedding_space",
        sa.Column("id", sa.SmallInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("embedder", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("embedding_space_pkey")),
        sa.UniqueConstraint(
            "embedder",
            "dimension",
            "metric",
            "revision",
            name=op.f("embedding_space_embedder_dimension_metric_revision_key"),
        ),
    )


def _create_chunk() -> None:
    op.create_table(
        "chunk",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("start_offset", sa.Integer(), nullable=False),
        sa.Column("end_offset", sa.Integer(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("headings", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["document.id"],
            name=op.f("chunk_document_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("chunk_pkey")),
        sa.UniqueConstraint(
            "document_id", "version", "ordinal", name=op.f("chunk_document_id_version_ordinal_key")
        ),
    )


def _create_chunk_vector() -> None:
    op.create_table(
        "chunk_vector",
        sa.Column("chunk_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("space", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("embedding", Vector("halfvec"), nullable=False),
        sa.ForeignKeyConstraint(
            ["space"],
            ["embedding_space.id"],
            name=op.f("chunk_vector_space_fkey"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("chunk_id", "space", name=op.f("chunk_vector_pkey")),
    )
    op.create_index("chunk_vector_document_id_idx", "chunk_vector", ["document_id"], unique=False)


def _create_chunk_lex() -> None:
    op.create_table(
        "chunk_lex",
        sa.Column("chunk_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("folded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("lex", Vector("sparsevec"), nullable=False),
        sa.PrimaryKeyConstraint("chunk_id", name=op.f("chunk_lex_pkey")),
    )
    op.create_index("chunk_lex_document_id_idx", "chunk_lex", ["document_id"], unique=False)
    op.create_index(
        "chunk_lex_tail_idx",
        "chunk_lex",
        ["tenant_id"],
        unique=False,
        postgresql_where=sa.text("not folded"),
    )
    # Terms are read whole and often: kept in the row's page as long as they fit, never compressed.
    op.execute("alter table chunk_lex alter lex set storage external")
    op.execute("alter table chunk_lex set (toast_tuple_target = 8160)")


def _create_lex_term() -> None:
    op.create_table(
        "lex_term",
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("term", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("collection_id", "term", name=op.f("lex_term_pkey")),
    )


def _create_lex_total() -> None:
    op.create_table(
        "lex_total",
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("chunks", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("collection_id", name=op.f("lex_total_pkey")),
    )


def _create_job() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default="3", nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "run_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state in ('queued', 'running', 'parked')", name=op.f("job_state_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("job_pkey")),
    )
    op.create_index("job_kind_key_idx", "job", ["kind", "key"], unique=False)
    op.create_index(
        "job_leased_idx",
        "job",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "job_waiting_idx",
        "job",
        ["tenant_id", "run_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )
