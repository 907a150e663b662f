"""A database that is away, told once: slots and chores of a worker all miss it, time and again."""

import time

import structlog

from muniment.kit.operational import find_operational_rule

_log = structlog.get_logger(__name__)


class Outage:
    """What all parts of one worker together know of the database: there, or away and since when."""

    def __init__(self) -> None:
        self._since: float | None = None

    def note_failure(self, error: Exception) -> None:
        """Log the first failure that passes by itself in a sentence; any other with its traceback.

        Nobody expects the latter, and whoever looks for it needs to see where it came from.
        """
        if not self.note_passing(error):
            _log.error("worker_stumbled", exc_info=error)

    def note_passing(self, error: Exception) -> bool:
        """Log a failure that passes by itself, unless one is logged; False for any other one."""
        rule = find_operational_rule(error)
        if rule is not None and self._since is None:
            self._since = time.monotonic()
            _log.warning("worker_waits", reason=rule.detail, rule=rule.name)
        return rule is not None

    def note_success(self) -> None:
        """Log that the database answers again, if it was away."""
        if self._since is not None:
            away_s, self._since = round(time.monotonic() - self._since, 1), None
            _log.warning("worker_goes_on", away_s=away_s)
