"""How many requests a caller may send, whatever credentials they have."""

from typing import Final

from muniment.identity.authentication import Caller
from muniment.kit.errors import RateLimitedError
from muniment.kit.rate_limits import RateLimiter

CALLER_LIMITS_KEY: Final = "muniment.caller_limits"
"""Where a request finds the limits of its process."""


class CallerLimits:
    """Counts the requests of each account, and of each of its keys.

    All tokens, sessions and keys of an account count together, so nobody gets more by having many.
    A key has a smaller bucket of its own: a script that runs wild leaves room for its owner.
    """

    def __init__(self, per_principal: RateLimiter, per_key: RateLimiter) -> None:
        self._per_principal = per_principal
        self._per_key = per_key

    def admit(self, caller: Caller) -> None:
        """Count a request. Raises RateLimitedError."""
        grounds = caller.grounds
        wait_s = self._per_key.take(grounds.key_id) if grounds.key_id is not None else 0
        wait_s = wait_s or self._per_principal.take(grounds.account_id)
        if wait_s:
            raise RateLimitedError(wait_s)
