"""All routers. Routes are matched in this order, so the most asked come first."""

from fastapi import APIRouter

from muniment.answers.router import router as answers
from muniment.api_keys.router import router as api_keys
from muniment.index.router import router as chunks
from muniment.library.router.library import router as library
from muniment.oversight.router import router as oversight
from muniment.profiles.router import router as profiles
from muniment.retrieval.router import router as search
from muniment.revocation.router import router as revocation
from muniment.sources.router import router as sources

ROUTERS: tuple[APIRouter, ...] = (
    profiles,
    search,
    answers,
    library,
    chunks,
    sources,
    api_keys,
    oversight,
)

ROOT_ROUTERS: tuple[APIRouter, ...] = (revocation,)
"""Routers at the root, outside the API."""
