"""The failures that the limits of the child bring about, in words that a person can act on."""

from datetime import timedelta

from muniment.kit.durations import format_duration
from muniment.kit.errors import ConfigurationError
from muniment.ports.parsing import ParseError


class ParsersUnavailableError(ConfigurationError):
    """The child cannot start or load its parsers: no document can be read until that is mended."""

    code = "parsers_unavailable"
    title = "Documents cannot be read in this installation"


def out_of_memory() -> ParseError:
    """Make the error of a document that needs more memory than is allowed."""
    return ParseError(
        "parser_memory", "Reading the document takes more memory than allowed; split it."
    )


def out_of_time(limit: timedelta) -> ParseError:
    """Make the error of a document that takes longer than is allowed."""
    return ParseError(
        "parser_timeout",
        f"Reading the document took longer than allowed ({format_duration(limit)}); split it.",
    )


def broken_off() -> ParseError:
    """Make the error of a document whose reader died or went wrong."""
    return ParseError("parser_crashed", "The parser failed on this document; it may be damaged.")
