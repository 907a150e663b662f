from pathlib import Path

import pytest

from muniment.adapters.parsers.pdf import PdfParser
from muniment.ports.parsing import ParsedDocument, ParseError
from tests.support.documents import write_pdf, write_pdf_lines

SENTENCE = "The toll of the bridge was granted to the town in 1215 by the king of the realm. "


def parse(path: Path) -> ParsedDocument:
    return PdfParser().parse(path, "application/pdf")


def failure(path: Path) -> str:
    with pytest.raises(ParseError) as caught:
        parse(path)
    return caught.value.code


def page_texts(parsed: ParsedDocument) -> list[str]:
    ends = [*parsed.page_starts[1:], len(parsed.text)]
    return [parsed.text[a:b] for a, b in zip(parsed.page_starts, ends, strict=True)]


class TestText:
    def test_gives_paragraphs_headings_pages_and_title(self, tmp_path: Path) -> None:
        body = ("BodyText", SENTENCE * 3 + "End “quoted” — naïve.")
        pages = [[("Heading1", "First part"), body, body], [("Heading1", "Second part"), body]]
        parsed = parse(write_pdf(tmp_path / "a.pdf", pages, title="The charter"))
        outline = [(parsed.text[h.start : h.end], h.level) for h in parsed.headings]
        assert outline == [("First part", 1), ("Second part", 1)]
        first, second = page_texts(parsed)
        assert second.startswith("Second part\n\nThe toll of")
        assert [" ".join(part.split()) for part in first.strip().split("\n\n")] == [
            "First part",
            body[1],
            body[1],
        ]
        assert parsed.title == "The charter"
        assert "\r" not in parsed.text

    def test_page_starts_count_code_points_and_blank_pages_begin_with_the_next(
        self, tmp_path: Path
    ) -> None:
        parsed = parse(write_pdf_lines(tmp_path / "a.pdf", [["Première page é."], [], ["Third."]]))
        assert parsed.text == "Première page é.\n\nThird."
        assert parsed.page_starts == (0, 18, 18)

    def test_a_sentence_may_run_over_the_page(self, tmp_path: Path) -> None:
        parsed = parse(write_pdf_lines(tmp_path / "a.pdf", [["It begins"], ["and ends."]]))
        assert parsed.text == "It begins\nand ends."

    def test_makes_divided_words_whole(self, tmp_path: Path) -> None:
        lines = ["A para-", "graph on the well-", "known and so well-known word Mac-", "Adam."]
        parsed = parse(write_pdf_lines(tmp_path / "a.pdf", [lines]))
        words = " ".join(parsed.text.split())
        assert words == "A paragraph on the well-known and so well-known word Mac-Adam."

    def test_the_title_is_not_what_a_program_left(self, tmp_path: Path) -> None:
        assert parse(write_pdf_lines(tmp_path / "a.pdf", [["Words."]])).title is None


class TestRefusals:
    def test_asks_for_text_recognition_when_there_are_only_pictures(self, tmp_path: Path) -> None:
        assert failure(write_pdf_lines(tmp_path / "a.pdf", [[], []])) == "no_text_layer"

    def test_asks_for_the_password_to_be_removed(self, tmp_path: Path) -> None:
        path = write_pdf(tmp_path / "a.pdf", [[("BodyText", "secret")]], password="user")
        assert failure(path) == "encrypted"

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "empty_document"),
            (b"\x93\x01" * 9_000, "malformed"),
            (b"%PDF-1.7\n" + b"\x93\x01" * 9_000, "malformed"),
            (b"%PDF-1.7\n%%EOF", "malformed"),
        ],
    )
    def test_says_what_is_wrong_with_the_file(
        self, tmp_path: Path, content: bytes, code: str
    ) -> None:
        path = tmp_path / "a.pdf"
        path.write_bytes(content)
        assert failure(path) == code

    @pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
    def test_a_truncated_file_gives_a_document_or_a_parse_error(
        self, tmp_path: Path, share: float
    ) -> None:
        path = write_pdf(tmp_path / "a.pdf", [[("BodyText", SENTENCE * 9)]])
        raw = path.read_bytes()
        path.write_bytes(raw[: int(len(raw) * share)])
        try:
            text = parse(path).text
        except ParseError:
            return
        assert "toll of the bridge" in text

    def test_pages_that_contain_themselves_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.pdf"
        path.write_bytes(
            b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
            b"2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 99999>>endobj\n"
            b"trailer<</Root 1 0 R>>\n%%EOF"
        )
        assert failure(path) in {"malformed", "no_text_layer"}
