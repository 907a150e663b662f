import ssl
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typing_extensions import override

from muniment.kit.egress.client import EgressClient, Validators
from muniment.kit.egress.errors import EgressError
from muniment.kit.egress.settings import EgressSettings
from tests.support.web_server import WebServer, answer, redirect, web_server

LIMIT = 100_000
HERE = "127.0.0.1"


class Names:
    """A resolver that knows what the test tells it, and counts."""

    def __init__(self, **known: Sequence[str]) -> None:
        self.known = {name.replace("_", "."): addresses for name, addresses in known.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.known:
            raise OSError("unknown")
        return self.known[host]


def client_for(web: WebServer, names: Names | None = None, /, **settings: object) -> EgressClient:
    given = {"allowed_networks": ["127.0.0.1/32"], "ports": [80, 443, web.port], **settings}
    return EgressClient(EgressSettings.model_validate(given), names or Names())


async def read(
    client: EgressClient, url: str, max_bytes: int = LIMIT, validators: Validators | None = None
) -> bytes:
    async with client.get(url, max_bytes=max_bytes, validators=validators) as found:
        return b"".join([chunk async for chunk in found.chunks])


async def refusal(
    client: EgressClient, url: str, max_bytes: int = LIMIT, validators: Validators | None = None
) -> EgressError:
    with pytest.raises(EgressError) as caught:
        await read(client, url, max_bytes, validators)
    return caught.value


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with web_server() as opened:
        opened.answers["/page"] = answer(b"Thirty days.", headers={"Content-Type": "text/plain"})
        yield opened


class TestFetch:
    async def test_bytes_come_with_what_the_server_says_of_them(self, web: WebServer) -> None:
        told = {"Content-Type": "text/html", "ETag": '"1"', "Last-Modified": "yesterday"}
        web.answers["/a"] = answer(b"<p>Hi", headers=told)
        async with client_for(web).get(web.url("/a#part"), max_bytes=LIMIT) as found:
            assert b"".join([chunk async for chunk in found.chunks]) == b"<p>Hi"
        assert found.url == web.url("/a")
        assert found.content_type == "text/html"
        assert found.validators == Validators(web.url("/a"), '"1"', "yesterday")

    async def test_nothing_is_sent_but_the_request(
        self, web: WebServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text(f"machine {HERE} login me password secret\n")
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        await read(client_for(web, user_agent="Our reader"), web.url("/page"))
        [asked] = web.asked
        assert asked.headers.keys() == {
            *("host", "connection", "accept", "accept-encoding", "user-agent")
        }
        assert asked.headers["user-agent"] == "Our reader"
        assert asked.headers["accept-encoding"] == "identity"

    async def test_a_cookie_is_not_kept(self, web: WebServer) -> None:
        told = {"Location": "/page", "Set-Cookie": "a=b"}
        web.answers["/cookie"] = answer(status=302, headers=told)
        await read(client_for(web), web.url("/cookie"))
        assert web.paths() == ["/cookie", "/page"]
        assert "cookie" not in web.asked[1].headers

    @pytest.mark.parametrize("status", [204, 206, 300, 304, 401, 404, 410, 429, 500, 503])
    async def test_every_other_answer_is_a_failure(self, web: WebServer, status: int) -> None:
        body = b"" if status in {204, 304} else b"no"
        web.answers["/a"] = answer(body, status, {"Retry-After": "120"})
        error = await refusal(client_for(web), web.url("/a"))
        assert (error.code, error.status) == ("http_error", status)
        assert error.is_passing == (status in {429, 500, 503})
        assert error.retry_after == timedelta(minutes=2)

    @pytest.mark.parametrize("said", ["soon", "-1", "Fri, 31 Dec 1999 23:59:59 GMT", "9" * 30])
    async def test_a_wait_that_cannot_be_read_is_none(self, web: WebServer, said: str) -> None:
        web.answers["/a"] = answer(b"", 503, {"Retry-After": said})
        assert (await refusal(client_for(web), web.url("/a"))).retry_after is None


class TestConditional:
    async def test_what_is_unchanged_has_no_bytes(self, web: WebServer) -> None:
        web.answers["/a"] = answer(status=304)
        kept = Validators(web.url("/a"), '"1"', "yesterday")
        client = client_for(web)
        async with client.get(web.url("/a"), max_bytes=LIMIT, validators=kept) as found:
            assert found.is_unchanged
        sent = web.asked[0].headers
        assert (sent["if-none-match"], sent["if-modified-since"]) == ('"1"', "yesterday")

    async def test_validators_of_another_address_are_not_sent(self, web: WebServer) -> None:
        kept = Validators(web.url("/old"), '"1"', "yesterday")
        assert await read(client_for(web), web.url("/page"), LIMIT, kept) == b"Thirty days."
        assert "if-none-match" not in web.asked[0].headers

    async def test_what_could_not_be_sent_again_is_not_kept(self, web: WebServer) -> None:
        web.answers["/a"] = answer(b"x", headers={"ETag": '"' + "e" * 600 + '"'})
        async with client_for(web).get(web.url("/a"), max_bytes=LIMIT) as found:
            assert found.validators.etag is None


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://10.0.0.1/",
            "http://0.0.0.0/",
            "http://\uff11\uff12\uff17.0.0.1/",
        ],
    )
    async def test_an_address_that_is_not_public_is_refused(self, url: str) -> None:
        error = await refusal(EgressClient(EgressSettings(), Names()), url)
        assert error.code == "address_refused"

    async def test_a_name_is_refused_for_any_of_its_addresses(self, web: WebServer) -> None:
        names = Names(both_example=["93.184.216.34", "10.0.0.7"])
        error = await refusal(client_for(web, names), "http://both.example/")
        assert error.code == "address_refused"
        assert "10.0.0.7" not in error.detail

    async def test_a_name_is_looked_up_once_and_never_again(self, web: WebServer) -> None:
        class Rebinding(Names):
            @override
            async def __call__(self, host: str, port: int) -> Sequence[str]:
                self.asked.append(host)
                return [HERE] if len(self.asked) == 1 else ["10.0.0.1"]

        names = Rebinding()
        client = client_for(web, names)
        assert await read(client, web.url("/page", "rebind.example")) == b"Thirty days."
        assert names.asked == ["rebind.example"]
        assert web.asked[0].headers["host"] == f"rebind.example:{web.port}"

    async def test_each_fetch_asks_anew(self, web: WebServer) -> None:
        names = Names(wiki_example=[HERE])
        client = client_for(web, names)
        await read(client, web.url("/page", "wiki.example"))
        names.known["wiki.example"] = ["10.0.0.1"]
        error = await refusal(client, web.url("/page", "wiki.example"))
        assert error.code == "address_refused"
        assert len(web.asked) == 1

    async def test_a_named_host_may_be_private(self, web: WebServer) -> None:
        names = Names(wiki=[HERE, "10.0.0.1"], other=[HERE, "10.0.0.1"])
        client = client_for(web, names, allowed_hosts=["wiki"])
        assert await read(client, web.url("/page", "wiki")) == b"Thirty days."
        assert (await refusal(client, web.url("/page", "other"))).code == "address_refused"

    async def test_an_unknown_host_is_said_to_be_one(self, web: WebServer) -> None:
        error = await refusal(client_for(web), "http://nowhere.example/")
        assert (error.code, error.is_passing) == ("host_not_found", True)

    async def test_the_system_is_asked_unless_somebody_else_is(self) -> None:
        error = await refusal(EgressClient(EgressSettings()), "http://localhost/")
        assert error.code == "address_refused"


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_each_kind_is_followed(self, web: WebServer, status: int) -> None:
        web.answers["/old"] = redirect("page", status)
        assert await read(client_for(web), web.url("/old")) == b"Thirty days."

    @pytest.mark.parametrize(
        ("to", "code"),
        [
            ("http://10.0.0.1/", "address_refused"),
            ("http://169.254.169.254/", "address_refused"),
            ("http://[::1]/", "address_refused"),
            ("//[::ffff:169.254.169.254]/", "address_refused"),
            ("http://inside.example/", "address_refused"),
            ("http://127.1/", "url_malformed"),
            ("file:///etc/passwd", "scheme_refused"),
            ("gopher://127.0.0.1/", "scheme_refused"),
            ("http://a@inside.example/", "credentials_refused"),
            ("http://inside.example:6379/", "port_refused"),
            ("http://good.example\\@127.0.0.1/", "redirect_refused"),
            ("http://[::1", "redirect_refused"),
            ("", "redirect_refused"),
        ],
    )
    async def test_a_hop_is_checked_like_the_first(
        self, web: WebServer, to: str, code: str
    ) -> None:
        names = Names(inside_example=["10.0.0.1"], good_example=[HERE])
        web.answers["/old"] = redirect(to)
        assert (await refusal(client_for(web, names), web.url("/old"))).code == code
        assert web.paths() == ["/old"]

    async def test_they_come_to_an_end(self, web: WebServer) -> None:
        web.answers["/round"] = redirect("/round")
        error = await refusal(client_for(web), web.url("/round"))
        assert error.code == "too_many_redirects"
        assert len(web.asked) == 6


class TestLimits:
    async def test_too_much_announced_is_not_read(self, web: WebServer) -> None:
        web.answers["/big"] = answer(b"x" * 1001)
        assert (await refusal(client_for(web), web.url("/big"), 1000)).code == "too_large"
        assert await read(client_for(web), web.url("/big"), 1001) == b"x" * 1001

    async def test_too_much_that_was_not_announced_is_broken_off(self, web: WebServer) -> None:
        web.answers["/big"] = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000
        web.silent.add("/big")
        assert (await refusal(client_for(web), web.url("/big"), 1000)).code == "too_large"

    @pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "unknown"])
    async def test_compressed_bytes_are_refused(self, web: WebServer, encoding: str) -> None:
        web.answers["/zip"] = answer(b"\x1f\x8b", headers={"Content-Encoding": encoding})
        assert (await refusal(client_for(web), web.url("/zip"))).code == "encoding_refused"

    @pytest.mark.parametrize("setting", ["read_timeout", "total_timeout"])
    @pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"])
    async def test_silence_ends(self, web: WebServer, setting: str, begun: bytes) -> None:
        web.answers["/slow"] = begun
        web.silent.add("/slow")
        error = await refusal(client_for(web, **{setting: 0.1}), web.url("/slow"))
        assert (error.code, error.is_passing) == ("timed_out", True)

    @pytest.mark.parametrize(
        "broken",
        [
            b"",
            b"nonsense\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000 + b"\r\n\r\n",
        ],
    )
    async def test_a_broken_answer_is_a_failure(self, web: WebServer, broken: bytes) -> None:
        web.answers["/broken"] = broken
        error = await refusal(client_for(web), web.url("/broken"))
        assert error.code in {"answer_malformed", "unreachable"}

    async def test_nobody_there_is_a_failure_without_an_address(self, web: WebServer) -> None:
        error = await refusal(client_for(web, ports=[1]), "http://127.0.0.1:1/")
        assert (error.code, error.detail) == ("unreachable", "The server cannot be reached.")

    async def test_a_time_out_of_the_reader_stays_its_own(self, web: WebServer) -> None:
        with pytest.raises(TimeoutError):
            async with client_for(web).get(web.url("/page"), max_bytes=LIMIT):
                raise TimeoutError


def certificate_of(name: str, folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _believing() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class TestTls:
    async def test_the_host_is_named_and_a_stranger_refused(self, tmp_path: Path) -> None:
        named: list[str | None] = []
        context = certificate_of("secure.example", tmp_path)
        context.sni_callback = lambda _socket, name, _context: named.append(name)
        async with web_server(context) as web:
            client = client_for(web, Names(secure_example=[HERE]))
            error = await refusal(client, f"https://secure.example:{web.port}/")
        assert error.code == "tls_failed"
        assert named == ["secure.example"]
        assert web.asked == []

    async def test_a_redirect_down_to_http_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        context = certificate_of("secure.example", tmp_path)
        monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", _believing())
        async with web_server(context) as web:
            web.answers["/"] = redirect("http://secure.example/")
            names = Names(secure_example=[HERE])
            error = await refusal(client_for(web, names), f"https://secure.example:{web.port}/")
        assert error.code == "redirect_refused"
        assert len(names.asked) == 1
