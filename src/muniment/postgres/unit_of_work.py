"""Transactions: who opens them, what the database knows about the caller inside, who commits.

Every transaction carries a *scope*: the tenant and the principal names of the caller, given to
PostgreSQL as settings that end with the transaction. Row-level security reads them
(`app/walls.sql`). Nothing else in the product commits (docs/decisions/0002).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, SessionTransaction

SEPARATOR = "\x1f"
"""Stands between principal names in the setting; no name may hold a control character."""

_SET_SCOPE = text(
    "select set_config('muniment.tenant', :tenant, true),"
    " set_config('muniment.principals', :principals, true)"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """For whom a transaction works: a tenant and the names by which the caller holds rights in it.

    A job works for a tenant and holds no names: its role's policies look at the tenant alone.
    """

    tenant_id: int
    principals: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if any(SEPARATOR in name for name in self.principals):
            raise ValueError("a principal's name holds the character that separates names")


class Transactions:
    """Opens short transactions as one database role."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def begin(self, scope: Scope | None) -> AsyncIterator[AsyncSession]:
        """Open a transaction for a scope; commit at the block's end, roll back on an exception.

        Without a scope, row-level security shows no row of any tenant.
        """
        async with self._sessions.begin() as session:
            if scope is not None:
                session.info["scope"] = scope
                event.listen(session.sync_session, "after_begin", _announce_scope)
            yield session


def _announce_scope(
    session: Session, _transaction: SessionTransaction, connection: Connection
) -> None:
    # Set when the connection is taken, so that a request that never asks the database anything
    # takes none; and transaction-local, so that the pool's next customer inherits nothing.
    scope: Scope = session.info["scope"]
    names = SEPARATOR.join(sorted(scope.principals))
    connection.execute(_SET_SCOPE, {"tenant": str(scope.tenant_id), "principals": names})
