import pickle
from typing import get_args

import pytest

from muniment.ports.parsing import Heading, ParsedDocument, ParseError, ParseFailureCode


class TestParseError:
    @pytest.mark.parametrize("code", get_args(ParseFailureCode))
    def test_comes_out_of_the_child_process_as_it_was_raised(self, code: ParseFailureCode) -> None:
        error = pickle.loads(pickle.dumps(ParseError(code, "Wäre lesbar, ist es aber nicht.")))  # noqa: S301 - what a pool of processes does
        assert type(error) is ParseError
        assert (error.code, error.detail) == (code, "Wäre lesbar, ist es aber nicht.")
        assert str(error) == error.detail


class TestParsedDocument:
    def test_comes_out_of_the_child_process_equal(self) -> None:
        parsed = ParsedDocument("\U0001f600 text", "title", (0, 2), (Heading(0, 1, 1),))
        assert pickle.loads(pickle.dumps(parsed)) == parsed  # noqa: S301 - what a pool of processes does
