"""Settings with which the server would stand open to whoever guesses, or listens on the way."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import SecretStr

from muniment.app.settings import Settings
from muniment.kit.errors import ConfigurationError

SHORTEST_SECRET: Final = 12

_USUAL: Final = frozenset(
    [
        *(
            "secret",
            "password",
            "passw0rd",
            "pass",
            "changeme",
            "changeit",
            "changethis",
            "replaceme",
        ),
        *("admin", "administrator", "root", "user", "test", "testing", "demo", "example", "sample"),
        *("default", "dummy", "placeholder", "letmein", "qwerty", "welcome", "insecure", "unsafe"),
        *("keycloak", "postgres", "postgresql", "muniment", "client", "clientsecret", "mysecret"),
        *("myclientsecret", "yoursecret", "yourclientsecret", "supersecret", "topsecret"),
        *("mypassword", "yourpassword", "testsecret", "devsecret", "examplesecret", "adminadmin"),
    ]
)
"""What documentation, images and lists of passwords begin with; without case and punctuation."""
_EXAMPLE: Final = "local-only-"
"""So begin those of docs/guides/keycloak.md: good for a provider that only this machine reaches."""
_SEQUENCES: Final = ("0123456789" * 3, "abcdefghijklmnopqrstuvwxyz" * 2)
_REPETITION = re.compile(r"(.{1,8}?)\1+", re.DOTALL)
_TAIL = re.compile(r"\d+$")
_ADDRESS = re.compile(
    r"[\w+]+://(?P<role>[^:/]*):(?P<password>[^@]*)@(?:\[(?P<network>[^/?]+)\]|(?P<host>[^/:?]*))"
)
_MAKE_ONE = (
    "Make another one, for example with `openssl rand -base64 32`, and set it on both sides."
)


def refuse_unsafe(settings: Settings) -> None:
    """Refuse to start open. Raises ConfigurationError, which never repeats a secret."""
    for problem, hint in _unsafe(settings):
        raise ConfigurationError(problem, hint=hint)


def is_usual(secret: str) -> bool:
    """Tell whether a secret is among the first that anybody would try."""
    plain = re.sub(r"[\W_]", "", secret.lower())
    return (
        _TAIL.sub("", plain) in _USUAL | {""}
        or _REPETITION.fullmatch(plain) is not None
        or any(plain in sequence for sequence in _SEQUENCES)
    )


def _unsafe(settings: Settings) -> Iterator[tuple[str, str]]:
    yield from _plain_http(settings)
    for where, issuer, secret in _client_secrets(settings):
        text = secret.get_secret_value()
        if len(text) < SHORTEST_SECRET:
            yield f"{where} has fewer than {SHORTEST_SECRET} characters.", _MAKE_ONE
        if is_usual(text):
            yield f"{where} is one that anybody would guess.", _MAKE_ONE
        if text.startswith(_EXAMPLE) and not _is_local(urlsplit(issuer).hostname):
            yield f"{where} is the one of the guide, which everybody can read.", _MAKE_ONE
    yield from _database_passwords(settings)


def _plain_http(settings: Settings) -> Iterator[tuple[str, str]]:
    public = urlsplit(settings.server.public_url or "")
    if public.scheme == "http" and not settings.is_local_mode and not _is_local(public.hostname):
        yield (
            f"server.public_url is {settings.server.public_url}, so tokens would travel in clear.",
            "Let a proxy speak TLS, and write the address with https://.",
        )


def _client_secrets(settings: Settings) -> Iterator[tuple[str, str, SecretStr]]:
    """Give each secret with the setting and the issuer that it is for."""
    for number, issuer in enumerate(settings.identity.issuers):
        if issuer.introspection is not None:
            where = f"identity.issuers.{number}.introspection.client_secret"
            yield where, issuer.issuer, issuer.introspection.client_secret
    web = settings.identity.web
    if web is not None:
        yield "identity.web.client_secret", web.issuer, web.client_secret


def _database_passwords(settings: Settings) -> Iterator[tuple[str, str]]:
    database = settings.database
    addresses = {
        "url": database.url,
        "worker_url": database.worker_url,
        "owner_url": database.owner_url,
    }
    for name, address in addresses.items():
        if address is None:
            continue
        # Read here, since the driver takes longer to load than small commands to run.
        whole = address.get_secret_value()
        parts = _ADDRESS.match(whole)
        if parts is None or not parts["password"]:
            continue
        password = unquote(parts["password"])
        hosts = parse_qs(whole.partition("?")[2]).get("host") or [parts["network"] or parts["host"]]
        is_here = all(_is_local(host) for host in hosts)
        if not is_here and (is_usual(password) or password == unquote(parts["role"])):
            yield (
                f"The password in database.{name} is one that anybody would guess.",
                "Give the role another one (`alter role … password …`).",
            )


def _is_local(host: str | None) -> bool:
    """Tell whether only this machine can be meant; a path is a socket on it."""
    if not host or host.startswith("/") or host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
