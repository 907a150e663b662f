"""Settings whose names are settled, but that this version does nothing with yet."""

from collections.abc import Iterator

from muniment.app.settings import Settings
from muniment.kit.errors import ConfigurationError

_ONLY_STORE = "pgvector"


def refuse_unsupported(settings: Settings) -> None:
    """Refuse what would be silently without effect. Raises ConfigurationError.

    Whoever writes down an identity provider or a language model relies on it; a server that starts
    without it would look as if it were in use.
    """
    for problem, hint in _unsupported(settings):
        raise ConfigurationError(problem, hint=hint)


def _unsupported(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.llm.providers or settings.llm.routes:
        yield (
            "The language models of [llm] are not used by this version yet.",
            "Remove providers and routes; answers are quotes of the documents.",
        )
    if settings.vectors.store != _ONLY_STORE:
        yield (
            f"vectors.store is {settings.vectors.store!r}, which is not used by this version yet.",
            f'Remove the setting, or set it to "{_ONLY_STORE}".',
        )
