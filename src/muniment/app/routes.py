"""All routers. Routes are matched in this order, so the most asked come first."""

from fastapi import APIRouter

from muniment.answers.router import router as answers
from muniment.api_keys.router import router as api_keys
from muniment.directory.router import router as directory
from muniment.index.router import router as chunks
from muniment.library.router.library import router as library
from muniment.oversight.router import router as oversight
from muniment.profiles.router import router as profiles
from muniment.retrieval.router import router as search
from muniment.revocation.router import router as revocation
from muniment.sessions.router.own_sessions import router as own_sessions
from muniment.sessions.router.signing_in import router as signing_in
from muniment.sources.router import router as sources

ROUTERS: tuple[APIRouter, ...] = (
    profiles,
    search,
    answers,
    library,
    chunks,
    sources,
    directory,
    api_keys,
    oversight,
    own_sessions,
)

ROOT_ROUTERS: tuple[APIRouter, ...] = (revocation, signing_in)
"""Routers at the root, outside the API."""
