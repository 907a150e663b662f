"""Search and answers over a shelf, as services and as an application."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from muniment.adapters.embedders.hashing import HashingEmbedder, HashingSettings
from muniment.answers.router import router as answers
from muniment.answers.service import AnswerService
from muniment.answers.settings import AnswerSettings
from muniment.app.factory import create_app
from muniment.app.settings import Settings
from muniment.identity.local_issuer import LocalIssuer
from muniment.index.language import LanguageDetector
from muniment.index.pgvector import PgVectorStore
from muniment.index.search_settings import ArmSettings
from muniment.kit.clock import SystemClock
from muniment.ports.embedding import Embedder
from muniment.postgres.prepared import PreparedReads
from muniment.retrieval.query_vectors import QueryVectors
from muniment.retrieval.router import router as search
from muniment.retrieval.service import SearchService
from muniment.retrieval.settings import SearchSettings
from tests.support.app import make_authenticator, served
from tests.support.database import SETTINGS, TestDatabase
from tests.support.shelf import Shelf, make_shelf

WIDE = ArmSettings(exact_documents=0, exact_vectors=0)
"""Everything goes through the approximate index, however little there is."""

BETWEEN = ArmSettings(exact_documents=0)
"""Vectors are compared one by one, words go through the postings."""


@asynccontextmanager
async def open_shelf(
    database: TestDatabase, tenant: str = "acme", embedder: Embedder | None = None
) -> AsyncIterator[Shelf]:
    """Give a tenant to fill; the index of its embedding space goes with it."""
    shelf = await make_shelf(
        database, embedder or HashingEmbedder(HashingSettings(dimension=64)), tenant
    )
    try:
        yield shelf
    finally:
        async with database.owner.begin() as connection:
            await connection.exec_driver_sql(f"drop index chunk_vector_space_{shelf.space.id}")


def make_search(shelf: Shelf, arms: ArmSettings | None = None) -> SearchService:
    """Put the search together as the process does."""
    settings = SearchSettings(arms=arms or ArmSettings())
    return SearchService(
        shelf.database.serving,
        lambda session: PgVectorStore(session, shelf.space, settings.arms),
        QueryVectors(shelf.embedder, settings.query_cache),
        LanguageDetector(),
        shelf.lexical,
        settings,
    )


def make_answers(shelf: Shelf, settings: AnswerSettings | None = None) -> AnswerService:
    """Put the answers together as the process does."""
    return AnswerService(
        shelf.database.serving,
        make_search(shelf),
        shelf.embedder,
        shelf.lexical,
        settings or AnswerSettings(abstain_below=0.1),
    )


@asynccontextmanager
async def asking_app(shelf: Shelf, issuer: LocalIssuer) -> AsyncIterator[ASGIApp]:
    """Start an application that searches and answers."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[Mapping[str, object]]:
        async with PreparedReads(shelf.database.urls.serving, SETTINGS) as reads:
            yield {
                "authenticator": make_authenticator(issuer, reads, shelf.database, SystemClock()),
                "transactions": shelf.database.serving,
                "search_service": make_search(shelf),
                "answer_service": make_answers(shelf),
            }

    app = create_app(Settings(), lifespan=lifespan, routers=[search, answers])
    async with served(app) as asgi:
        yield asgi


def engine_of(database: TestDatabase) -> AsyncEngine:
    """Give the engine of the serving role."""
    engine: AsyncEngine = database.serving._sessions.kw["bind"]
    return engine
