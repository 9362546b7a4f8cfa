"""A notice as each receiver reads it."""

from __future__ import annotations

import pytest

from workers.notices.messages import as_json, as_mail, as_slack, as_teams, title
from workers.notices.notice import Event, Finding, Notice

URL = "https://tq.example.com"


def notice(event: Event = "began", name: str = "events") -> Notice:
    finding = Finding(
        "paused_queue", name, 7, f"Queue {name} is paused", "7 jobs wait.", f"tqctl resume {name}", "/jobs"
    )
    return Notice(event, finding, 1_800_000_000_000, 1_800_000_060_000)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("began", "Queue events is paused"),
        ("still", "Still: Queue events is paused (for 1 min)"),
        ("over", "Over: Queue events is paused (it took 1 min)"),
    ],
)
def test_the_title_says_whether_it_began_lasts_or_is_over(event: Event, expected: str) -> None:
    assert title(notice(event)) == expected


def test_json_names_the_incident_the_count_and_the_page() -> None:
    assert as_json(notice(), URL) == {
        "source": "tq-workers",
        "event": "began",
        "key": "paused_queue:events",
        "cause": "paused_queue",
        "subject": "events",
        "count": 7,
        "title": "Queue events is paused",
        "text": "7 jobs wait.",
        "remedy": "tqctl resume events",
        "since": "2027-01-15T08:00:00Z",
        "at": "2027-01-15T08:01:00Z",
        "link": "https://tq.example.com/jobs",
    }


def test_slack_gets_text_in_which_a_name_mentions_no_channel() -> None:
    text = as_slack(notice(name="<!channel> & co"), URL)["text"]

    assert "&lt;!channel&gt; &amp; co" in text
    assert text.endswith("<https://tq.example.com/jobs|Open the status page>")


def test_teams_gets_an_adaptive_card_in_an_attachment_with_a_button() -> None:
    message = as_teams(notice(name="[a](https://evil.example)"), URL)

    (attachment,) = message["attachments"]
    card = attachment["content"]
    assert message["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert card["body"][0]["text"] == r"Queue \[a\](https://evil.example) is paused"
    assert card["actions"] == [
        {"type": "Action.OpenUrl", "title": "Open the status page", "url": "https://tq.example.com/jobs"}
    ]


def test_a_mail_has_one_subject_whatever_a_name_holds() -> None:
    mail = as_mail(
        notice(name="x\r\nBcc: a@evil.example"), URL, sender="tq@example.com", recipients=["ops@example.com"]
    )

    assert mail["Subject"] == r"[tq-workers] Queue x\r\nBcc: a@evil.example is paused"
    assert mail["Bcc"] is None
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "https://tq.example.com/jobs" in mail.get_content()


def test_without_an_address_of_the_page_nothing_links() -> None:
    assert as_json(notice(), "")["link"] == ""
    assert "Open the status page" not in as_slack(notice(), "")["text"]
    assert as_teams(notice(), "")["attachments"][0]["content"]["actions"] == []
