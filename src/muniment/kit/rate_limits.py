"""How many requests somebody may send: token buckets in the memory of this process."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

_REMEMBERED = 20_000


class RateLimiter:
    """Keeps one bucket for each of those it is asked about.

    It holds `burst` requests and is filled again by `rate` in each second; no rate is no limit.

    A bucket is a single number: the moment at which it will be full again (the generic cell rate
    algorithm, which allows exactly what counting tokens would). Buckets of the longest unseen give
    way, which only makes them full: no flood of names fills the memory or locks anybody out.
    """

    def __init__(
        self,
        rate: float,
        burst: int,
        *,
        remembered: int = _REMEMBERED,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval_s = 1 / rate if rate else 0.0
        self._slack_s = self._interval_s * (burst - 1)
        self._remembered = remembered
        self._now_s = now_s
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: Hashable) -> int:
        """Take one request from a bucket: 0, or the seconds to wait where nothing was left."""
        if not self._interval_s:
            return 0
        now = self._now_s()
        full_at = max(self._full_at.pop(key, now), now)
        wait_s = full_at - now - self._slack_s
        # A little beyond zero is an error of rounding, not a request too many.
        is_left = wait_s < self._interval_s * 1e-6
        self._full_at[key] = full_at + self._interval_s if is_left else full_at
        if len(self._full_at) > self._remembered:
            self._full_at.popitem(last=False)
        return 0 if is_left else max(1, math.ceil(wait_s))
