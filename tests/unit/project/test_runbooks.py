"""Each alert has a page in docs/runbooks, and what a page says to type is there to be typed."""

from __future__ import annotations

import re

import pytest

from tests.support.promtool import rules
from tests.support.runbooks import DO, LOOK, OVER, PAGES, UNITS, commands, page
from tools.reference import scripts
from tqctl.main import parser_of

ALERTS = sorted(rules())

#: What the machine brings.
SYSTEM = ("systemctl", "journalctl")

#: Units that are not ours.
THEIRS = ("redis",)

#: What a page may have an operator fill in: labels of its alert, and what the command before showed.
SHOWN = {"$ID", "$REASON"}


def typed(alert: str) -> list[list[str]]:
    """Return every command of a page as words."""
    text = "".join(commands(alert, heading) for heading in (LOOK, DO, OVER))
    return [line.split() for line in text.splitlines()]


def test_each_alert_has_its_page_and_each_page_its_alert() -> None:
    assert sorted(path.stem for path in PAGES.iterdir()) == ALERTS


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_names_its_page(alert: str) -> None:
    assert rules()[alert]["annotations"]["runbook"] == f"docs/runbooks/{alert}.md"


@pytest.mark.parametrize("alert", ALERTS)
def test_a_page_says_what_it_means_what_to_look_at_what_to_do_and_when_it_is_over(alert: str) -> None:
    lines = page(alert).splitlines()
    assert lines[0] == f"# {alert}"
    assert [line[3:] for line in lines if line.startswith("## ")] == ["What it means", LOOK, DO, OVER]
    assert commands(alert, LOOK)
    assert commands(alert, DO)


@pytest.mark.parametrize("alert", ALERTS)
def test_the_commands_of_a_page_exist(alert: str) -> None:
    # That tqctl knows the words behind it is seen by test_docs.py, for every page.
    assert {words[0] for words in typed(alert)} <= {*scripts(), *SYSTEM}


@pytest.mark.parametrize("alert", ALERTS)
def test_tqctl_knows_the_options_of_a_page(alert: str) -> None:
    for words in typed(alert):
        if words[0] == "tqctl":
            filled = [
                word.replace('"$QUEUE"', "events").replace('"$SERVICE"', "threatq") for word in words[1:]
            ]
            assert parser_of().parse_args(filled).run


@pytest.mark.parametrize("alert", ALERTS)
def test_the_services_of_a_page_exist(alert: str) -> None:
    named = re.findall(r"\btq-(?:beat|flower|http-shim|redis-bridge|spool|sync|worker@)(?=\W|$)", page(alert))
    asked = {word.strip('"') for words in typed(alert) if words[0] == "systemctl" for word in words[2:]}
    units = {path.stem for path in UNITS.iterdir()}
    ours = {re.sub(r"@.*", "@", unit) for unit in asked if unit not in THEIRS}
    assert {*named, *ours} <= units | set(scripts())


@pytest.mark.parametrize("alert", ALERTS)
def test_what_is_to_be_filled_in_is_a_label_of_the_alert(alert: str) -> None:
    used = {word.strip('"') for words in typed(alert) for word in re.findall(r"\$[A-Z]+", " ".join(words))}
    labels = {f"${label.upper()}" for label in re.findall(r"by \((\w+)\)", rules()[alert]["expr"])}
    assert used <= labels | SHOWN
