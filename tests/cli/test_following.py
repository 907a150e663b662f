"""Addresses among the paths of `add`."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from typing_extensions import override

from tests.cli.conftest import Run, names_in


class Pages(BaseHTTPRequestHandler):
    """Answers from a table, in a thread beside the commands."""

    pages: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        body = self.pages.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    @override
    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server, which the product may fetch from."""
    Pages.pages = {"/leave.txt": b"Thirty days of leave."}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("MUNIMENT_EGRESS__ALLOWED_NETWORKS", '["127.0.0.1/32"]')
    monkeypatch.setenv("MUNIMENT_EGRESS__PORTS", f"[80, {server.server_port}]")
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class TestFollow:
    def test_an_address_is_added_beside_files_and_followed(
        self, run: Run, folder: object, web: str
    ) -> None:
        arguments = (f"{web}/leave.txt", f"{folder}", "--collection", "Web")
        first = run("add", *arguments, "--refetch-every", "PT1H")
        assert (first.exit_code, first.stdout) == (0, "3 created\n"), first.stderr
        assert names_in(run, "Web") == {"leave.txt", "sub/herons.txt", "tides.md"}
        assert run("add", *arguments).stdout == "3 unchanged\n"
        Pages.pages["/leave.txt"] = b"Forty days of leave."
        pruned = run("add", *arguments, "--prune")
        assert pruned.stdout == "1 changed, 2 unchanged\n"
        listed = run("sources list", "--json", "--collection", "Web").stdout
        [source] = json.loads(listed)
        assert (source["refetch_every"], source["status"]) == ("PT1H", "ready")
        row = [source["id"], f"{web}/leave.txt", "ready", "PT1H"]
        assert row in [line.split() for line in run("sources list").stdout.splitlines()]
        removed = run("sources rm", source["id"])
        assert removed.stdout == f"removed {source['id']}\n"
        assert run("sources list", "--json", "--collection", "Web").stdout == "[]\n"
        assert "leave.txt" in names_in(run, "Web")

    def test_what_cannot_be_fetched_is_named(self, run: Run, web: str) -> None:
        Pages.pages["/broken.pdf"] = b"%PDF-1.7 and nothing more"
        urls = (f"{web}/none.txt", "http://10.0.0.1/", "http://2130706433/", f"{web}/broken.pdf")
        result = run("add", *urls, "--collection", "Unfetched")
        assert (result.exit_code, result.stdout) == (1, "4 failed\n")
        assert f"✗ {web}/none.txt: The server answered 404 (Not Found)." in result.stderr
        assert "✗ http://10.0.0.1/: 10.0.0.1 is not on the public internet" in result.stderr
        assert "✗ http://2130706433/: This is not an address" in result.stderr
        assert f"✗ {web}/broken.pdf: " in result.stderr

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("http://a.example/", "--refetch-every", "soon"), "--refetch-every or an address"),
            (("http://a.example/", "--refetch-every", "PT1M"), "--refetch-every or an address"),
            (("file.txt", "--refetch-every", "PT1H"), "--refetch-every goes with an address."),
            (("https://a.example/", "--dry-run"), "--dry-run tells of files"),
        ],
    )
    def test_what_cannot_be_meant_is_wrong_usage(
        self, run: Run, arguments: tuple[str, ...], told: str
    ) -> None:
        result = run("add", *arguments)
        assert result.exit_code == 2
        assert told in result.stderr
