"""Failures of the surroundings that pass by themselves, recognised in one table.

A lock that was not free, a full pool or a database that is restarting is nobody's mistake: the
caller is told to come again, and when. The exceptions of drivers are recognised by what they
carry (SQLSTATE, appendix A of the PostgreSQL manual), so that this module needs no driver.
"""

import errno
from collections.abc import Iterator
from dataclasses import dataclass

from muniment.kit.errors import BusyError, UnavailableError, WriteConflictError

_DEEPEST_CAUSE = 6


@dataclass(frozen=True, slots=True)
class OperationalRule:
    """One kind of passing failure: how it is recognised and what the caller is told."""

    name: str
    error: type[UnavailableError | WriteConflictError]
    detail: str
    retry_after_s: int
    states: tuple[str, ...] = ()
    """SQLSTATE codes, or their first characters for a whole class of them."""
    types: tuple[str, ...] = ()
    """Qualified names of exception classes; a subclass counts."""
    numbers: tuple[int, ...] = ()
    """Error numbers of the operating system that have no exception class of their own."""
    lost_connection: bool = False
    """Also what SQLAlchemy marks as the end of its connection."""

    def matches(self, error: BaseException) -> bool:
        """Tell whether one exception is of this kind."""
        state = getattr(error, "sqlstate", None)
        if isinstance(state, str) and self.states and state.startswith(self.states):
            return True
        if self.lost_connection and getattr(error, "connection_invalidated", False) is True:
            return True
        if isinstance(error, OSError) and error.errno in self.numbers:
            return True
        return any(_qualified_name(kind) in self.types for kind in type(error).mro())

    def as_error(self) -> UnavailableError | WriteConflictError:
        """Make the error that the caller sees."""
        return self.error(self.detail, retry_after_s=self.retry_after_s)


RULES = (
    OperationalRule(
        name="lock_timeout",
        error=BusyError,
        detail="Another request is changing the same object and has not finished yet.",
        retry_after_s=1,
        states=("55P03",),
    ),
    OperationalRule(
        name="statement_timeout",
        error=BusyError,
        detail="The database did not answer within the time allowed.",
        retry_after_s=5,
        states=("57014", "25P03", "25P04"),
    ),
    OperationalRule(
        name="serialization_failure",
        error=WriteConflictError,
        detail="Another request changed the same data at the same time. Send the request again.",
        retry_after_s=1,
        states=("40001", "40P01"),
    ),
    OperationalRule(
        name="pool_timeout",
        error=BusyError,
        detail="All database connections of this server are in use.",
        retry_after_s=2,
        states=("53300",),
        types=("sqlalchemy.exc.TimeoutError",),
    ),
    OperationalRule(
        name="database_exhausted",
        error=UnavailableError,
        detail="The database has no space or memory left for this.",
        retry_after_s=60,
        states=("53",),
    ),
    OperationalRule(
        name="connection_lost",
        error=UnavailableError,
        detail="The database cannot be reached at the moment.",
        retry_after_s=5,
        states=("08", "57P0"),
        types=("builtins.ConnectionError", "socket.gaierror"),
        numbers=(errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN),
        lost_connection=True,
    ),
    OperationalRule(
        name="timeout",
        error=UnavailableError,
        detail="Something that the request needs did not answer in time.",
        retry_after_s=5,
        types=("builtins.TimeoutError",),
    ),
)


def find_operational_rule(error: BaseException) -> OperationalRule | None:
    """Recognise a passing failure by the exception or by what caused it."""
    chain = tuple(causes(error))
    return next((rule for rule in RULES if any(map(rule.matches, chain))), None)


def _qualified_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def causes(error: BaseException) -> Iterator[BaseException]:
    """Give an exception and what caused it, outermost first."""
    seen = 0
    following: BaseException | None = error
    while following is not None and seen < _DEEPEST_CAUSE:
        yield following
        seen += 1
        original = getattr(following, "orig", None)
        following = original if isinstance(original, BaseException) else following.__cause__
