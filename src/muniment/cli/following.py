"""Addresses given to `add`: each becomes a source, and the command waits for its document."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.cli.collections import documents_of, find_collection, session_of
from muniment.cli.command import UsageError, request_of
from muniment.cli.outcomes import Report
from muniment.cli.product import Product
from muniment.cli.terminal import console_of_messages
from muniment.kit.pagination import PageRequest
from muniment.library.access_rules import AccessRule
from muniment.library.repository.documents import DocumentCriteria
from muniment.library.repository.progress import UNFINISHED
from muniment.library.service.registration import Outcome
from muniment.library.service.rule_check import RuleCheck
from muniment.sources.errors import SourceNotFoundError, UrlRefusedError
from muniment.sources.models import Source
from muniment.sources.schemas import SourceCreate
from muniment.sources.service import SourceService

_LOOK_EVERY_S = 0.25
_SCHEMES = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Addresses:
    """What was said about the addresses among the paths."""

    urls: Sequence[str]
    refetch_every: str | None = None
    rule: AccessRule | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A source that is being fetched."""

    source_id: UUID
    url: str
    version: int
    """That of its document before; 0 where there was none."""


def is_address(word: str) -> bool:
    """Tell an address from a path."""
    return word.lower().startswith(_SCHEMES)


def sources_of(product: Product, session: AsyncSession) -> SourceService:
    """Give the service of sources, as a request would have it."""
    serving, rules = product.serving, RuleCheck.by(product.settings.identity)
    documents = documents_of(product, session)
    return SourceService(session, serving.egress, serving.admission, documents, rules)


async def follow(product: Product, addresses: Addresses, collection: str, report: Report) -> None:
    """Add the addresses and wait until their documents are done; the report tells of each."""
    wanted = [_request_of(url, addresses) for url in addresses.urls]
    if not wanted:
        return
    collection_id = await find_collection(product, collection, make=True)
    waiting = []
    for request in wanted:
        try:
            waiting.append(await _add(product, collection_id, request))
        except UrlRefusedError as error:
            report.fail(request.url, error.detail)
    try:
        while waiting:
            await asyncio.sleep(_LOOK_EVERY_S)
            waiting = [one for one in waiting if not await _has_ended(product, one, report)]
    except asyncio.CancelledError:
        console_of_messages().print(
            f"Interrupted: {len(waiting)} addresses are still to be fetched. The next `up`,"
            " `worker` or `add` does it.",
            soft_wrap=True,
        )
        raise


def _request_of(url: str, addresses: Addresses) -> SourceCreate:
    said: dict[str, object] = {"url": url}
    if addresses.refetch_every is not None:
        said["refetch_every"] = addresses.refetch_every
    if addresses.rule is not None:
        said["access"] = addresses.rule
    return request_of(SourceCreate, "--refetch-every or an address", **said)


async def _add(product: Product, collection_id: UUID, request: SourceCreate) -> _Waiting:
    async with session_of(product) as session:
        source = await sources_of(product, session).add(product.principal, collection_id, request)
        page = await documents_of(product, session).list_in(
            product.principal, collection_id, DocumentCriteria(uri=source.url), PageRequest()
        )
        versions = [view.document.version for view in page.items if view.may_edit]
        return _Waiting(source.id, source.url, versions[-1] if versions else 0)


async def _has_ended(product: Product, one: _Waiting, report: Report) -> bool:
    async with session_of(product) as session:
        try:
            source = await sources_of(product, session).read(product.principal, one.source_id)
        except SourceNotFoundError:
            return True  # removed by somebody meanwhile
        if source.status == "queued":
            return False
        if source.document_id is None or source.error_detail is not None:
            report.fail(one.url, _reason(source))
            return True
        documents = documents_of(product, session)
        document = (await documents.read(product.principal, source.document_id)).document
    if document.status in UNFINISHED:
        return False
    if document.status == "failed":
        report.fail(one.url, document.error_detail or "it could not be read")
    else:
        report.outcomes[_outcome(one.version, document.version)] += 1
    return True


def _reason(source: Source) -> str:
    reason = source.error_detail or "it was not fetched"
    return reason if source.next_at is None else f"{reason} It will be tried again."


def _outcome(before: int, after: int) -> Outcome:
    if before == 0:
        return "created"
    return "changed" if after > before else "unchanged"


def require_fitting(urls: Sequence[str], refetch_every: str | None, *, is_dry_run: bool) -> None:
    """Refuse options that cannot do what they say. Raises UsageError."""
    for url in urls:
        _request_of(url, Addresses(urls, refetch_every))
    if refetch_every is not None and not urls:
        raise UsageError("--refetch-every goes with an address.")
    if is_dry_run and urls:
        raise UsageError(
            "--dry-run tells of files: what an address holds is known when it was asked."
        )
