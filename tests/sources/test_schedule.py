from datetime import timedelta
from uuid import UUID

import pytest

from muniment.sources.errors import FetchError
from muniment.sources.schedule import after_failure, after_success

ID = UUID(int=7)
HOUR = timedelta(hours=1)
LASTING = FetchError("http_error", "404")
PASSING = FetchError("timed_out", "slow", is_passing=True)
FOREVER = FetchError("http_error", "410", stops=True)


def about(wait: timedelta | None, expected: timedelta) -> bool:
    """A wait is prolonged by up to a tenth."""
    return wait is not None and expected <= wait < expected * 1.1


class TestAfterSuccess:
    def test_what_has_no_schedule_is_left_alone(self) -> None:
        assert after_success(ID, None) is None

    def test_sources_of_one_schedule_are_spread(self) -> None:
        waits = {after_success(UUID(int=number), HOUR) for number in range(50)}
        assert len(waits) > 40
        assert all(about(wait, HOUR) for wait in waits)


class TestAfterFailure:
    @pytest.mark.parametrize(("failures", "hours"), [(1, 1), (2, 2), (4, 8), (6, 24), (99, 24)])
    def test_the_schedule_doubles_up_to_a_day(self, failures: int, hours: int) -> None:
        assert about(after_failure(ID, HOUR, failures, LASTING), hours * HOUR)

    @pytest.mark.parametrize(("failures", "minutes"), [(1, 5), (2, 10), (3, 20)])
    def test_what_passes_is_tried_sooner(self, failures: int, minutes: int) -> None:
        for every in (None, HOUR):
            wait = after_failure(ID, every, failures, PASSING)
            assert about(wait, timedelta(minutes=minutes))

    def test_a_long_schedule_is_not_shortened(self) -> None:
        week = timedelta(days=7)
        assert about(after_failure(ID, week, 30, LASTING), week)

    def test_what_is_fetched_once_is_given_up(self) -> None:
        assert after_failure(ID, None, 1, LASTING) is None
        assert after_failure(ID, None, 4, PASSING) is None

    def test_what_is_gone_for_good_stops(self) -> None:
        assert after_failure(ID, HOUR, 1, FOREVER) is None

    def test_a_server_may_ask_for_more_time(self) -> None:
        asked = FetchError("http_error", "503", is_passing=True, retry_after=timedelta(hours=3))
        assert about(after_failure(ID, HOUR, 1, asked), timedelta(hours=3))
