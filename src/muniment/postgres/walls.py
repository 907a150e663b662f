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
_READ_DIGEST = "select obj_description('alembic_version'::regclass, 'pg_class')"


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
        quote = connection.dialect.identifier_preparer.quote
        serving, worker = quote(self.serving), quote(self.worker)
        if serving == worker:
            raise ConfigurationError(
                "The serving role and the worker role of the database are the same.",
                hint="Create two roles: one for database.url, one for database.worker_url.",
            )
        statements = [
            *await _removals(connection, serving, worker),
            *self._statements(serving, worker),
        ]
        for statement in statements:
            await connection.exec_driver_sql(statement)
        await connection.exec_driver_sql(f"comment on table alembic_version is '{self.digest}'")

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


async def _removals(connection: AsyncConnection, serving: str, worker: str) -> list[str]:
    """Write the statements that take every policy and every grant of the two roles away."""
    policies = await connection.execute(
        text(
            "select format('drop policy %I on %I', policyname, tablename) from pg_policies"
            " where schemaname = 'public' order by 1"
        )
    )
    both = f"{serving}, {worker}"
    return [
        *policies.scalars(),
        f"revoke all on all tables in schema public from {both}",
        f"revoke all on all functions in schema public from {both}",
    ]
