"""E-mails (RFC 5322, MIME): who, to whom, when, about what, then the words of the message.

The standard library takes a message apart; its newer header classes are left aside, because a long
hostile header holds them up. Attachments are named and not read: each is a document of its own.
"""

from collections.abc import Iterator
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.policy import Compat32
from pathlib import Path
from typing import TypeAlias

from typing_extensions import override

from muniment.adapters.parsers.canonical import decode, read_bytes, require_text, settle
from muniment.adapters.parsers.html import read_page
from muniment.kit.plugins import NoSettings, PluginFactory
from muniment.ports.parsing import ParsedDocument, ParseError

_Message: TypeAlias = "Message[str, str]"

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_SIGNS = (*_SHOWN, "Message-ID", "Received")
_ENCRYPTED = frozenset(
    {"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"}
)
_DEEPEST = 50
_MOST_ENCODED_WORDS = 2_000
"""Decoding takes the square of their number; a list of hundreds of names has fewer."""


class _Policy(Compat32):
    """Reads bytes beyond ASCII that stand in a header unannounced, instead of hiding them."""

    @override
    def header_fetch_parse(self, name: str, value: str) -> str:
        return _piece(value.encode("utf-8", errors="surrogateescape"), None)


class MailParser:
    """Reads e-mails (.eml)."""

    media_types = frozenset({"message/rfc822"})
    revision = "mail-1"

    def parse(self, path: Path, _media_type: str, /) -> ParsedDocument:
        """Read an e-mail. Raises ParseError."""
        raw = read_bytes(path)
        try:
            message = message_from_bytes(raw, policy=_Policy())
            if not any(message[name] for name in _SIGNS):
                raise ParseError(
                    "malformed", "The file is not an e-mail: it has no sender or date."
                )
            return _read(message)
        except RecursionError as error:
            raise _too_deep() from error


def _read(message: _Message) -> ParsedDocument:
    if message.get_content_type() in _ENCRYPTED:
        raise ParseError("encrypted", "The message is encrypted; save it decrypted and add that.")
    subject = _header(message, "Subject")
    lines = [f"{name}: {value}" for name in _SHOWN if (value := _header(message, name))]
    blocks = ["\n".join(lines), *_bodies(message, 0)]
    if attachments := list(_attachments(message, 0)):
        blocks.append("Attachments: " + "; ".join(attachments))
    text = "\n\n".join(block for block in (b.strip() for b in blocks) if block)
    return ParsedDocument(require_text(text), title=subject or None)


def _bodies(part: _Message, depth: int) -> list[str]:
    """Give the texts that a reader of the message sees, in order."""
    if depth > _DEEPEST:
        raise _too_deep()
    if _is_attachment(part):
        return []
    kind = part.get_content_type()
    if kind == "multipart/alternative":
        return _best([(child, _bodies(child, depth + 1)) for child in _children(part)])
    if part.is_multipart():
        return [text for child in _children(part) for text in _bodies(child, depth + 1)]
    words = _words(part)
    text = read_page(words).text if kind == "text/html" else words.strip("\n")
    return [text] if text.strip() else []


def _best(variants: list[tuple[_Message, list[str]]]) -> list[str]:
    """Choose the plain variant of the same words; the last, by custom the fullest, otherwise."""
    filled = [(part, texts) for part, texts in variants if texts]
    plain = [texts for part, texts in filled if part.get_content_type() == "text/plain"]
    return plain[0] if plain else filled[-1][1] if filled else []


def _attachments(part: _Message, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        raise _too_deep()
    if depth and _is_attachment(part):
        yield _name_of(part)
    else:
        for child in _children(part):
            yield from _attachments(child, depth + 1)


def _is_attachment(part: _Message) -> bool:
    if (
        part.get_content_disposition() == "attachment"
        or part.get_content_type() == "message/rfc822"
    ):
        return True
    return not part.is_multipart() and part.get_content_type() not in {"text/plain", "text/html"}


def _name_of(part: _Message) -> str:
    try:
        name = part.get_filename()
    except (ValueError, LookupError):  # a parameter in an encoding that does not exist
        name = None
    if name is None and part.get_content_type() == "message/rfc822":
        name = next((_header(child, "Subject") for child in _children(part)), None)
    return _line(_decoded(name)) if name else f"without a name ({part.get_content_type()})"


def _children(part: _Message) -> list[_Message]:
    payload = part.get_payload()
    return [p for p in payload if isinstance(p, Message)] if isinstance(payload, list) else []


def _words(part: _Message) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset("utf-8")
    try:
        return settle(raw.decode(charset))
    except (LookupError, ValueError):
        return settle(decode(raw)) if raw else ""


def _header(message: _Message, name: str) -> str:
    return _line(_decoded(message.get(name, "")))


def _decoded(value: str) -> str:
    if value.count("=?") > _MOST_ENCODED_WORDS:
        return value
    try:
        pieces = decode_header(value)
    except HeaderParseError:
        return value
    return "".join(_piece(piece, charset) for piece, charset in pieces)


def _piece(piece: bytes | str, charset: str | None) -> str:
    if isinstance(piece, str):
        return piece
    try:
        return piece.decode(charset or "utf-8")
    except (LookupError, ValueError):
        return piece.decode("cp1252", errors="replace")


def _line(words: str) -> str:
    return " ".join(settle(words).split())


def _too_deep() -> ParseError:
    return ParseError("malformed", "The parts of the message are nested too deeply.")


PLUGIN = PluginFactory(NoSettings, lambda _settings: MailParser())
