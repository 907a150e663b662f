"""What can go wrong with API keys."""

from collections.abc import Collection
from datetime import timedelta

from muniment.identity.permissions import Permission
from muniment.kit.durations import format_duration
from muniment.kit.errors import (
    ConflictError,
    FieldProblem,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
)


class ApiKeyNotFoundError(NotFoundError):
    """There is no such key among the caller's own."""

    code = "api_key_not_found"
    title = "No such API key"

    def __init__(self) -> None:
        super().__init__(
            "You have no API key with this id.", hint="GET /api/v1/api-keys lists your keys."
        )


class ScopeRefusedError(InvalidInputError):
    """A key cannot have this permission: its owner has not, or no key ever has."""

    code = "scope_refused"
    title = "A key cannot have this permission"

    def __init__(self, refused: Collection[Permission], reason: str) -> None:
        detail = f"The key cannot have {', '.join(sorted(refused))}: {reason}."
        super().__init__(
            detail,
            hint="GET /api/v1/users/me shows your permissions.",
            errors=(FieldProblem("body", "/scope", self.code, detail),),
        )


class KeyLifetimeError(InvalidInputError):
    """The key would be good for longer than the settings allow."""

    code = "key_lifetime"
    title = "A key is not good for so long"

    def __init__(self, longest: timedelta) -> None:
        detail = f"An API key is good for at most {format_duration(longest)}."
        super().__init__(
            detail,
            hint="Ask for less, and make a new key before the old one expires.",
            errors=(FieldProblem("body", "/expires_in", self.code, detail),),
        )


class TooManyKeysError(ConflictError):
    """The user has as many good keys as the settings allow."""

    code = "too_many_api_keys"
    title = "Too many API keys"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"You may have at most {most} API keys that are good.",
            hint="Revoke one that you do not need any more.",
        )


class BrowserSessionRequiredError(ForbiddenError):
    """The caller came with a token, which could be one that was found or handed on."""

    code = "browser_session_required"
    title = "Made in a browser session only"

    def __init__(self) -> None:
        super().__init__(
            "API keys are made in a browser session or on the command line.",
            hint="Sign in with a browser, or run `muniment keys create` on the server's machine.",
        )
