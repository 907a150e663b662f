from email.message import EmailMessage
from pathlib import Path

import pytest

from muniment.adapters.parsers.mail import MailParser
from muniment.ports.parsing import ParsedDocument, ParseError
from tests.support.samples import write_eml

HEAD = "From: ann@town.test\nSubject: Fees\n"


def read(path: Path, source: str | bytes) -> ParsedDocument:
    path.write_bytes(source.encode() if isinstance(source, str) else source)
    return MailParser().parse(path, "message/rfc822")


def failure(path: Path, source: str | bytes) -> str:
    with pytest.raises(ParseError) as caught:
        read(path, source)
    return caught.value.code


def mime(subtype: str, *parts: str) -> str:
    body = "".join(f"--x\n{part}\n" for part in parts)
    return f"{HEAD}Content-Type: multipart/{subtype}; boundary=x\n\n{body}--x--\n"


PLAIN = "Content-Type: text/plain\n\nplain words"
HTML = "Content-Type: text/html\n\n<h1>Head</h1><p>rich &lt;words&gt;</p>"


class TestParse:
    def test_gives_who_when_what_and_the_words(self, tmp_path: Path) -> None:
        write_eml(tmp_path / "a.eml")
        parsed = MailParser().parse(tmp_path / "a.eml", "any")
        assert parsed.text == (
            "From: Jürgen Müller <mueller@town.test>\nTo: council@town.test\n"
            "Date: Tue, 24 Nov 2026 10:00:00 +0000\nSubject: Zölle & fees\n\n"
            "Carts pay <5 marks \u2013 from March on.\n\nAttachments: Zölle.pdf"
        )
        assert parsed.title == "Zölle & fees"

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            pytest.param(f"{HEAD}\nwords\n\nmore", "words\n\nmore", id="plain"),
            pytest.param(mime("alternative", PLAIN, HTML), "plain words", id="plain-before-html"),
            pytest.param(
                mime("alternative", "Content-Type: text/plain\n\n \n", HTML),
                "Head\n\nrich <words>",
                id="html-where-plain-is-empty",
            ),
            pytest.param(
                mime("mixed", HTML, PLAIN), "Head\n\nrich <words>\n\nplain words", id="both"
            ),
            pytest.param(
                f"{HEAD}Content-Transfer-Encoding: quoted-printable\n"
                "Content-Type: text/plain; charset=iso-8859-1\n\nZ=F6lle =\nsinken",
                "Zölle sinken",
                id="quoted-printable",
            ),
            pytest.param(
                f"{HEAD}Content-Type: text/plain; charset=no-such-thing\n\nZölle",
                "Zölle",
                id="unknown-charset",
            ),
            pytest.param(
                mime(
                    "mixed",
                    PLAIN,
                    "Content-Type: text/plain\n"
                    "Content-Disposition: attachment; filename=a.txt\n\nnot read",
                ),
                "plain words\n\nAttachments: a.txt",
                id="attached-text",
            ),
            pytest.param(
                mime("mixed", PLAIN, "Content-Type: message/rfc822\n\nSubject: Old\n\nnot read"),
                "plain words\n\nAttachments: Old",
                id="attached-message",
            ),
            pytest.param(
                mime("mixed", PLAIN, "Content-Type: image/png\n\nxxx"),
                "plain words\n\nAttachments: without a name (image/png)",
                id="nameless",
            ),
            pytest.param(
                mime("mixed", PLAIN, 'Content-Disposition: attachment; filename="Zölle"\n\nx'),
                "plain words\n\nAttachments: Zölle",
                id="raw-name",
            ),
            pytest.param(
                f"{HEAD}Content-Type: multipart/mixed; boundary=x\n\n--x\n{PLAIN}",
                "plain words",
                id="cut-off",
            ),
        ],
    )
    def test_shows_the_text_of_the_message(self, tmp_path: Path, source: str, words: str) -> None:
        head = "From: ann@town.test\nSubject: Fees"
        assert read(tmp_path / "a.eml", source).text == f"{head}\n\n{words}"

    @pytest.mark.parametrize(
        ("subject", "shown"),
        [
            ("=?utf-8?q?Z=C3=B6lle?= und =?iso-8859-1?q?M=E4rkte?=", "Zölle und Märkte"),
            ("folded\n  over lines", "folded over lines"),
            ("=?no-such-thing?q?=E4?=", "ä"),
            ("=?utf-8?b?broken", "=?utf-8?b?broken"),
            ("raw Zölle", "raw Zölle"),
            ("", None),
        ],
    )
    def test_decodes_headers(self, tmp_path: Path, subject: str, shown: str | None) -> None:
        source = f"From: a@town.test\nSubject: {subject}\n\nwords"
        assert read(tmp_path / "a.eml", source).title == shown

    def test_a_megabyte_of_header_holds_nothing_up(self, tmp_path: Path) -> None:
        source = f"Subject: {'=?utf-8?q?a?= ' * 80_000}\nTo: {'a@b.test, ' * 90_000}\n\nwords"
        assert read(tmp_path / "a.eml", source).text.endswith("words")


class TestRefusals:
    def test_a_text_is_no_message(self, tmp_path: Path) -> None:
        assert failure(tmp_path / "a.eml", "Dear all,\n\nnothing of a header here.") == "malformed"
        assert failure(tmp_path / "a.eml", b"") == "empty_document"

    @pytest.mark.parametrize("kind", ["multipart/encrypted; boundary=x", "application/pkcs7-mime"])
    def test_an_encrypted_message_is_told(self, tmp_path: Path, kind: str) -> None:
        assert failure(tmp_path / "a.eml", f"{HEAD}Content-Type: {kind}\n\nxx") == "encrypted"

    @pytest.mark.parametrize("depth", [60, 5_000])
    def test_nesting_has_an_end(self, tmp_path: Path, depth: int) -> None:
        source = HEAD + "".join(
            f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(depth)
        )
        assert failure(tmp_path / "a.eml", f"{source}\n\nwords") == "malformed"

    def test_forwarded_messages_are_not_opened(self, tmp_path: Path) -> None:
        message = EmailMessage()
        message["Subject"] = "0"
        message.set_content("core")
        for n in range(1, 30):
            outer = EmailMessage()
            outer["Subject"] = str(n)
            outer.set_content(f"shell {n}")
            outer.add_attachment(message)
            message = outer
        assert read(tmp_path / "a.eml", bytes(message)).text == (
            "Subject: 29\n\nshell 29\n\nAttachments: 28"
        )
