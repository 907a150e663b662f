"""What kind of document a file is: decided by us, not by whoever sends it.

Precedence, first that speaks wins:

1. the signature of formats that have one (PDF, zip containers, old Office): bytes do not lie;
2. the ending of the name, among those that are known;
3. what the client declares, but only for kinds of text, which have no signature, and only when
   the beginning looks like text;
4. the beginning itself: a web page, text, or unknown.
"""

import re
from pathlib import PurePosixPath

UNKNOWN = "application/octet-stream"
HEAD_BYTES = 4096
"""How much of a file's beginning is worth passing in."""

_OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX = f"{_OFFICE}wordprocessingml.document"
PPTX = f"{_OFFICE}presentationml.presentation"
XLSX = f"{_OFFICE}spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
EPUB = "application/epub+zip"

_ZIP_BASED = {".docx": DOCX, ".pptx": PPTX, ".xlsx": XLSX, ".odt": ODT, ".epub": EPUB}
_IN_OLE_WHEN_LOCKED = {".docx": DOCX, ".pptx": PPTX, ".xlsx": XLSX}
_CODE_ENDINGS = {
    "application/sql": (".sql",),
    "application/toml": (".toml",),
    "application/yaml": (".yaml", ".yml"),
    "text/css": (".css",),
    "text/javascript": (".js", ".mjs", ".cjs", ".jsx"),
    "text/x-c": (".c", ".h"),
    "text/x-c++": (".cpp", ".cc", ".cxx", ".hpp", ".hh"),
    "text/x-csharp": (".cs",),
    "text/x-go": (".go",),
    "text/x-ini": (".ini", ".cfg", ".conf"),
    "text/x-java": (".java",),
    "text/x-kotlin": (".kt", ".kts"),
    "text/x-lua": (".lua",),
    "text/x-perl": (".pl", ".pm"),
    "text/x-php": (".php",),
    "text/x-powershell": (".ps1",),
    "text/x-python": (".py", ".pyi"),
    "text/x-r": (".r",),
    "text/x-ruby": (".rb",),
    "text/x-rust": (".rs",),
    "text/x-scala": (".scala",),
    "text/x-sh": (".sh", ".bash"),
    "text/x-swift": (".swift",),
    "text/x-typescript": (".ts", ".tsx"),
}
"""Registered names where there are any; few languages have one."""
SOURCE_CODE = frozenset(_CODE_ENDINGS)
_BY_ENDING = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".rst": "text/x-rst",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".ndjson": "application/jsonl",
    ".eml": "message/rfc822",
    ".pdf": "application/pdf",
    **_ZIP_BASED,
    **{ending: kind for kind, endings in _CODE_ENDINGS.items() for ending in endings},
}
_DECLARABLE = frozenset(_BY_ENDING.values()) - {"application/pdf", *_ZIP_BASED.values()}
_PDF_WITHIN = 1024
_ZIP = b"PK\x03\x04"
_ZIP_NAME_AT = 30
_FOLDERS = {b"word/": DOCX, b"ppt/": PPTX, b"xl/": XLSX}
_FIRST_FOLDER = re.compile(rb"PK\x03\x04.{26}(word/|ppt/|xl/)", re.DOTALL)
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
        return _by_entries(head) or _ZIP_BASED.get(ending, "application/zip")
    if head.startswith(_OLE):
        return _IN_OLE_WHEN_LOCKED.get(ending, "application/x-ole-storage")
    return None


def _by_entries(head: bytes) -> str | None:
    """Tell from the first entries of a zip container; many do not show it so early.

    An e-book or OpenDocument text begins with an entry that holds its own media type.
    """
    for media_type in (EPUB, ODT):
        if head[_ZIP_NAME_AT:].startswith(b"mimetype" + media_type.encode()):
            return media_type
    found = _FIRST_FOLDER.search(head)
    return _FOLDERS[found[1]] if found else None


def _by_beginning(head: bytes) -> str:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:16].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    return "text/plain"


def _looks_like_text(head: bytes) -> bool:
    return bool(head) and (head.startswith(_WIDE_MARKS) or b"\0" not in head)
