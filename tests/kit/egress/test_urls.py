import pytest

from muniment.kit.egress.errors import EgressError
from muniment.kit.egress.urls import read_url

PORTS = (80, 443)
REFUSED = {
    "file:///etc/passwd": "scheme_refused",
    "gopher://example.org/_": "scheme_refused",
    "ftp://example.org/": "scheme_refused",
    "data:text/plain,hello": "scheme_refused",
    "javascript:alert(1)": "scheme_refused",
    "//example.org/": "scheme_refused",
    "wiki": "scheme_refused",
    "": "scheme_refused",
    "http://user@example.org/": "credentials_refused",
    "http://user:word@example.org/": "credentials_refused",
    "http://@example.org/": "credentials_refused",
    "http://example.org@127.0.0.1/": "credentials_refused",
    "http://example.org:6379/": "port_refused",
    "http://example.org:22/": "port_refused",
    "https://example.org:8443/": "port_refused",
    "http://example.org:99999/": "url_malformed",
    "http://example.org:0/": "port_refused",
    "http://": "url_malformed",
    "http:///path": "url_malformed",
    "http://127.1/": "url_malformed",
    "http://0/": "url_malformed",
    "http://2130706433/": "url_malformed",
    "http://0x7f000001/": "url_malformed",
    "http://0x7f.0.0.1/": "url_malformed",
    "http://0177.0.0.1/": "url_malformed",
    "http://017700000001/": "url_malformed",
    "http://127.0.0.01/": "url_malformed",
    "http://1.2.3.4.5/": "url_malformed",
    "http://example.0x/": "url_malformed",
    "http://127.0.0.1./": "url_malformed",
    "http://[::1": "url_malformed",
    "http://[fe80::1%25eth0]/": "url_malformed",
    "http://example.org\\@127.0.0.1/": "url_malformed",
    "http://example.org/a b": "url_malformed",
    "http://example.org/\r\nHost: other": "url_malformed",
    "http://exa\x00mple.org/": "url_malformed",
    " http://example.org/": "url_malformed",
    "http://example.org/" + "a" * 2048: "url_malformed",
}


class TestRefused:
    @pytest.mark.parametrize("text", REFUSED)
    def test_what_is_no_plain_web_address_has_a_reason(self, text: str) -> None:
        with pytest.raises(EgressError) as caught:
            read_url(text, PORTS)
        assert caught.value.code == REFUSED[text]
        assert not caught.value.is_passing


class TestRead:
    @pytest.mark.parametrize(
        ("text", "read"),
        [
            ("https://example.org", "https://example.org/"),
            ("HTTPS://Example.ORG:443/A?b=c#d", "https://example.org/A?b=c"),
            ("http://bücher.example/straße", "http://xn--bcher-kva.example/stra%C3%9Fe"),
            ("http://8.8.8.8/", "http://8.8.8.8/"),
            ("http://[2606:2800::1]/", "http://[2606:2800::1]/"),
            ("http://example.org./", "http://example.org./"),
        ],
    )
    def test_all_readers_get_one_form(self, text: str, read: str) -> None:
        assert str(read_url(text, PORTS)) == read

    def test_letters_that_become_digits_are_read_as_such(self) -> None:
        url = read_url("http://\uff11\uff12\uff17.0.0.1/", PORTS)
        assert url.raw_host == "127.0.0.1"

    def test_another_port_is_for_the_operator_to_allow(self) -> None:
        assert read_url("http://example.org:8080/", (8080,)).port == 8080
