"""Where a server is for browsers, and which of their requests may change anything."""

import pytest
from starlette.requests import HTTPConnection

from muniment.identity.browser import BrowserRules, cookies_named
from muniment.identity.errors import CrossSiteRequestError, SessionEndedError

RULES = BrowserRules.of_address("https://ask.example.com")


def request(method: str = "POST", *headers: tuple[str, str]) -> HTTPConnection:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return HTTPConnection({"type": "http", "method": method, "headers": raw})


class TestOfAddress:
    @pytest.mark.parametrize(
        ("address", "origin", "secure"),
        [
            ("https://ask.example.com", "https://ask.example.com", True),
            ("https://Ask.Example.com:443", "https://ask.example.com", True),
            ("https://ask.example.com:8443", "https://ask.example.com:8443", True),
            ("http://ask.example.com", "http://ask.example.com", True),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000", False),
            ("http://localhost:80", "http://localhost", False),
            ("http://[::1]:8000", "http://[::1]:8000", False),
            ("https://127.0.0.1", "https://127.0.0.1", True),
        ],
    )
    def test_writes_the_origin_as_browsers_do(
        self, address: str, origin: str, *, secure: bool
    ) -> None:
        assert BrowserRules.of_address(address) == BrowserRules(origin, is_secure=secure)

    def test_names_cookies_for_this_host_wherever_browsers_can(self) -> None:
        names = [
            BrowserRules.of_address(address).cookie_name("-x")
            for address in ("https://[::1]:8443", "http://127.0.0.1:8000", "http://localhost")
        ]
        assert names == ["__Host-muniment-x", "muniment-8000-x", "muniment-80-x"]


class TestReadSession:
    def test_finds_the_one_cookie(self) -> None:
        asked = request("GET", ("Cookie", "a=1;  __Host-muniment=x=y; muniment=2"), ("Cookie", "b"))
        assert RULES.read_session(asked) == "x=y"
        assert RULES.read_session(request("GET", ("Cookie", "muniment=2"))) is None
        assert cookies_named(asked, "b") == [""]

    def test_takes_none_of_two(self) -> None:
        cookie = ("Cookie", "__Host-muniment=x")
        with pytest.raises(SessionEndedError):
            RULES.read_session(request("GET", cookie, cookie))


class TestRefuseCrossSite:
    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
    def test_lets_reading_pass(self, method: str) -> None:
        RULES.refuse_cross_site(request(method))

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "get", "TRACE", "X"])
    def test_takes_every_other_method_for_a_change(self, method: str) -> None:
        with pytest.raises(CrossSiteRequestError):
            RULES.refuse_cross_site(request(method))

    def test_lets_forms_of_ours_pass_where_they_may(self) -> None:
        asked = request("POST", ("Origin", "https://ask.example.com"))
        RULES.refuse_cross_site(asked, needs_header=False)
        with pytest.raises(CrossSiteRequestError):
            RULES.refuse_cross_site(asked)

    @pytest.mark.parametrize("name", ["Origin", "Sec-Fetch-Site", "X-Muniment"])
    def test_refuses_what_is_said_twice(self, name: str) -> None:
        said = {"Origin": "https://ask.example.com", "X-Muniment": "1"}
        if name == "Sec-Fetch-Site":
            said = {"Sec-Fetch-Site": "same-origin", "X-Muniment": "1"}
        RULES.refuse_cross_site(request("POST", *said.items()))
        with pytest.raises(CrossSiteRequestError):
            RULES.refuse_cross_site(request("POST", *said.items(), (name, said[name])))
