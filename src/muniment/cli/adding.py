"""The command `add`: files become documents, and the command works until they can be searched."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from sqlalchemy.ext.asyncio import AsyncSession
from typing_extensions import override

from muniment.app.container import open_worker
from muniment.cli.command import Place, UsageError
from muniment.cli.files import FoundFile, FoundFiles, find_files
from muniment.cli.product import Product, open_product
from muniment.ingestion.parsing.pool import ParserPool
from muniment.kit.pagination import MAX_LIMIT, PageRequest
from muniment.library.access_rules import AccessRule
from muniment.library.models import Document
from muniment.library.repository.documents import UNFINISHED, DocumentRepository
from muniment.library.schemas.collections import CollectionCreate
from muniment.library.service.access import require_usable
from muniment.library.service.collections import CollectionService
from muniment.library.service.registration import NewUpload, Outcome, register
from muniment.ports.originals import OriginalTooLargeError, StoredOriginal
from muniment.postgres.unit_of_work import Scope

DEFAULT_COLLECTION = "Documents"
_READ_BYTES = 1 << 20
_LOOK_EVERY_S = 0.25
_RULE = TypeAdapter(AccessRule)

CollectionName = Annotated[
    str | None, typer.Option("--collection", help="Name or id of the collection.")
]


@dataclass(slots=True)
class Report:
    """What became of each file."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Name of the file, and the reason."""
    waiting: set[UUID] = field(default_factory=set)
    """Documents whose ingestion has not ended yet."""


async def add(
    place: Place,
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.")],
    collection: CollectionName = None,
    access: Annotated[
        str | None, typer.Option("--access", help="Access rule as JSON, for every file.")
    ] = None,
) -> None:
    """Add files and folders; unchanged files are skipped, changed ones become a new version."""
    async with open_product(place) as product:
        rule = read_rule(product, access)
        async with working(product) as parsers:
            report = await add_files(product, parsers, paths, collection, rule)
    tell(report, Console(highlight=False))
    if report.failures:
        raise typer.Exit(1)


@asynccontextmanager
async def working(product: Product) -> AsyncIterator[ParserPool]:
    """Run a worker beside the block, in this process; another one elsewhere does no harm."""
    async with open_worker(product.shared, product.urls) as own, asyncio.TaskGroup() as group:
        running = group.create_task(own.worker.run())
        try:
            yield own.parsers
        finally:
            own.worker.stop()
        await running


async def add_files(
    product: Product,
    parsers: ParserPool,
    paths: Sequence[Path],
    collection: str | None = None,
    rule: AccessRule | None = None,
) -> Report:
    """Register the files as an upload would, then wait until all of them are done."""
    offer = await parsers.offer()
    found = await asyncio.to_thread(find_files, paths, offer.media_types)
    collection_id = await find_collection(product, collection or DEFAULT_COLLECTION, make=True)
    report = Report()
    await _add_all(product, collection_id, found, rule, report)
    for path in found.skipped:
        Console(stderr=True).print(f"[dim]skipped {path.name}: not a kind of file that is read[/]")
    return report


async def find_collection(product: Product, wanted: str, *, make: bool = False) -> UUID:
    """Find a collection by id or name; names are not unique, so two of a name are refused."""
    async with session_of(product) as session:
        service = CollectionService(session)
        page = await service.list_visible(product.principal, PageRequest(limit=MAX_LIMIT))
        matches = [
            view.collection.id
            for view in page.items
            if wanted in {view.collection.name, str(view.collection.id)}
        ]
        if len(matches) > 1:
            ids = ", ".join(map(str, matches))
            raise UsageError(f"{len(matches)} collections are called {wanted}.", hint=f"Ids: {ids}")
        if not matches and not make:
            raise UsageError(
                f"There is no collection {wanted} among those you have access to.",
                hint="`muniment collections list` shows them.",
            )
        if matches:
            return matches[0]
        view = await service.create(product.principal, CollectionCreate(name=wanted))
        return view.collection.id


@asynccontextmanager
async def session_of(product: Product) -> AsyncIterator[AsyncSession]:
    """Open a transaction as the acting user."""
    principal = product.principal
    scope = Scope(principal.tenant_id, principal.names)
    async with product.serving.transactions.begin(scope) as session:
        yield session


def read_rule(product: Product, text: str | None) -> AccessRule | None:
    """Read an access rule given as JSON. Raises UsageError."""
    if text is None:
        return None
    try:
        rule = _RULE.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"--access is not an access rule: {first['msg']}.",
            hint='An example: --access \'{"any_of": ["group:/eng"]}\'',
        ) from error
    require_usable(rule, product.settings.identity.attributes, "")
    return rule


def tell(report: Report, console: Console) -> None:
    """Say what became of the files: the sum where wanted, failures with reasons on stderr."""
    errors = Console(stderr=True, highlight=False)
    for name, reason in report.failures:
        errors.print(f"[red]✗[/] {name}: {reason}", soft_wrap=True)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(report.outcomes.items()))
    failed = f"; {len(report.failures)} failed" if report.failures else ""
    console.print(f"{counts or 'nothing to add'}{failed}")


async def _add_all(
    product: Product,
    collection_id: UUID,
    found: FoundFiles,
    rule: AccessRule | None,
    report: Report,
) -> None:
    with _progress() as progress:
        bar = progress.add_task("documents", total=len(found.readable))
        for file in found.readable:
            await _add_one(product, collection_id, file, rule, report)
            progress.update(bar, completed=_ended(report))
        while report.waiting:
            await asyncio.sleep(_LOOK_EVERY_S)
            await _look(product, collection_id, report)
            progress.update(bar, completed=_ended(report))


async def _add_one(
    product: Product,
    collection_id: UUID,
    file: FoundFile,
    rule: AccessRule | None,
    report: Report,
) -> None:
    try:
        original = await _store(product, file)
    except OriginalTooLargeError as error:
        report.failures.append((file.name, f"larger than the {error.limit} bytes allowed"))
        return
    if original.size == 0:
        await product.shared.originals.delete(original.key)
        report.failures.append((file.name, "the file is empty"))
        return
    upload = NewUpload(file.name, file.media_type, original, uri=file.uri, access=rule)
    async with session_of(product) as session:
        registration = await register(session, product.principal, collection_id, upload)
    report.outcomes[registration.outcome] += 1
    document = registration.document
    if document.status in UNFINISHED:
        report.waiting.add(document.id)
    elif document.status == "failed":
        report.failures.append((file.name, document.error_detail or "it could not be read"))


async def _store(product: Product, file: FoundFile) -> StoredOriginal:
    limit = int(product.settings.uploads.max_bytes)
    return await product.shared.originals.put(_content(file.path), max_bytes=limit)


async def _content(path: Path) -> AsyncIterator[bytes]:
    stream = await asyncio.to_thread(path.open, "rb")
    try:
        while block := await asyncio.to_thread(stream.read, _READ_BYTES):
            yield block
    finally:
        await asyncio.to_thread(stream.close)


async def _look(product: Product, collection_id: UUID, report: Report) -> None:
    """See which documents have ended since the last look."""
    async with session_of(product) as session:
        documents = await DocumentRepository(session).list_in_progress(
            product.principal, collection_id, frozenset(report.waiting)
        )
    states = {document.id: document for document in documents}
    for document_id in list(report.waiting):
        document = states.get(document_id)
        if document is None or document.status not in UNFINISHED:
            report.waiting.discard(document_id)
            _note_failure(document, report)


def _note_failure(document: Document | None, report: Report) -> None:
    if document is not None and document.status == "failed":
        report.failures.append((document.name, document.error_detail or "it could not be read"))


def _ended(report: Report) -> int:
    return sum(report.outcomes.values()) - len(report.waiting)


class _Rate(ProgressColumn):
    """Documents per second, once there is something to tell."""

    @override
    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f}/s")


def _progress() -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
