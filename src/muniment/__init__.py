"""Muniment: agents over a team's own documents, with citations that are literally true."""

__version__ = "0.1.0"
