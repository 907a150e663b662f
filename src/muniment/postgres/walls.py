"""Applies the page of grants and row-level policies (`app/walls.sql`) to a migrated database.

Policies are not migrated step by step: after every migration the whole page holds, in one
transaction, or nothing of it changes. A digest of the page and of the role names is kept with the
schema, so that an unchanged page takes no lock.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from muniment.kit.errors import ConfigurationError

_TENANT = "(select nullif(current_setting('muniment.tenant', true), '')::int)"
# The cast keeps `= any (…)` from taking the sub-select for a set of rows.
_PRINCIPALS = (
    "(select string_to_array(nullif(current_setting('muniment.principals', true), ''), E'\\x1f'))"
    "::text[]"
)
# The same names as they stand in document.acl, each with its tenant before it.
_KEYS = (
    "(select string_to_array(tenant || ':' || replace(names, E'\\x1f', E'\\x1f' || tenant || ':'),"
    " E'\\x1f') from (select nullif(current_setting('muniment.tenant', true), ''),"
    " nullif(current_setting('muniment.principals', true), '')) scope (tenant, names))::text[]"
)
# A system setting of the database would need the superuser; a comment on our own table does not.
_READ_DIGEST = "select obj_description(to_regclass('alembic_version'), 'pg_class')"
_OWNERS = text(
    """
    select current_user union select pg_get_userbyid(relowner) from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
    """
)
_DROP_POLICIES = text(
    """
    select format('drop policy %I on %I', policyname, tablename) from pg_policies
    where schemaname = 'public' order by 1
    """
)
# Rights on a table take those on its columns with them.
_REVOKE = text(
    """
    select distinct format(
        'revoke all on %s from %s', object,
        case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end)
    from (
        select c.oid::regclass::text, a.grantee, c.relowner
        from pg_class c, aclexplode(c.relacl) a
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
        union select c.oid::regclass::text, a.grantee, c.relowner
        from pg_class c join pg_attribute on attrelid = c.oid, aclexplode(attacl) a
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
        union select 'function ' || p.oid::regprocedure::text, a.grantee, p.proowner
        from pg_proc p, aclexplode(p.proacl) a
        where p.pronamespace = 'public'::regnamespace and p.proowner = current_user::regrole
    ) granted (object, grantee, owner)
    where grantee <> owner
    order by 1
    """
)
# Nothing of ours ever takes the right to truncate from an owner or gives it to another role.
_LOST_BY_OWNER = text(
    """
    select format('grant all on %s to current_user', c.oid::regclass) from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      and c.relowner = current_user::regrole and not has_table_privilege(c.oid, 'truncate')
    union all
    select format('grant execute on function %s to current_user', p.oid::regprocedure)
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proowner = current_user::regrole
      and not has_function_privilege(p.oid, 'execute')
    """
)


@dataclass(frozen=True, slots=True)
class Walls:
    """The page and the names of the two roles that it speaks of."""

    page: str
    serving: str
    worker: str

    @property
    def digest(self) -> str:
        """Give a fingerprint of the page as it would be applied."""
        content = f"{self.page}\0{self.serving}\0{self.worker}"
        return "walls:" + hashlib.sha256(content.encode()).hexdigest()

    async def are_up(self, connection: AsyncConnection) -> bool:
        """Tell whether exactly this page was applied last."""
        applied: str | None = (await connection.execute(text(_READ_DIGEST))).scalar_one()
        return applied == self.digest

    async def apply(self, connection: AsyncConnection) -> None:
        """Replace all policies and grants by those of the page, in the caller's transaction."""
        await self.ensure_apart(connection)
        quote = connection.dialect.identifier_preparer.quote
        statements = [
            *await lost_by_owner(connection),
            *(await connection.execute(_DROP_POLICIES)).scalars(),
            *(await connection.execute(_REVOKE)).scalars(),
            *self._statements(quote(self.serving), quote(self.worker)),
        ]
        for statement in statements:
            await connection.exec_driver_sql(statement)
        await connection.exec_driver_sql(f"comment on table alembic_version is '{self.digest}'")

    async def ensure_apart(self, connection: AsyncConnection) -> None:
        """Refuse one role in two places: revoking from it would take the owner's own rights away.

        The connection is the owner's. Raises ConfigurationError.
        """
        if self.serving == self.worker:
            raise ConfigurationError(
                "The serving role and the worker role of the database are the same.",
                hint="Create two roles: one for database.url, one for database.worker_url.",
            )
        owners = set((await connection.execute(_OWNERS)).scalars())
        for kind, name in (("url", self.serving), ("worker_url", self.worker)):
            if name in owners:
                raise ConfigurationError(
                    f"database.{kind} names the role {name}, which owns the tables.",
                    hint="The owner stands in database.owner_url alone: policies do not bind it.",
                )

    def _statements(self, serving: str, worker: str) -> list[str]:
        lines = [line for line in self.page.splitlines() if not line.startswith("--")]
        filled = (
            "\n".join(lines)
            .replace("{serving}", serving)
            .replace("{worker}", worker)
            .replace("{tenant}", _TENANT)
            .replace("{principals}", _PRINCIPALS)
            .replace("{keys}", _KEYS)
        )
        return [statement.strip() for statement in filled.split(";") if statement.strip()]


async def lost_by_owner(connection: AsyncConnection) -> list[str]:
    """Write the statements that give the owner back what was revoked from it on its own objects."""
    return list((await connection.execute(_LOST_BY_OWNER)).scalars())
