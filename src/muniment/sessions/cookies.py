"""The cookies of browsers, as they are set: for this host, for http alone, for our own pages."""

from datetime import timedelta
from typing import Final

from pydantic import SecretStr
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muniment.identity.authentication import Caller
from muniment.identity.browser import BrowserRules
from muniment.identity.dependencies import CALLER_KEY

SIGN_IN: Final = "-signin-"
"""Stands in the names of cookies of sign-ins that are under way."""
_GONE: Final = timedelta(0)


class Cookies:
    """Writes the cookies of this server; one for the whole process.

    SameSite=Lax, as the way back from the issuer is a link from another site. Without a Domain and
    with `__Host-` in the name, no other host can read or plant one. That of a session ends with the
    browser; how long it is good is for the server to say.
    """

    def __init__(self, rules: BrowserRules) -> None:
        self.rules = rules

    def session(self, value: SecretStr) -> str:
        """Write the cookie of a session."""
        return self._write("", value.get_secret_value(), None)

    def no_session(self) -> str:
        """Take the cookie of a session away."""
        return self._write("", "", _GONE)

    def attempt(self, name: str, value: SecretStr, lasts: timedelta) -> str:
        """Write the cookie of a sign-in under way."""
        return self._write(SIGN_IN + name, value.get_secret_value(), lasts)

    def no_attempt(self, name: str) -> str:
        """Take the cookie of a sign-in away."""
        return self._write(SIGN_IN + name, "", _GONE)

    def _write(self, ending: str, value: str, lasts: timedelta | None) -> str:
        parts = [f"{self.rules.cookie_name(ending)}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
        if self.rules.is_secure:
            parts.append("Secure")
        if lasts is not None:
            parts.append(f"Max-Age={int(lasts.total_seconds())}")
        return "; ".join(parts)


class RenewedCookies:
    """Surrounds an application: whatever it answers, a renewed session brings its new cookie."""

    def __init__(self, app: ASGIApp, *, cookies: Cookies) -> None:
        self._app = app
        self._cookies = cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and complete its answer."""

        async def send_renewed(message: Message) -> None:
            if message["type"] == "http.response.start":
                caller = scope.get(CALLER_KEY)
                if isinstance(caller, Caller) and caller.new_cookie is not None:
                    headers = MutableHeaders(scope=message)
                    headers.append("Set-Cookie", self._cookies.session(caller.new_cookie))
            await send(message)

        await self._app(scope, receive, send_renewed)
