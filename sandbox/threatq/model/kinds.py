"""The kinds of objects that ThreatQ holds and the endpoint of each."""

from __future__ import annotations

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """One kind of object.

    `collection` is the endpoint and our table; `key` the field that names an object of this kind.
    """

    number: int
    collection: str
    code: str
    display: str
    plural: str
    key: str

    @property
    def is_indicator(self) -> bool:
        return self.collection == "indicators"

    @property
    def is_attachment(self) -> bool:
        return self.collection == "attachments"

    @property
    def is_unique(self) -> bool:
        """Whether creating a second one of the same name is refused; elsewhere it is the same object."""
        return self.collection == "adversaries"

    @property
    def is_event(self) -> bool:
        return self.collection == "events"


# Most system objects have a singular endpoint; the six oldest have a plural one.
_TABLE = (
    ("indicators", "indicator", "Indicator", "Indicators", "value"),
    ("events", "event", "Event", "Events", "title"),
    ("adversaries", "adversary", "Adversary", "Adversaries", "name"),
    ("attachments", "attachment", "File", "Files", "title"),
    ("signatures", "signature", "Signature", "Signatures", "name"),
    ("tasks", "task", "Task", "Tasks", "name"),
    ("asset", "asset", "Asset", "Assets", "value"),
    ("attack_pattern", "attack_pattern", "Attack Pattern", "Attack Patterns", "value"),
    ("campaign", "campaign", "Campaign", "Campaigns", "value"),
    ("course_of_action", "course_of_action", "Course of Action", "Courses of Action", "value"),
    ("exploit_target", "exploit_target", "Exploit Target", "Exploit Targets", "value"),
    ("identity", "identity", "Identity", "Identities", "value"),
    ("incident", "incident", "Incident", "Incidents", "value"),
    ("intrusion_set", "intrusion_set", "Intrusion Set", "Intrusion Sets", "value"),
    ("malware", "malware", "Malware", "Malware", "value"),
    ("report", "report", "Report", "Reports", "value"),
    ("tool", "tool", "Tool", "Tools", "value"),
    ("ttp", "ttp", "TTP", "TTPs", "value"),
    ("vulnerability", "vulnerability", "Vulnerability", "Vulnerabilities", "value"),
    ("stix_pattern", "stix_pattern", "STIX Pattern", "STIX Patterns", "value"),
)
KINDS = {row[0]: Kind(number, *row) for number, row in enumerate(_TABLE, start=1)}
INDICATORS = KINDS["indicators"]
EVENTS = KINDS["events"]
ATTACHMENTS = KINDS["attachments"]
#: Names of columns as clients also write them: `sort=-created`.
SHORT = {"created": "created_at"}
BY_NUMBER = {kind.number: kind for kind in KINDS.values()}
BY_CODE = {kind.code: kind for kind in KINDS.values()}
