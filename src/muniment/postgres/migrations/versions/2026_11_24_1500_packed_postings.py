"""Packed postings beside the sparse vectors, and what they do not hold yet.

Revision 2026_11_24_1500, after 2026_11_24_0100. Whether a chunk is folded stood in its row, which
the fold would have had to write anew, sparse vector and all; now it strikes out a short row.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "2026_11_24_1500"
down_revision: str | None = "2026_11_24_0100"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the tables; every chunk waits to be folded."""
    op.create_table(
        "lex_tail",
        sa.Column("tenant_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("chunk_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "chunk_id", name=op.f("lex_tail_pkey")),
    )
    op.create_table(
        "lex_block",
        sa.Column("tenant_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("term", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("segment", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first_chunk", sa.BigInteger(), nullable=False),
        sa.Column("postings", sa.Integer(), nullable=False),
        sa.Column("chunks", sa.LargeBinary(), nullable=False),
        sa.Column("impacts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "term", "segment", name=op.f("lex_block_pkey")),
    )
    # Read whole or not at all, and numbers that hardly compress.
    op.execute("alter table lex_block alter chunks set storage external")
    op.execute("alter table lex_block alter impacts set storage external")
    op.create_table(
        "lex_fold",
        sa.Column("tenant_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("chunks", sa.BigInteger(), nullable=False),
        sa.Column(
            "cleaned_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("lex_fold_pkey")),
    )
    op.execute("insert into lex_tail select tenant_id, chunk_id from chunk_lex")
    op.drop_index("chunk_lex_tail_idx", table_name="chunk_lex")
    op.drop_column("chunk_lex", "folded")


def downgrade() -> None:
    """Remove the postings, which are made of what stays."""
    op.add_column(
        "chunk_lex",
        sa.Column("folded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_index(
        "chunk_lex_tail_idx",
        "chunk_lex",
        ["tenant_id"],
        unique=False,
        postgresql_where=sa.text("not folded"),
    )
    for table in ("lex_fold", "lex_block", "lex_tail"):
        op.drop_table(table)
