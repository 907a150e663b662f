import errno
import itertools
import socket

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from muniment.kit.errors import BusyError, UnavailableError, WriteConflictError
from muniment.kit.operational import RULES, find_operational_rule


class DriverError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("at host db.internal as app")
        self.sqlstate = sqlstate


class TestFindOperationalRule:
    @pytest.mark.parametrize(
        ("sqlstate", "name"),
        [
            ("55P03", "lock_timeout"),
            ("57014", "statement_timeout"),
            ("40001", "serialization_failure"),
            ("40P01", "serialization_failure"),
            ("53300", "pool_timeout"),
            ("08006", "connection_lost"),
            ("57P01", "connection_lost"),
            ("57P03", "connection_lost"),
            ("25P03", "statement_timeout"),
            ("53100", "database_exhausted"),
            ("53200", "database_exhausted"),
        ],
    )
    def test_recognises_states_of_the_driver_and_inside_the_wrapper(
        self, sqlstate: str, name: str
    ) -> None:
        bare = DriverError(sqlstate)
        wrapped = OperationalError("select 1", {}, bare)
        assert [rule.name for rule in map(find_operational_rule, (bare, wrapped)) if rule] == [
            name,
            name,
        ]

    def test_recognises_a_full_pool(self) -> None:
        rule = find_operational_rule(PoolTimeoutError("QueuePool limit reached"))
        assert rule is not None
        assert rule.name == "pool_timeout"

    def test_recognises_an_invalidated_connection(self) -> None:
        error = DBAPIError("select 1", {}, Exception("closed"), connection_invalidated=True)
        rule = find_operational_rule(error)
        assert rule is not None
        assert rule.name == "connection_lost"

    def test_recognises_a_refused_connection_behind_another_error(self) -> None:
        error = RuntimeError("no pool")
        error.__cause__ = ConnectionRefusedError(111, "refused")
        assert find_operational_rule(error) is not None

    @pytest.mark.parametrize(
        ("error", "name"),
        [
            (ConnectionResetError(), "connection_lost"),
            (BrokenPipeError(), "connection_lost"),
            (OSError(errno.EHOSTUNREACH, "No route to host"), "connection_lost"),
            (OSError(errno.ENETUNREACH, "Network is unreachable"), "connection_lost"),
            (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "connection_lost"),
            (TimeoutError(), "timeout"),
        ],
    )
    def test_recognises_that_nobody_answers(self, error: OSError, name: str) -> None:
        rule = find_operational_rule(error)
        assert rule is not None
        assert rule.name == name

    def test_looks_only_so_deep_and_the_first_rule_wins(self) -> None:
        chain: list[Exception] = [ValueError(str(depth)) for depth in range(6)]
        chain[5] = DriverError("40001")
        for outer, inner in itertools.pairwise(chain):
            outer.__cause__ = inner
        found = find_operational_rule(chain[0])
        assert found is not None
        assert found.name == "serialization_failure"
        further = ValueError("one more")
        further.__cause__ = chain[0]
        assert find_operational_rule(further) is None

    def test_a_state_that_is_no_text_is_none(self) -> None:
        error = ValueError()
        error.__dict__["sqlstate"] = 40001
        assert find_operational_rule(error) is None

    @pytest.mark.parametrize(
        "error",
        [
            DriverError("23505"),
            DriverError(""),
            ValueError("x"),
            OSError("disk"),
            OSError(errno.ENOSPC, "full"),
            FileNotFoundError(errno.ENOENT, "gone"),
        ],
    )
    def test_leaves_mistakes_alone(self, error: Exception) -> None:
        assert find_operational_rule(error) is None

    def test_a_cycle_of_causes_ends(self) -> None:
        first, second = ValueError("a"), ValueError("b")
        first.__cause__, second.__cause__ = second, first
        assert find_operational_rule(first) is None


class TestRules:
    def test_every_rule_says_when_to_come_again(self) -> None:
        for rule in RULES:
            error = rule.as_error()
            assert int(error.headers["Retry-After"]) >= 1
            assert isinstance(error, BusyError | UnavailableError | WriteConflictError)
