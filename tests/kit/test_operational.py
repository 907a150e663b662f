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

    @pytest.mark.parametrize("error", [DriverError("23505"), ValueError("x"), OSError("disk")])
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
