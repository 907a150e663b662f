from pathlib import Path

import pytest

from muniment.adapters.parsers.text import TextParser
from muniment.ports.parsing import ParsedDocument, ParseError


def test_gives_the_file_as_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffשלם\r\n漢字 \U0001f600 end".encode())
    assert TextParser().parse(path, "text/plain") == ParsedDocument("שלם\n漢字 \U0001f600 end")


@pytest.mark.parametrize("content", [b"", b" \n\t" * 100, b"\xef\xbb\xbf"])
def test_refuses_a_file_without_text(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(ParseError) as caught:
        TextParser().parse(path, "text/plain")
    assert caught.value.code == "empty_document"
