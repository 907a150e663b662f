"""Refuses a database whose roles are too mighty for the walls to hold, or whose server is too old.

Row-level security binds neither superusers, nor the owner of a table, nor a role with BYPASSRLS;
and a policy for one role holds for all its members. So the roles are looked at before serving.
"""

from dataclasses import dataclass

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from muniment.kit.errors import ConfigurationError

_OLDEST_SERVER = 15
_OLDEST_VECTOR = (0, 8)

_LOOK = text(
    """
    select r.rolname as name,
        current_setting('server_version_num')::int / 10000 as server,
        (select extversion from pg_extension where extname = 'vector') as vector,
        r.rolsuper as is_superuser,
        r.rolbypassrls as bypasses,
        bool_or(o.oid = r.oid) as is_owner,
        bool_or(pg_has_role(r.oid, o.oid, 'member')) as is_member_of_owner,
        exists (
            select from pg_roles w
            where w.rolname = :worker and w.oid <> r.oid and pg_has_role(r.oid, w.oid, 'member')
        ) as is_member_of_worker,
        has_schema_privilege(r.oid, 'public', 'create') as may_create,
        has_database_privilege(r.oid, current_database(), 'temporary') as may_shadow,
        current_database() as database
    from pg_roles r
    left join (
        select distinct relowner as oid from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
        -- Who asks about another role is the owner, perhaps before there is a table.
        union select oid from pg_roles where rolname = current_user and rolname <> :role
    ) o on true
    where r.rolname = coalesce(cast(:role as name), current_user)
    group by r.oid, r.rolname, r.rolsuper, r.rolbypassrls
    """
)


@dataclass(frozen=True, slots=True)
class DatabaseProblem:
    """One thing that keeps a database from being served from: what it is, and what helps."""

    detail: str
    hint: str


class UnfitDatabaseError(ConfigurationError):
    """The database or the role that signed in does not fulfil what the walls rest on."""

    code = "unfit_database"
    title = "The database cannot be used like this"


async def ensure_roles(
    connection: AsyncConnection, *, worker: str | None = None, role: str | None = None
) -> None:
    """Refuse to work as a role that is unfit (see `role_problems`). Raises UnfitDatabaseError."""
    problems = await role_problems(connection, worker=worker, role=role)
    if problems:
        raise UnfitDatabaseError(problems[0].detail, hint=problems[0].hint)


async def role_problems(
    connection: AsyncConnection, *, worker: str | None = None, role: str | None = None
) -> list[DatabaseProblem]:
    """List what is wrong with the server and with the role of this connection.

    Give the name of another role for a connection of the owner, who looks before it migrates.
    Give the name of the worker role for a connection of the serving role, which may not be a member
    of it: the worker's policies look at the tenant alone.
    """
    found = await connection.execute(_LOOK, {"worker": worker, "role": role})
    seen = found.mappings().one_or_none()
    if seen is None:
        return [
            DatabaseProblem(
                f"The server has no role {role}.",
                "Create it, or name another one in [database] of the settings.",
            )
        ]
    return [
        *version_problems(seen["server"], seen["vector"]),
        *_might_problems(seen, worker),
    ]


def version_problems(server: int, vector: str | None) -> list[DatabaseProblem]:
    """List what is too old: the server's major version, and the version of pgvector."""
    found = []
    if server < _OLDEST_SERVER:
        found.append(
            DatabaseProblem(
                f"The server is PostgreSQL {server}; {_OLDEST_SERVER} is the oldest that works.",
                "Upgrade the server.",
            )
        )
    if vector is None:
        found.append(
            DatabaseProblem(
                "The extension pgvector is not installed in the database.",
                "Let an administrator run: CREATE EXTENSION vector",
            )
        )
    elif _version(vector) < _OLDEST_VECTOR:
        found.append(
            DatabaseProblem(
                f"The extension pgvector is {vector}; 0.8 is the oldest that works.",
                "Install a newer pgvector, then run: ALTER EXTENSION vector UPDATE",
            )
        )
    return found


def _might_problems(seen: RowMapping, worker: str | None) -> list[DatabaseProblem]:
    name = seen["name"]
    if seen["is_superuser"]:
        # A superuser is everything else as well; one sentence says it.
        return [
            DatabaseProblem(
                f"The role {name} is a superuser, whom row-level security does not bind.",
                f"Use another role, or run: ALTER ROLE {name} NOSUPERUSER",
            )
        ]
    candidates = (
        (
            seen["bypasses"],
            f"The role {name} has BYPASSRLS: row-level security does not bind it.",
            f"Run: ALTER ROLE {name} NOBYPASSRLS",
        ),
        (
            seen["is_owner"],
            f"The role {name} owns tables: row-level security does not bind it.",
            "Migrate as another role (database.owner_url) than those that serve and work.",
        ),
        (
            seen["is_member_of_owner"] and not seen["is_owner"],
            f"The role {name} is a member of the role that owns the tables.",
            f"Run: REVOKE the owner's role FROM {name}",
        ),
        (
            seen["is_member_of_worker"],
            f"The role {name} is a member of {worker}, who sees all documents of a tenant.",
            f"Run: REVOKE {worker} FROM {name}",
        ),
        (
            seen["may_create"],
            f"The role {name} may create objects in the schema public, beside the tables.",
            f"Run: REVOKE CREATE ON SCHEMA public FROM PUBLIC, {name}",
        ),
        (
            seen["may_shadow"],
            f"The role {name} may create temporary tables, which are found before the real ones.",
            f"Run: REVOKE TEMPORARY ON DATABASE {seen['database']} FROM PUBLIC, {name}",
        ),
    )
    return [DatabaseProblem(detail, hint) for applies, detail, hint in candidates if applies]


def _version(text_of_version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text_of_version.split(".")[:2])
