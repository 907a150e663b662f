import pytest

from muniment.ports.media_types import DOCX
from muniment.sources.content import kind_of, name_of

READ = ("text/html", "text/plain", "text/markdown", "application/pdf", DOCX, "text/csv")
ZIP = b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml"


class TestName:
    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("https://example.org/", "example.org"),
            ("https://example.org/a/leave.html?x=1", "leave.html"),
            ("https://example.org/handbook/", "handbook"),
            ("https://example.org/stra%C3%9Fe%20am%20Markt.pdf", "straße am Markt.pdf"),
            (
                "https://example.org/a%2Fb%00c",
                "a\ufffdb\ufffdc",
            ),
            ("https://example.org/%2E%2E", "example.org"),
            ("https://example.org/" + "n" * 300, "n" * 255),
        ],
    )
    def test_is_the_end_of_the_address(self, url: str, name: str) -> None:
        assert name_of(url) == name


class TestKind:
    @pytest.mark.parametrize(
        ("name", "said", "head", "kind"),
        [
            ("index.php", "text/html; charset=utf-8", b"<p>Hi", "text/html"),
            ("page", "TEXT/HTML", b"<p>Hi", "text/html"),
            ("table.py", "text/csv", b"a,b", "text/csv"),
            ("README.md", "text/plain", b"# Hi", "text/markdown"),
            ("README.md", None, b"# Hi", "text/markdown"),
            ("notes", "application/octet-stream", b"Hi", "text/plain"),
            ("notes.html", "image/png", b"<p>", "text/html"),
            ("leave", "text/html", b"%PDF-1.7", "application/pdf"),
            ("download", DOCX, ZIP, DOCX),
            ("photo", "image/png", b"\x89PNG\0", "application/octet-stream"),
        ],
    )
    def test_the_server_knows_better_than_an_ending(
        self, name: str, said: str | None, head: bytes, kind: str
    ) -> None:
        assert kind_of(name, said, head, READ) == kind
