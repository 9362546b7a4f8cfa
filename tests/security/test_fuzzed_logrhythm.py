"""LogRhythm's answers with anything in them changed: a call ends with a result or with an error of ours."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from msgspec import structs

from tests.support.logrhythm_lists import HASHES, everything, put
from tests.support.mutating import Mutating
from tests.support.sandbox_logrhythm import SandboxLogRhythm
from tests.support.scripted import scripted
from workers.core.errors import TqError
from workers.logrhythm.client import LogRhythm
from workers.logrhythm.transport import RETRY
from workers.settings.model import Settings

pytestmark = pytest.mark.integration

#: Answers that are changed; `make fuzz` changes 10,000.
ANSWERS = int(os.environ.get("FUZZED_ANSWERS", "150"))

SEED = 20_261_127

VALUES = [f"{number:032x}" for number in range(20)]


@pytest.fixture
def hostile(logrhythm: SandboxLogRhythm) -> Iterator[tuple[Mutating, Settings]]:
    """A LogRhythm of which one answer in three is changed."""
    mutating = Mutating(logrhythm.url, seed=SEED, share=0.3)
    with scripted(mutating.script) as server:
        yield mutating, logrhythm.settings(logrhythm_url=server.url)


@contextmanager
def connected(settings: Settings) -> Iterator[LogRhythm]:
    """A client that tries three times and does not pause between tries."""
    client = LogRhythm(settings, policy=structs.replace(RETRY, tries=3), sleep=lambda _: None)
    with closing(client):
        yield client


def test_whatever_logrhythm_answers_a_list_is_made_and_retired_or_an_error_of_ours_says_why_not(
    hostile: tuple[Mutating, Settings],
) -> None:
    mutating, settings = hostile
    # When the owner is looked up, and lists are made and retired, until enough answers were changed
    for number in itertools.count():
        with connected(settings) as client, suppress(TqError):
            made = client.ensure_list(f"ThreatQ: {number % 7}", HASHES)
            # Then what comes back is a list that can be worked with
            assert isinstance(made.guid, str)
            assert isinstance(client.owner, int)
            client.retire_list(made)
        if mutating.mutated >= ANSWERS:
            break
    # And afterwards a list is made
    mutating.share = 0.0
    with connected(settings) as client:
        assert client.ensure_list("ThreatQ: last", HASHES).name == "ThreatQ: last"


def test_whatever_logrhythm_answers_entries_are_written_or_an_error_of_ours_says_why_not(
    logrhythm: SandboxLogRhythm, hostile: tuple[Mutating, Settings]
) -> None:
    mutating, settings = hostile
    target = logrhythm.client().ensure_list("ThreatQ: MD5", HASHES)
    # When entries are put in and taken out until enough answers were changed
    for number in itertools.count():
        value = VALUES[number % len(VALUES)]
        with connected(settings) as client, suppress(TqError), client.entries.writing() as writer:
            assert isinstance(writer.add(target, [value]).entry_count, int)
            assert isinstance(writer.remove(target, [value]).entry_count, int)
        if mutating.mutated >= ANSWERS:
            break
    # And afterwards all of them are written
    mutating.share = 0.0
    with connected(settings) as client:
        assert put(client, target, VALUES).entry_count == len(VALUES)


def test_whatever_logrhythm_answers_a_list_is_read_as_text_or_an_error_of_ours_says_why_not(
    logrhythm: SandboxLogRhythm, hostile: tuple[Mutating, Settings]
) -> None:
    mutating, settings = hostile
    target = put(logrhythm.client(), logrhythm.client().ensure_list("ThreatQ: MD5", HASHES), VALUES)
    # When the list is read until enough answers were changed
    while mutating.mutated < ANSWERS:
        with connected(settings) as client, suppress(TqError):
            # Then there are no more entries than were asked for, and each is text
            values = everything(client, target, at_most=50)
            assert len(values) <= 50
            assert all(isinstance(value, str) for value in values)
    # And afterwards it is read whole
    mutating.share = 0.0
    with connected(settings) as client:
        assert everything(client, target, at_most=50) == VALUES
