"""What kind of document a file is: decided by us, not by whoever sends it.

Precedence, first that speaks wins:

1. the signature of formats that have one (PDF, zip containers, old Office): bytes do not lie;
2. the ending of the name, among those that are known;
3. what the client declares, but only for kinds of text, which have no signature, and only when
   the beginning looks like text;
4. the beginning itself: a web page, text, or unknown.
"""

from pathlib import PurePosixPath

UNKNOWN = "application/octet-stream"
HEAD_BYTES = 4096
"""How much of a file's beginning is worth passing in."""

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_ZIP_BASED = {".docx": DOCX}
_BY_ENDING = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".pdf": "application/pdf",
    **_ZIP_BASED,
}
_DECLARABLE = frozenset({"text/plain", "text/markdown", "text/html", "application/xhtml+xml"})
_PDF_WITHIN = 1024
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


def media_type_for(name: str, declared: str | None = None, head: bytes = b"") -> str:
    """Decide the media type of a file from its name, the client's word and its first bytes."""
    ending = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    by_signature = _by_signature(head, ending)
    if by_signature is not None:
        return by_signature
    if ending in _BY_ENDING:
        return _BY_ENDING[ending]
    essence = (declared or "").partition(";")[0].strip().lower()
    if not _looks_like_text(head):
        return UNKNOWN
    if essence in _DECLARABLE:
        return essence
    return _by_beginning(head) if not ending else UNKNOWN


def endings_of(media_type: str) -> tuple[str, ...]:
    """Give the endings of file names that stand for a media type."""
    return tuple(ending for ending, meant in _BY_ENDING.items() if meant == media_type)


def _by_signature(head: bytes, ending: str) -> str | None:
    if head.startswith(b"%PDF-") or (ending == ".pdf" and b"%PDF-" in head[:_PDF_WITHIN]):
        return "application/pdf"
    if head.startswith(_ZIP):
        fallback = DOCX if b"word/" in head else "application/zip"
        return _ZIP_BASED.get(ending, fallback)
    if head.startswith(_OLE):
        return DOCX if ending == ".docx" else "application/x-ole-storage"
    return None


def _by_beginning(head: bytes) -> str:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:16].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    return "text/plain"


def _looks_like_text(head: bytes) -> bool:
    return bool(head) and (head.startswith(_WIDE_MARKS) or b"\0" not in head)
