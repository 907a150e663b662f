import pytest

from muniment.kit.rate_limits import RateLimiter


class Watch:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.7

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def watch() -> Watch:
    return Watch()


def limiter_of(rate: float, burst: int, watch: Watch, remembered: int = 100) -> RateLimiter:
    return RateLimiter(rate, burst, remembered=remembered, now_s=watch)


class TestTake:
    def test_a_full_bucket_gives_its_burst_and_then_nothing(self, watch: Watch) -> None:
        limiter = limiter_of(10, 60, watch)
        assert [limiter.take("a") for _ in range(60)] == [0] * 60
        assert [limiter.take("a") for _ in range(3)] == [1] * 3

    @pytest.mark.parametrize("rate", [0.1, 3, 7, 10, 1000])
    def test_an_empty_one_is_filled_by_its_rate(self, watch: Watch, rate: float) -> None:
        limiter = limiter_of(rate, 5, watch)
        for _ in range(5):
            limiter.take("a")
        for _ in range(50):
            assert limiter.take("a")
            watch.now_s += 1 / rate
            assert limiter.take("a") == 0

    def test_it_is_never_fuller_than_full(self, watch: Watch) -> None:
        limiter = limiter_of(10, 3, watch)
        limiter.take("a")
        watch.now_s += 3600
        assert [bool(limiter.take("a")) for _ in range(4)] == [False, False, False, True]

    def test_the_wait_is_told_in_whole_seconds_that_suffice(self, watch: Watch) -> None:
        limiter = limiter_of(0.3, 1, watch)
        assert limiter.take("a") == 0
        wait_s = limiter.take("a")
        assert wait_s == 4
        watch.now_s += wait_s
        assert limiter.take("a") == 0

    def test_who_asks_in_vain_does_not_wait_longer_for_it(self, watch: Watch) -> None:
        limiter = limiter_of(1, 1, watch)
        limiter.take("a")
        for _ in range(1000):
            limiter.take("a")
        watch.now_s += 1
        assert limiter.take("a") == 0

    def test_buckets_do_not_touch_each_other(self, watch: Watch) -> None:
        limiter = limiter_of(1, 2, watch)
        while not limiter.take("a"):
            pass
        assert limiter.take("b") == 0

    def test_a_rate_of_nothing_is_no_limit(self, watch: Watch) -> None:
        limiter = limiter_of(0, 1, watch)
        assert not any(limiter.take("a") for _ in range(1000))
        assert len(limiter) == 0


class TestMemory:
    def test_holds_the_latest_and_no_more(self, watch: Watch) -> None:
        limiter = limiter_of(1, 1, watch, remembered=10)
        for number in range(1000):
            limiter.take(number)
        assert len(limiter) == 10
        assert limiter.take(999)

    def test_a_name_that_is_asked_again_stays(self, watch: Watch) -> None:
        limiter = limiter_of(1, 1, watch, remembered=10)
        for number in range(1000):
            limiter.take("flooding")
            limiter.take(number)
        assert limiter.take("flooding")

    def test_one_that_gave_way_is_full(self, watch: Watch) -> None:
        limiter = limiter_of(1, 1, watch, remembered=10)
        limiter.take("early")
        for number in range(10):
            limiter.take(number)
        assert limiter.take("early") == 0
