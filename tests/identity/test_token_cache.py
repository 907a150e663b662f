from datetime import timedelta
from threading import Thread

from muniment.identity.token_cache import TokenCache
from tests.support.fixed_clock import FixedClock

MINUTE = timedelta(minutes=1)


def cache_of(size: int) -> tuple[TokenCache[str], FixedClock]:
    clock = FixedClock()
    return TokenCache(size, clock), clock


class TestTokenCache:
    def test_gives_back_what_was_added_and_counts(self) -> None:
        cache, clock = cache_of(2)
        cache.add("a.b.c", "alice", clock.now() + MINUTE)

        assert cache.find("a.b.c") == "alice"
        assert cache.find("a.b.d") is None
        assert (cache.hits, cache.misses, len(cache)) == (1, 1, 1)

    def test_keys_on_the_whole_token(self) -> None:
        cache, clock = cache_of(2)
        cache.add("header.claims.signature", "alice", clock.now() + MINUTE)

        assert cache.find("header.claims.forged") is None
        assert cache.find("header.claims.signature ") is None

    def test_never_outlives_the_token(self) -> None:
        cache, clock = cache_of(2)
        cache.add("t", "alice", clock.now() + MINUTE)
        clock.advance(MINUTE - timedelta(microseconds=1))
        assert cache.find("t") == "alice"

        clock.advance(timedelta(microseconds=1))
        assert cache.find("t") is None
        assert len(cache) == 0

    def test_drops_the_one_unused_for_longest(self) -> None:
        cache, clock = cache_of(2)
        for token in ("a", "b"):
            cache.add(token, token, clock.now() + MINUTE)
        cache.find("a")
        cache.add("c", "c", clock.now() + MINUTE)

        assert [cache.find(token) for token in ("a", "b", "c")] == ["a", None, "c"]

    def test_of_size_zero_remembers_nothing(self) -> None:
        cache, clock = cache_of(0)
        cache.add("a", "a", clock.now() + MINUTE)

        assert cache.find("a") is None

    def test_forgets_all_when_cleared(self) -> None:
        cache, clock = cache_of(2)
        cache.add("a", "a", clock.now() + MINUTE)
        cache.clear()

        assert len(cache) == 0
        assert cache.find("a") is None

    def test_does_not_keep_what_cannot_be_a_token(self) -> None:
        cache, clock = cache_of(2)
        for token in ("x" * 20_000, "é", "\ud800"):
            cache.add(token, "x", clock.now() + MINUTE)
            assert cache.find(token) is None
        assert len(cache) == 0

    def test_stays_whole_under_many_threads(self) -> None:
        cache, clock = cache_of(3)
        until = clock.now() + MINUTE

        def use(seed: int) -> None:
            for turn in range(500):
                token = str((seed + turn) % 7)
                cache.add(token, token, until)
                assert cache.find(token) in {None, token}

        threads = [Thread(target=use, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert cache.hits + cache.misses == 2000
        assert len(cache) == 3
