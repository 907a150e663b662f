"""All tables in one place, for migrations and for tests that look at every one of them."""

from sqlalchemy import MetaData

from muniment.api_keys import models as api_keys
from muniment.audit import models as audit
from muniment.identity import models as identity
from muniment.index import models as index
from muniment.library import models as library
from muniment.postgres import jobs
from muniment.postgres.base import Base
from muniment.profiles import models as profiles
from muniment.revocation import models as revocation
from muniment.sessions import models as sessions
from muniment.sources import models as sources

MODULES = (audit, identity, revocation, api_keys, sessions, profiles, library, sources, index, jobs)
"""The modules whose import registers the tables."""


def all_tables() -> MetaData:
    """Give the metadata that every table of the product is registered in."""
    return Base.metadata
