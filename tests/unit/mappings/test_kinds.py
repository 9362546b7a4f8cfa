"""The kind of a detection is that of its most telling word."""

from __future__ import annotations

import pytest

from workers.mappings.kinds import kind_of


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Trojan.Agent found in an e-mail", "Malware"),
        ("maliciousFile", "Malware"),
        ("PHISHING_URL_CLICKED", "Phishing"),
        ("Command-and-Control beacon", "Command and Control"),
        ("user.session.start", "Authentication"),
        ("UserLoginFailed", "Authentication"),
        ("DDoS: SYN flood", "DoS Attack"),
        ("SQL injection", "SQL Injection Attack"),
        ("DLP policy", "Exfiltration"),
        # A short word is a whole one.
        ("idsite ipsum puppet dosage", None),
        ("", None),
    ],
)
def test_the_most_telling_word_says_the_kind(text: str, kind: str | None) -> None:
    assert kind_of(text) == kind
