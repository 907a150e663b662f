"""Keys end when their owner is shut out, and do not come back with them.

Revision 2026_12_01_1740, after 2026_12_01_1730.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "2026_12_01_1740"
down_revision: str | None = "2026_12_01_1730"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Whoever disables a user because a key of theirs was found must not let it in again with them.
END = """
create function muniment_end_keys() returns trigger language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    update api_key set revoked_at = clock_timestamp()
    where account_id = new.id and revoked_at is null;
    return null;
end
$$
"""
TRIGGER = """
create trigger keys_shut_out after update of status on account
for each row when (old.status = 'active' and new.status = 'disabled')
execute function muniment_end_keys()
"""


def upgrade() -> None:
    """Make the trigger, and end the keys of who is shut out already."""
    op.execute(END)
    op.execute("revoke all on function muniment_end_keys() from public")
    op.execute(TRIGGER)
    op.execute(
        "update api_key k set revoked_at = clock_timestamp() from account a"
        " where a.id = k.account_id and a.status = 'disabled' and k.revoked_at is null"
    )


def downgrade() -> None:
    """Remove it; keys that have ended stay ended."""
    op.execute("drop trigger keys_shut_out on account")
    op.execute("drop function muniment_end_keys()")
