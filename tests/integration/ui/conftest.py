"""The users of the status page: one who is not signed in, a reader and an operator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.browsing import Visitor
from tests.support.producers import OPERATOR, READER, Shim


@pytest.fixture
def visitor(shim: Shim) -> Iterator[Visitor]:
    """A user who is not signed in."""
    user = Visitor(shim.url)
    yield user
    user.http.close()


@pytest.fixture
def ui_operator(visitor: Visitor) -> Visitor:
    """A user who may do everything."""
    assert visitor.sign_in(OPERATOR).url.endswith("/")
    return visitor


@pytest.fixture
def reader(visitor: Visitor) -> Visitor:
    """A user who may only look."""
    visitor.sign_in(READER)
    return visitor
