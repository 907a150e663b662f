"""Tests that share what belongs to the whole machine stay in one process of a parallel run."""

import os

import pytest


@pytest.mark.xdist_group("shared")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="needs a parallel run")
def test_groups_reach_the_distribution(request: pytest.FixtureRequest) -> None:
    # xdist hands out tests by their ids; a mark that it does not write there has no effect.
    assert request.node.nodeid.endswith("@shared")
