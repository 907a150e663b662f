"""Failures of the evaluation."""

from muniment.kit.errors import InvalidInputError


class InvalidDatasetError(InvalidInputError):
    """The folder is not a data set in BEIR layout, or a line of it cannot be read."""

    code = "invalid_dataset"
    title = "The data set cannot be read"


class InvalidResultsError(InvalidInputError):
    """The file to compare with was not written by an evaluation."""

    code = "invalid_results"
    title = "The results cannot be read"
