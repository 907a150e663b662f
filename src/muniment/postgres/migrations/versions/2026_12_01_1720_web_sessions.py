"""Browser sessions, and sign-ins that are under way.

Revision 2026_12_01_1720, after 2026_12_01_1710.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "2026_12_01_1720"
down_revision: str | None = "2026_12_01_1710"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# The one read of a request with a cookie: the session with account, tenant and profile.
FIND = """
create function muniment_web_session(p_id_hash bytea)
returns table (id uuid, is_previous boolean, issuer text, subject text, sid text, rights jsonb,
    verified_at timestamptz, issued_at timestamptz, access_expires_at timestamptz,
    refresh_generation int, lease_until timestamptz, refresh_failed_at timestamptz,
    created_at timestamptz, last_seen_at timestamptz, idle_expires_at timestamptz,
    absolute_expires_at timestamptz, tenant text, account_id uuid, tenant_id int, status text,
    revision int, account_created_at timestamptz, account_updated_at timestamptz, profile jsonb)
language plpgsql stable
security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    return query
    select s.id, s.id_hash <> p_id_hash, s.issuer, s.subject, s.sid, s.rights, s.verified_at,
        s.issued_at, s.access_expires_at, s.refresh_generation, s.lease_until,
        s.refresh_failed_at, s.created_at, s.last_seen_at, s.idle_expires_at,
        s.absolute_expires_at, t.name, a.id, a.tenant_id, a.status, a.revision, a.created_at,
        a.updated_at, to_jsonb(p)
    from web_session s
    join account a on a.id = s.account_id
    join tenant t on t.id = a.tenant_id
    left join profile p on p.account_id = a.id
    where s.ended_at is null
        and (s.id_hash = p_id_hash
            or s.previous_id_hash = p_id_hash and s.previous_until > clock_timestamp());
end
$$
"""

# Whoever stores what an issuer gave holds this lock shared while asking whether the issuer has
# taken it back; whoever takes back holds it alone. So one of the two always sees the other.
END = """
create function muniment_end_sessions(p_issuer text, p_sid text, p_subject text,
    p_cutoff timestamptz)
returns int language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_ended int;
begin
    perform pg_advisory_xact_lock(1936029555, hashtext(p_issuer));
    update web_session s set ended_at = clock_timestamp(), refresh_sealed = null,
        id_token_sealed = null
    where s.ended_at is null and s.issuer = p_issuer
        and (s.sid = p_sid or p_sid is null and s.subject = p_subject)
        and (s.issued_at is null or s.issued_at <= p_cutoff);
    get diagnostics v_ended = row_count;
    return v_ended;
end
$$
"""

# However a user is shut out: nothing is left that could let them in again unasked, and nothing of
# who they were.
SHUT_OUT = """
create function muniment_sessions_shut_out() returns trigger language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    delete from web_session where account_id = old.id;
    return null;
end
$$
"""
TRIGGER = """
create trigger account_sessions_shut_out after update of status on account
for each row when (new.status <> 'active')
execute function muniment_sessions_shut_out()
"""
FUNCTIONS = (
    "muniment_web_session(bytea)",
    "muniment_end_sessions(text, text, text, timestamptz)",
    "muniment_sessions_shut_out()",
)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Make the tables, the functions and the trigger."""
    _make_sessions()
    _make_attempts()
    for definition in (FIND, END, SHUT_OUT):
        op.execute(definition)
    for function in FUNCTIONS:
        op.execute(f"revoke all on function {function} from public")
    op.execute(TRIGGER)


def _make_sessions() -> None:
    op.create_table(
        "web_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("id_hash", sa.LargeBinary(), nullable=False),
        sa.Column("previous_id_hash", sa.LargeBinary(), nullable=True),
        _moment("previous_until", nullable=True),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sid", sa.Text(), nullable=True),
        sa.Column("rights", postgresql.JSONB(), nullable=False),
        _moment("verified_at"),
        _moment("issued_at", nullable=True),
        _moment("access_expires_at", nullable=True),
        sa.Column("refresh_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("id_token_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("refresh_generation", sa.Integer(), server_default="0", nullable=False),
        _moment("lease_until", nullable=True),
        _moment("refresh_failed_at", nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        _moment("last_seen_at"),
        _moment("idle_expires_at"),
        _moment("absolute_expires_at"),
        sa.Column("user_agent", sa.Text(), server_default="", nullable=False),
        _moment("ended_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("web_session_account_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("web_session_pkey")),
    )
    for columns, unique in (
        (["id_hash"], True),
        (["previous_id_hash"], True),
        (["account_id"], False),
        (["issuer", "sid"], False),
        (["issuer", "subject"], False),
    ):
        ending = "key" if unique else "idx"
        name = f"web_session_{'_'.join(columns)}_{ending}"
        op.create_index(name, "web_session", columns, unique=unique)


def _make_attempts() -> None:
    op.create_table(
        "sign_in_attempt",
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=False),
        sa.Column("nonce_hash", sa.LargeBinary(), nullable=False),
        sa.Column("verifier_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("next", sa.Text(), nullable=False),
        _moment("expires_at"),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("sign_in_attempt_pkey")),
    )
    op.create_index("sign_in_attempt_expires_at_idx", "sign_in_attempt", ["expires_at"])


def downgrade() -> None:
    """Remove them; everybody signs in anew after the next upgrade."""
    op.execute("drop trigger account_sessions_shut_out on account")
    for function in reversed(FUNCTIONS):
        op.execute(f"drop function {function}")
    op.drop_table("sign_in_attempt")
    op.drop_table("web_session")
