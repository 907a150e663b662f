"""Reading the form of an upload: files go to the store of originals as they come, in any order."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue, TypeAdapter, ValidationError

from muniment.kit.validation_faults import body_problems
from muniment.library.access_rules import AccessRule
from muniment.library.errors import (
    EmptyFileError,
    InvalidUploadError,
    InvalidUploadFieldError,
    UnsupportedDocumentError,
    UploadTooLargeError,
)
from muniment.library.metadata import METADATA, MetadataJson
from muniment.library.multipart import MultipartReader, PartHead
from muniment.library.schemas.fields import DocumentName, DocumentUri
from muniment.library.service.intake import Deposit
from muniment.library.service.registration import NewUpload
from muniment.library.service.rule_check import RuleCheck
from muniment.library.settings import UploadSettings
from muniment.ports.media_types import HEAD_BYTES, UNKNOWN, media_type_for
from muniment.ports.originals import OriginalTooLargeError, StoredOriginal

MAX_FIELD_BYTES: Final = 64 * 1024
_LONGEST_TYPE: Final = 100
_FIELDS: Final = ("access", "metadata", "uri")
_RULE: TypeAdapter[AccessRule | None] = TypeAdapter(AccessRule | None)
_METADATA_OR_NONE: TypeAdapter[MetadataJson | None] = TypeAdapter(MetadataJson | None)
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
_NAME: TypeAdapter[str] = TypeAdapter(DocumentName)
_URI: TypeAdapter[str] = TypeAdapter(DocumentUri)


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file of the form, stored."""

    name: str
    media_type: str
    original: StoredOriginal


@dataclass(slots=True)
class ReceivedForm:
    """What has come of a form so far."""

    files: list[ReceivedFile] = field(default_factory=list)
    fields: dict[str, bytes] = field(default_factory=dict)
    access: AccessRule | None = None
    metadata: MetadataJson | None = None
    uri: str | None = None
    is_registered: bool = False

    def keys(self) -> list[str]:
        """Name what was stored."""
        return [file.original.key for file in self.files]

    def uploads(self) -> list[NewUpload]:
        """Give the files with what was said about all of them."""
        return [
            NewUpload(
                name=file.name,
                media_type=file.media_type,
                original=file.original,
                uri=self.uri,
                metadata=self.metadata,
                access=self.access,
            )
            for file in self.files
        ]

    def fingerprint_parts(self) -> list[bytes]:
        """Give what tells one form from another: boundaries and the order of fields do not."""
        files = [
            part
            for file in self.files
            for part in (file.name.encode(), bytes.fromhex(file.original.sha256))
        ]
        return files + [self.fields.get(name, b"") for name in _FIELDS]


class UploadFormReader:
    """Reads one form into a `ReceivedForm`, which holds what is stored even when reading fails."""

    def __init__(
        self,
        deposit: Deposit,
        settings: UploadSettings,
        media_types: Sequence[str],
        rules: RuleCheck,
    ) -> None:
        self._deposit = deposit
        self._settings = settings
        self._media_types = tuple(media_types)
        self._rules = rules

    async def read(
        self, content_type: str | None, body: AsyncIterator[bytes], form: ReceivedForm
    ) -> None:
        """Read the whole form."""
        reader = MultipartReader(content_type, _counted(body, self._settings.max_request_bytes))
        while (head := await reader.next_part()) is not None:
            if head.name == "file":
                form.files.append(await self._take_file(reader, head, form))
            else:
                await self._take_field(reader, head.name, form)
        if not form.files:
            raise InvalidUploadError("file", "missing", "The form has no file.")
        if form.uri is not None and len(form.files) > 1:
            raise InvalidUploadError("uri", "one_file_only", "A uri goes with one file only.")

    async def _take_file(
        self, reader: MultipartReader, head: PartHead, form: ReceivedForm
    ) -> ReceivedFile:
        if len(form.files) >= self._settings.max_files:
            raise UploadTooLargeError(
                f"A request may have {self._settings.max_files} files at most.",
                hint="Send the rest in further requests.",
            )
        name = read_name(head.filename)
        if any(file.name == name for file in form.files):
            raise InvalidUploadError(
                "file", "name_twice", f"Two files of the form are named {name!r}."
            )
        content = reader.content()
        start = await _beginning(content)
        if not start:
            raise EmptyFileError(name)
        media_type = media_type_for(name, head.content_type, start[:HEAD_BYTES])
        if media_type not in self._media_types:
            told = self._told_type(media_type, head.content_type)
            raise UnsupportedDocumentError(name, told, self._media_types)
        return ReceivedFile(name, media_type, await self._store(name, start, content))

    def _told_type(self, found: str, content_type: str | None) -> str:
        """Name the type of a file that is not read: what the client said, where bytes say nothing.

        A type that is read cannot be the reason.
        """
        said = _sent_type(content_type)
        return found if found != UNKNOWN or said in self._media_types else said

    async def _store(self, name: str, start: bytes, rest: AsyncIterator[bytes]) -> StoredOriginal:
        try:
            return await self._deposit.store(
                _joined(start, rest), max_bytes=self._settings.max_bytes
            )
        except OriginalTooLargeError as error:
            raise UploadTooLargeError(
                f"The file {name!r} is larger than {error.limit} bytes."
            ) from error

    async def _take_field(self, reader: MultipartReader, name: str, form: ReceivedForm) -> None:
        if name not in _FIELDS:
            detail = f"The form may have file, {', '.join(_FIELDS)}; not {name[:64]!r}."
            raise InvalidUploadError("", "unknown_field", detail)
        if name in form.fields:
            raise InvalidUploadError(name, "field_twice", f"The form has {name} twice.")
        content = bytearray()
        async for chunk in reader.content():
            content += chunk
            if len(content) > MAX_FIELD_BYTES:
                raise UploadTooLargeError(f"{name} may have {MAX_FIELD_BYTES} bytes at most.")
        form.fields[name] = bytes(content)
        self._read_field(name, bytes(content), form)

    def _read_field(self, name: str, content: bytes, form: ReceivedForm) -> None:
        try:
            if name == "access":
                form.access = _RULE.validate_json(content)
            elif name == "metadata":
                form.metadata = _read_metadata(content)
            else:
                form.uri = _URI.validate_python(content.decode())
        except ValidationError as error:
            raise _field_error(name, content, error) from None
        except UnicodeDecodeError:
            raise InvalidUploadError(name, "not_utf8", f"{name} is not UTF-8 text.") from None
        if name == "access" and form.access is not None:
            self._rules.require_usable(form.access, "/access")


def read_name(filename: str | None) -> str:
    """Give the last part of the path that a client calls a file. Raises InvalidUploadError.

    The name is shown and compared, never a place on a disk.
    """
    name = (filename or "").replace("\\", "/").rpartition("/")[2].strip()
    try:
        checked = _NAME.validate_python(name)
    except ValidationError:
        detail = "A file needs a name of 1 to 255 characters, none of them a control character."
        raise InvalidUploadError("file", "invalid_name", detail) from None
    if checked in {".", ".."}:
        raise InvalidUploadError("file", "invalid_name", "This is not the name of a file.")
    return checked


def _sent_type(content_type: str | None) -> str:
    """Give the type that the client said, if it can be shown."""
    said = (content_type or "").partition(";")[0].strip()[:_LONGEST_TYPE]
    return said if said.isascii() and said.isprintable() and said else UNKNOWN


def _read_metadata(content: bytes) -> MetadataJson | None:
    # `null` says nothing, as an absent field does.
    return None if content.strip() == b"null" else METADATA.validate_json(content)


def _field_error(name: str, content: bytes, error: ValidationError) -> InvalidUploadFieldError:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    faults = body_problems(found, _sent(content), (name,))
    return InvalidUploadFieldError(f"The field {name} cannot be accepted.", errors=faults)


def _sent(content: bytes) -> JsonValue:
    """Read a field once more, as the JSON that it is; nothing where it is none."""
    try:
        return _JSON.validate_json(content)
    except ValidationError:
        return None


async def _counted(body: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    received = 0
    async for chunk in body:
        received += len(chunk)
        if received > limit:
            raise UploadTooLargeError(f"A request may have {limit} bytes at most.")
        yield chunk


async def _beginning(content: AsyncIterator[bytes]) -> bytes:
    """Take as much of a file as its kind shows in; all of it when it is shorter."""
    start = bytearray()
    while len(start) < HEAD_BYTES and (chunk := await anext(content, None)) is not None:
        start += chunk
    return bytes(start)


async def _joined(start: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield start
    async for chunk in rest:
        yield chunk
