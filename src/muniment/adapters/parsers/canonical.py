"""From bytes to canonical text: everything that would move an offset is settled here, once.

Canonical text keeps every character that a reader could see. In particular it is *not* brought
into a Unicode normal form: NFC replaces characters (U+212B by U+00C5, some CJK compatibility
ideographs by others), and then a quote would no longer be found in the customer's own file.
Search folds such differences on its own side, where no offsets are at stake.
"""

import codecs
import re
from pathlib import Path

from muniment.ports.parsing import ParseError

_LINE_ENDS = re.compile("\r\n?|[\x0b\x85]")
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_NEVER_IN_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SAMPLE_BYTES = 65_536
_BINARY_SHARE = 0.08
"""Random bytes have 10.5 % of characters that no text has; a damaged text has a few."""
_REPLACEMENT = "\ufffd"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def settle(text: str) -> str:
    r"""Make any string canonical: `\n` line ends, no control characters, no lone surrogates."""
    return _UNSEEN.sub("", _LINE_ENDS.sub("\n", text))


def read_text(path: Path, declared_encoding: str | None = None) -> str:
    """Read a text file whose encoding is unknown as canonical text. Raises ParseError."""
    raw = read_bytes(path)
    return settle(decode(raw, declared_encoding))


def read_bytes(path: Path) -> bytes:
    """Read a file that must not be empty. Raises ParseError."""
    raw = path.read_bytes()
    if not raw:
        raise ParseError("empty_document", "The file is empty (0 bytes).")
    return raw


def decode(raw: bytes, declared_encoding: str | None = None) -> str:
    """Decode bytes without ever failing on bad ones; refuse what is not text at all.

    Order: byte order mark, strict UTF-8, the encoding that the document itself declares, then the
    better of damaged UTF-8 and Windows-1252. Guessing goes no further on purpose: a wrong guess
    between legacy encodings looks right to a machine and is nonsense to a reader.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, errors="replace")
    _refuse_binary(raw)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        if declared_encoding is not None:
            return raw.decode(declared_encoding, errors="replace")
        return _decode_damaged(raw)


def require_text(text: str) -> str:
    """Give the text back when there is something to read in it. Raises ParseError."""
    if not text.strip():
        raise ParseError("empty_document", "There is no text in the file.")
    return text


def _refuse_binary(raw: bytes) -> None:
    sample = raw[:_SAMPLE_BYTES]
    if len(_NEVER_IN_TEXT.findall(sample)) > len(sample) * _BINARY_SHARE:
        raise ParseError(
            "malformed",
            "The file holds binary content, not text. If it is text, save it as UTF-8.",
        )


def _decode_damaged(raw: bytes) -> str:
    mended = raw.decode("utf-8", errors="replace")
    bad = mended.count(_REPLACEMENT)
    beyond_ascii = len(mended) - len(mended.encode("ascii", errors="ignore"))
    if beyond_ascii - bad >= bad:
        return mended
    return raw.decode("cp1252", errors="replace")
