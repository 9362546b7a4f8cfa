"""Which causes are muted until when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from workers.core.errors import ConfigError
from workers.notices.notice import CAUSES
from workers.notices.policy import policy_of
from workers.settings.model import Settings


def muted(text: str, at: str) -> set[str]:
    now_ms = datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * 1000
    return policy_of(Settings(notices_muted=text)).muted(now_ms)


def test_a_cause_is_muted_for_good_or_until_a_time() -> None:
    text = "dead_letters, redis_full:2027-03-01T08:00"

    assert muted(text, "2027-03-01T07:59") == {"dead_letters", "redis_full"}
    assert muted(text, "2027-03-01T08:00") == {"dead_letters"}


def test_all_causes_can_be_muted_until_a_day() -> None:
    assert muted("all:2027-03-01", "2027-02-28") == set(CAUSES)
    assert muted("all:2027-03-01", "2027-03-01") == set()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("dead_leters", "did you mean dead_letters?"),
        ("nothing_like_it", "there are all, dead_letters"),
        ("expiry:tomorrow", "'tomorrow' is no time; write 2027-03-01"),
    ],
)
def test_what_mutes_nothing_is_refused_with_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match="notices_muted") as refused:
        policy_of(Settings(notices_muted=text))
    assert hint in str(refused.value)
