"""Whatever a file holds, it ends as a document or as a failure with a reason, within the limits."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from muniment.ingestion.parsing.pool import ParserPool
from muniment.ingestion.parsing.settings import ParsingSettings
from muniment.ports.media_types import HEAD_BYTES, media_type_for
from muniment.ports.parsing import ParsedDocument, ParseError
from tests.support.documents import (
    package,
    paragraph,
    wordml,
    write_bomb,
    write_docx,
    write_pdf,
    write_pdf_lines,
)

NOISE = random.Random(7).randbytes(50_000)
XXE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'


def of_bytes(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def truncated_pdf(path: Path) -> None:
    write_pdf(path, [[("BodyText", "words " * 500)]])
    path.write_bytes(path.read_bytes()[:-600])


def flipped_pdf(path: Path) -> None:
    write_pdf(path, [[("BodyText", "words " * 500)]] * 20)
    raw = bytearray(path.read_bytes())
    dice = random.Random(3)
    for _ in range(300):
        raw[dice.randrange(len(raw))] = dice.randrange(256)
    path.write_bytes(raw)


def external_entity(path: Path) -> None:
    package(path, {"word/document.xml": wordml(paragraph("&e;"), doctype=XXE)})


HOSTILE = [
    ("empty.txt", of_bytes(b""), "empty_document"),
    ("blank.md", of_bytes(b" \n" * 99), "empty_document"),
    ("noise.txt", of_bytes(NOISE), "malformed"),
    ("noise.md", of_bytes(NOISE), "malformed"),
    ("noise.html", of_bytes(NOISE), "malformed"),
    ("noise.pdf", of_bytes(NOISE), "malformed"),
    ("noise.docx", of_bytes(NOISE), "malformed"),
    ("noise.bin", of_bytes(NOISE), "unsupported_media_type"),
    ("zero.pdf", of_bytes(b""), "empty_document"),
    ("header.pdf", of_bytes(b"%PDF-1.7\n" + NOISE), "malformed"),
    ("truncated.pdf", truncated_pdf, None),
    ("flipped.pdf", flipped_pdf, None),
    ("locked.pdf", lambda p: write_pdf(p, [[("BodyText", "x")]], password="user"), "encrypted"),
    ("pictures.pdf", lambda p: write_pdf_lines(p, [[], []]), "no_text_layer"),
    ("bomb.docx", lambda p: write_bomb(p, 150), "too_large"),
    ("entity.docx", external_entity, "malformed"),
    ("deep.html", of_bytes(b"<div><p>x" + b"<div>" * 100_000), None),
    ("nul.txt", of_bytes(b"before\x00after and words " * 50), None),
    ("latin.txt", of_bytes(b"caf\xe9 \xff\xfe\x00 na\xefve " * 50), None),
    ("big.txt", of_bytes(b"The quick brown fox.\n" * 1_000_000), None),
]


EITHER = frozenset({"truncated.pdf", "flipped.pdf"})
"""A document or a reason, as the parser likes."""


async def read(pool: ParserPool, path: Path, media_type: str) -> ParsedDocument | ParseError:
    try:
        return await pool.parse(path, media_type)
    except ParseError as error:
        return error


class TestHostileFiles:
    @pytest.mark.parametrize(("name", "write", "code"), HOSTILE, ids=[row[0] for row in HOSTILE])
    async def test_each_ends_as_a_document_or_a_reason(
        self,
        pool: ParserPool,
        tmp_path: Path,
        name: str,
        write: Callable[[Path], object],
        code: str | None,
    ) -> None:
        path = tmp_path / name
        write(path)
        media_type = media_type_for(name, None, path.read_bytes()[:HEAD_BYTES])
        outcome = await read(pool, path, media_type)
        if isinstance(outcome, ParseError):
            assert outcome.code == code or name in EITHER
            assert outcome.detail.endswith(".")
        else:
            assert code is None
            assert outcome.text.strip()


class TestGoodFiles:
    async def test_the_installed_parsers_read_every_format(
        self, pool: ParserPool, tmp_path: Path
    ) -> None:
        (tmp_path / "a.txt").write_text("text \U0001f600")
        (tmp_path / "a.md").write_text("# Head\n\ntext \U0001f600")
        (tmp_path / "a.html").write_text("<h1>Head</h1>text \U0001f600", encoding="utf-8")
        write_docx(tmp_path / "a.docx")
        write_pdf_lines(tmp_path / "a.pdf", [["One."], ["Two."]])
        for name in ("a.txt", "a.md", "a.html", "a.docx", "a.pdf"):
            parsed = await pool.parse(tmp_path / name, media_type_for(name))
            assert parsed.text
            assert all(parsed.text[h.start : h.end].strip() for h in parsed.headings)

    async def test_offers_the_installed_formats(self, pool: ParserPool) -> None:
        offer = await pool.offer()
        assert {"text/plain", "text/markdown", "text/html", "application/pdf"} < {
            *offer.media_types
        }
        assert "kreuzberg-4." in offer.revision

    def test_the_pool_works_under_uvloop(self, tmp_path: Path) -> None:
        path = tmp_path / "a.txt"
        path.write_text("text")

        async def read() -> str:
            pool = ParserPool(ParsingSettings())
            parsed = await pool.parse(path, "text/plain")
            await pool.close()
            return parsed.text

        assert uvloop.run(read()) == "text"
