"""A browser as far as signing in needs one: cookies, redirects, and the forms of the issuer."""

import html
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx2

_FORM: Final = re.compile(r'<form[^>]+action="([^"]+)"')
_PASSWORD: Final = re.compile(r'<input[^>]+name="password"')
_STEPS: Final = 12


class SignInFailedError(Exception):
    """The issuer showed something else than its forms; the message is what it showed."""


@dataclass
class Browser:
    """Keeps cookies by address and sends all of them there.

    Keycloak marks its cookies as `Secure` also without TLS; browsers send them to the loopback all
    the same, and libraries do not.
    """

    _client: httpx2.AsyncClient = field(
        default_factory=lambda: httpx2.AsyncClient(timeout=60, follow_redirects=False)
    )
    _jar: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    def cookies(self, address: str) -> Mapping[str, str]:
        """Give the cookies of an address."""
        return dict(self._jar[urlsplit(address).netloc])

    def copy_cookies(self, source: str, target: str) -> None:
        """Send the cookies of one server to another, as behind one name."""
        self._jar[urlsplit(target).netloc] = dict(self._jar[urlsplit(source).netloc])

    async def send(
        self,
        verb: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Send one request, and keep the cookies of its answer."""
        answer = await self._client.request(
            verb, url, data=form, headers={**self.header(url), **(headers or {})}
        )
        jar = self._jar[urlsplit(url).netloc]
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0" or not morsel.value:
                    jar.pop(name, None)
                else:
                    jar[name] = morsel.value
        return answer

    def header(self, url: str) -> dict[str, str]:
        """Write the cookies of an address as they are sent."""
        cookies = self._jar[urlsplit(url).netloc]
        sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return {"Cookie": sent} if sent else {}

    async def visit(self, url: str, *, until: str) -> httpx2.Response:
        """Go where redirects lead, up to one that leads to an address beginning with `until`."""
        return await self._follow(await self.send("GET", url), until)

    async def sign_in(self, url: str, user: str, *, until: str) -> httpx2.Response:
        """Go through the forms of the issuer: user and password in two steps, or in one.

        Gives the answer that leads to an address beginning with `until`.
        """
        answer = await self.visit(url, until=until)
        for _ in range(2):
            if _leads_to(answer, until):
                return answer
            form = _FORM.search(answer.text)
            if form is None:
                raise SignInFailedError(answer.text[:2000])
            fields = {"username": user}
            if _PASSWORD.search(answer.text):
                fields["password"] = f"{user}-password"
            action = urljoin(str(answer.url), html.unescape(form[1]))
            answer = await self._follow(await self.send("POST", action, form=fields), until)
        if not _leads_to(answer, until):
            raise SignInFailedError(answer.text[:2000])
        return answer

    async def _follow(self, answer: httpx2.Response, until: str) -> httpx2.Response:
        for _ in range(_STEPS):
            if not answer.is_redirect or _leads_to(answer, until):
                return answer
            answer = await self.send("GET", urljoin(str(answer.url), answer.headers["location"]))
        raise SignInFailedError("it leads in a circle")


def _leads_to(answer: httpx2.Response, until: str) -> bool:
    target = urljoin(str(answer.url), answer.headers.get("location", ""))
    return answer.is_redirect and target.startswith(until)
