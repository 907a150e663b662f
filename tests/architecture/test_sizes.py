"""What does not fit on a few screens is split by noun."""

from pathlib import Path

from tests.architecture.sources import sources

TESTS = Path(__file__).parents[1]
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
MAX_DEPTH = 3

REVISIONS = "postgres/migrations/versions/"
"""There a function is the definition of one table, column by column."""


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {source.path: len(source.text.splitlines()) for source in sources()}
    for path in TESTS.rglob("*.py"):
        lengths[f"tests/{path.relative_to(TESTS)}"] = len(path.read_text("utf-8").splitlines())
    assert {path: lines for path, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_50_lines() -> None:
    long = [
        f"{source.path}:{function.lineno} {function.name}"
        for source in sources()
        if not source.path.startswith(REVISIONS)
        for function in source.functions()
        if (function.end_lineno or 0) - function.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_no_folder_is_deeper_than_three() -> None:
    deep = [source.path for source in sources() if source.path.count("/") > MAX_DEPTH]
    assert deep == []
