"""Who tries tokens at the HTTP entry point."""

from __future__ import annotations

import pytest

from producers.http import auth
from producers.http.auth import AT_ONCE, Attempts
from producers.http.tokens import TokenHolder

NIFI = TokenHolder("nifi", frozenset())


def guess(tried: Attempts, address: str = "192.0.2.1") -> list[float]:
    return [tried.take(address, None) for _ in range(AT_ONCE)]


def test_ten_wrong_tokens_are_looked_at_and_then_none_from_there() -> None:
    # Given an address that has used up its attempts
    tried = Attempts()
    assert guess(tried) == [0.0] * AT_ONCE
    # Then neither a wrong nor a right token is taken from there, and both are from elsewhere
    assert 9 < tried.take("192.0.2.1", None) <= 10
    assert tried.take("192.0.2.1", NIFI) > 9
    assert tried.take("192.0.2.2", NIFI) == tried.take("192.0.2.3", None) == 0


def test_a_sender_who_was_let_in_before_does_not_pay_for_his_neighbours() -> None:
    tried = Attempts()
    assert tried.take("192.0.2.1", NIFI) == 0
    guess(tried)
    assert tried.is_proven("192.0.2.1", NIFI)
    assert not tried.is_proven("192.0.2.2", NIFI)
    assert not tried.is_proven("192.0.2.1", TokenHolder("another", frozenset()))
    assert not tried.is_proven("192.0.2.1", None)


def test_right_tokens_use_up_no_attempts() -> None:
    tried = Attempts()
    assert [tried.take("192.0.2.1", TokenHolder(str(number), frozenset())) for number in range(50)] == [
        0.0
    ] * 50


def test_only_so_many_senders_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MOST_NAMES", 1)
    tried = Attempts()
    for address in ("192.0.2.1", "192.0.2.2"):
        tried.take(address, NIFI)
    assert not tried.is_proven("192.0.2.1", NIFI)
    assert tried.is_proven("192.0.2.2", NIFI)
