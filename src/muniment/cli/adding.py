"""The command `add`: files become documents, and the command works until they can be searched."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from muniment.app.container import open_worker
from muniment.cli.collections import CollectionName, find_collection, session_of
from muniment.cli.command import Place, UsageError
from muniment.cli.files import FoundFile, find_files
from muniment.cli.following import Addresses, follow, is_address, require_fitting
from muniment.cli.mirroring import compare, move_all
from muniment.cli.outcomes import REMOVED, RENAMED, Report, tell, tell_interruption
from muniment.cli.product import Product, open_product
from muniment.cli.pruning import prune
from muniment.cli.rehearsing import Wish, rehearse, tell_foreseen
from muniment.cli.watching import Display, Sight, open_display
from muniment.ingestion.parsing.pool import ParserPool
from muniment.library.access_rules import AccessRule
from muniment.library.models import Document
from muniment.library.repository.progress import UNFINISHED, WATCHED_AT_ONCE, ProgressRepository
from muniment.library.service.presentation import present_collection_progress
from muniment.library.service.registration import NewUpload, Registration, register
from muniment.library.service.rule_check import RuleCheck, require_known_users
from muniment.ports.originals import OriginalTooLargeError, StoredOriginal
from muniment.postgres.unit_of_work import Scope

DEFAULT_COLLECTION = "Documents"
_READ_BYTES = 1 << 20
_LOOK_EVERY_S = 0.25
_RULE = TypeAdapter(AccessRule)


@dataclass(frozen=True, slots=True)
class Removal:
    """Whether documents go whose files are gone, and whether even very many are believed gone."""

    asked: bool = False
    believed: bool = False


KEEP_ALL = Removal()


Words = Annotated[
    list[str], typer.Argument(metavar="PATHS...", help="Files, folders and addresses.")
]
RuleText = Annotated[
    str | None, typer.Option("--access", help="Access rule as JSON, for every file.")
]
Prune = Annotated[
    bool, typer.Option("--prune", help="Delete documents whose files are gone from the folders.")
]
PruneAll = Annotated[
    bool,
    typer.Option(
        "--prune-all",
        help="Prune, even if a folder is empty now or more than half would be deleted.",
    ),
]
RefetchEvery = Annotated[
    str | None,
    typer.Option("--refetch-every", help="How often addresses are fetched again, as PT1H."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would become of each file, change nothing.")
]
ForeseenAsJson = Annotated[
    bool, typer.Option("--json", help="With --dry-run: what would change, as JSON.")
]


async def add(
    place: Place,
    words: Words,
    collection: CollectionName = None,
    access: RuleText = None,
    remove: Prune = False,
    remove_all: PruneAll = False,
    refetch_every: RefetchEvery = None,
    dry_run: DryRun = False,
    as_json: ForeseenAsJson = False,
) -> None:
    """Add files, folders and addresses; what is unchanged is skipped."""
    if as_json and not dry_run:
        raise UsageError("--json goes with --dry-run.")
    urls = [word for word in words if is_address(word)]
    require_fitting(urls, refetch_every, is_dry_run=dry_run)
    paths = [Path(word) for word in words if not is_address(word)]
    wanted = DEFAULT_COLLECTION if collection is None else collection
    removal = Removal(asked=remove or remove_all, believed=remove_all)
    async with open_product(place) as product:
        rule = await read_rule(product, access)
        if dry_run:
            wish = Wish(paths, wanted, rule, prunes=removal.asked, believes=removal.believed)
            tell_foreseen(await rehearse(product, wish), as_json=as_json)
            return
        async with working(product) as parsers:
            report = await add_files(product, parsers, paths, wanted, rule, removal)
            await follow(product, Addresses(urls, refetch_every, rule), wanted, report)
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
    removal: Removal = KEEP_ALL,
) -> Report:
    """Register the files as an upload would, then wait until all of them are done."""
    offer = await parsers.offer()
    found = await asyncio.to_thread(find_files, paths, offer.media_types)
    wanted = DEFAULT_COLLECTION if collection is None else collection
    collection_id = await find_collection(product, wanted, make=True)
    moved: frozenset[str] = frozenset()
    if removal.asked:
        mirror = await compare(product, collection_id, found, believe=removal.believed)
        moved = await move_all(product, mirror.moves)
    report = Report(failures=list(found.refused), skipped=found.skipped)
    await _Adding(product, collection_id, rule, report, moved).add_all(found.readable)
    if removal.asked:
        report.outcomes[REMOVED] = await prune(
            product, collection_id, found.folders, believe=removal.believed
        )
    return report


async def read_rule(product: Product, text: str | None) -> AccessRule | None:
    """Read an access rule given as JSON. Raises UsageError and AttributeNotUsableError."""
    if text is None:
        return None
    try:
        rule = _RULE.validate_json(text)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"--access is not an access rule: {reason}.",
            hint='An example: --access \'{"any_of": ["group:/eng"]}\'',
        ) from error
    RuleCheck.by(product.settings.identity).require_usable(rule, "")
    async with session_of(product) as session:
        await require_known_users(session, rule, "")
    return rule


class _Adding:
    """Adds files to one collection and watches what becomes of them."""

    def __init__(
        self,
        product: Product,
        collection_id: UUID,
        rule: AccessRule | None,
        report: Report,
        moved: Collection[str],
    ) -> None:
        self._product = product
        self._collection_id = collection_id
        self._rule = rule
        self._report = report
        self._moved = moved
        self._scope = Scope(product.principal.tenant_id, product.principal.names)

    async def add_all(self, files: Sequence[FoundFile]) -> None:
        """Add the files one after the other, then wait for the last of them."""
        total = len(files) + len(self._report.failures)
        try:
            await self._add_and_wait(files, total)
        except asyncio.CancelledError:
            tell_interruption(self._report, total)
            raise

    async def _add_and_wait(self, files: Sequence[FoundFile], total: int) -> None:
        with open_display() as display:
            seen_at = time.monotonic()
            for file in files:
                await self._add(file)
                if time.monotonic() - seen_at >= _LOOK_EVERY_S:
                    await self._look(display, total)
                    seen_at = time.monotonic()
            while self._report.waiting:
                await asyncio.sleep(_LOOK_EVERY_S)
                await self._look(display, total)

    async def _add(self, file: FoundFile) -> None:
        try:
            original = await self._store(file)
        except OriginalTooLargeError as error:
            self._report.fail(file.name, f"it is larger than the {error.limit} bytes allowed")
            return
        except OSError as error:
            if error.filename is None and error.strerror is None:
                raise
            self._report.fail(file.name, f"it cannot be read: {error.strerror}")
            return
        if original.size == 0:
            await self._discard(original)
            self._report.fail(file.name, "the file is empty")
            return
        registration = await self._register(file, original)
        outcome = registration.outcome
        is_renamed = outcome == "unchanged" and file.uri in self._moved
        self._report.waiting[registration.document.id] = RENAMED if is_renamed else outcome
        self._note(registration.document)

    async def _register(self, file: FoundFile, original: StoredOriginal) -> Registration:
        upload = NewUpload(
            name=file.name,
            media_type=file.media_type,
            original=original,
            uri=file.uri,
            access=self._rule,
            follows_file=True,
        )
        principal = self._product.principal
        is_registered = False
        try:
            async with session_of(self._product) as session:
                registration = await register(
                    session,
                    principal,
                    self._collection_id,
                    upload,
                    self._product.settings.limits,
                )
                # Said before the commit, whose answer may be lost: bytes that a committed document
                # speaks of would be missed for ever, and those of a failed commit keep their row.
                is_registered = True
        finally:
            if not is_registered:
                await self._discard(original)
        return registration

    async def _store(self, file: FoundFile) -> StoredOriginal:
        limit = int(self._product.settings.uploads.max_bytes)
        return await self._product.serving.intake.store(
            self._scope, _content(file), max_bytes=limit
        )

    async def _discard(self, original: StoredOriginal) -> None:
        await self._product.serving.intake.discard(self._scope, [original.key])

    async def _look(self, display: Display, total: int) -> None:
        """See which documents have ended since the last look, and how the others go."""
        principal = self._product.principal
        # Those that were added first; they end first as well, and make room for the next ones.
        waiting = frozenset(islice(self._report.waiting, WATCHED_AT_ONCE))
        async with session_of(self._product) as session:
            progress = ProgressRepository(session)
            documents = await progress.list_in_progress(principal, self._collection_id, waiting)
            pace = await progress.pace_of(principal, self._collection_id)
        for document in documents:
            self._note(document)
        # Deleted by somebody in the meantime.
        for document_id in waiting.difference(document.id for document in documents):
            self._report.end(document_id)
        reading = [document for document in documents if document.status == "processing"]
        whole = present_collection_progress(self._collection_id, pace)
        display.show(Sight(self._report.ended, total, whole, reading))

    def _note(self, document: Document) -> None:
        if document.status in UNFINISHED or document.id not in self._report.waiting:
            return
        if document.status == "failed":
            self._report.fail(document.name, document.error_detail or "it could not be read")
            del self._report.waiting[document.id]
        else:
            self._report.end(document.id)


async def _content(file: FoundFile) -> AsyncIterator[bytes]:
    stream = await asyncio.to_thread(file.open)
    try:
        while block := await asyncio.to_thread(stream.read, _READ_BYTES):
            yield block
    finally:
        await asyncio.to_thread(stream.close)
