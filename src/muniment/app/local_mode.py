"""Local mode: without an issuer in the settings, the built-in one vouches for callers.

With one in the settings it vouches for the command line alone, which has access to the database
anyway; no request is let in by it.
"""

import asyncio

from muniment.app.folder import make_data_folder
from muniment.app.settings import Settings
from muniment.app.unsafe import refuse_unsafe
from muniment.app.unsupported import refuse_unsupported
from muniment.identity.local_issuer import LocalIssuer
from muniment.kit.clock import Clock
from muniment.kit.errors import ConfigurationError


async def load_local_issuer(settings: Settings, clock: Clock) -> LocalIssuer:
    """Take the built-in issuer's key from the data directory. Raises ConfigurationError."""
    refuse_open_local_mode(settings)
    await asyncio.to_thread(make_data_folder, settings.data_dir)
    return await asyncio.to_thread(
        LocalIssuer.load_or_create, settings.data_dir / "keys", settings.identity, clock
    )


def refuse_open_local_mode(settings: Settings) -> None:
    """Refuse settings that let in others than they should. Raises ConfigurationError.

    Above all local mode where others than this machine could call: it has no other proof of who is
    asking than access to this machine, so it listens on the loopback alone.
    """
    refuse_unsupported(settings)
    refuse_unsafe(settings)
    if settings.is_local_mode and not settings.server.is_loopback:
        raise ConfigurationError(
            f"Local mode listens on the loopback only, and server.host is {settings.server.host}.",
            hint="Set server.host to 127.0.0.1, or name the identity provider that vouches for"
            " callers under [[identity.issuers]].",
        )


def refuse_tokens_of_ours(settings: Settings) -> None:
    """Refuse to hand out what no request could use. Raises ConfigurationError."""
    _refuse_what_no_request_could_use(settings, "Tokens", "Get a token from the provider.")


def refuse_keys_of_ours(settings: Settings) -> None:
    """Refuse to make keys of local users where no request is let in by them.

    Raises ConfigurationError.
    """
    hint = "Sign in with a browser as a user of the provider, and make the key there."
    _refuse_what_no_request_could_use(settings, "API keys of users", hint)


def _refuse_what_no_request_could_use(settings: Settings, what: str, hint: str) -> None:
    if not settings.is_local_mode:
        raise ConfigurationError(
            f"{what} of the built-in issuer are good in local mode only, and an identity provider"
            " is configured.",
            hint=hint,
        )
