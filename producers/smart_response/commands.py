"""The six actions as a table: what each command line takes and which job it becomes."""

from __future__ import annotations

from producers.smart_response.syntax import COMMON, Switch, Syntax, Word, read_pairs
from workers.core.errors import InputError
from workers.core.jobs import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    #: Makes a job's arguments of the words and the switches' values; raises InputError.
    Build = Callable[[Sequence[str], dict[str, str]], dict[str, Any]]

#: The producer through which these jobs come.
PRODUCER = "smart-response"

#: Alarm fields that a sighting takes, by LogRhythm's own names, and what its console calls them.
ALARM_FIELDS = {
    "SIP": "IP Address (Origin)",
    "DIP": "IP Address (Impacted)",
    "DHostName": "Host (Impacted)",
    "SHostName": "Host (Origin)",
    "Recipient": "Recipient",
    "Sender": "Sender",
    "URL": "URL",
    "Object": "Object: a hash, a file name, a URL or text",
}

_INDICATOR = (
    Word("type", "indicator type", 'ThreatQ\'s type, such as "IP Address", FQDN, URL, MD5, SHA-256'),
    Word("value", "indicator value", "its value; put it in quotes where it holds blanks"),
)
_ALARM = (
    Word("alarm_id", "alarm id", "the alarm's number"),
    Word("alarm_name", "alarm name", "the name of the alarm rule"),
    Word("alarm_date", "alarm date", "yyyy-MM-dd HH:mm:ss; without a zone in the setting naive_timezone"),
)

_ATTRIBUTE = Switch(
    "attribute", "--attribute", label="name:value,name:value", help="attributes to add", greedy=True
)

_FORCE = Switch("force", "--force", help="add a known-good value too (where known_good_override allows it)")

#: tq-job, which is no action but reads its command line the same way.
TQ_JOB = Syntax(
    "tq-job",
    "Shows what became of a job.",
    (Word("job", "job id", "the id that an action printed"),),
    common=[switch for switch in COMMON if switch.key in ("config", "json", "wait", "version", "help")],
    example="tq-job 5f0c61d2a94be7d3c8a10b6e --wait 10",
)


class Action:
    """One action: LogRhythm's name for it, its command line, and the job that it becomes."""

    __slots__ = ("_build", "kind", "name", "syntax")

    def __init__(self, name: str, kind: str, syntax: Syntax, build: Build) -> None:
        self.name, self.kind, self.syntax, self._build = name, kind, syntax, build

    def job(self, words: Sequence[str], values: dict[str, str], *, trace: str = "") -> Job:
        """Return the job for what was read from the command line; raises InputError."""
        if unknown := values.get("unknown"):
            raise InputError(f"is no option of {self.syntax.name}", field=unknown)
        arguments = self._build(words, values)
        title = " ".join(str(arguments[word.key]) for word in self.syntax.words[:2])
        return Job(self.kind, arguments, producer=PRODUCER, title=title[:200], trace=trace)


def _indicator(words: Sequence[str], _values: dict[str, str]) -> dict[str, Any]:
    if len(words) > len(_INDICATOR):
        raise InputError(f"too many words ({' '.join(words[2:])}); put a type or value with blanks in quotes")
    return _named(_INDICATOR, words)


def _added(words: Sequence[str], values: dict[str, str]) -> dict[str, Any]:
    return {
        **_indicator(words, values),
        "attributes": read_pairs(values.get("attribute", ""), field="--attribute"),
        **({"force": True} if "force" in values else {}),
    }


def _marked(verdict: str) -> Build:
    def build(words: Sequence[str], values: dict[str, str]) -> dict[str, Any]:
        return {**_indicator(words, values), "verdict": verdict}

    return build


def _sighted(words: Sequence[str], values: dict[str, str]) -> dict[str, Any]:
    observed = {field: values[field].strip() for field in ALARM_FIELDS if values.get(field, "").strip()}
    return {**_named(_ALARM, _put_together(words)), "observed": observed}


def _put_together(words: Sequence[str]) -> Sequence[str]:
    """Return id, name and date, where name and date may have arrived without their quotes."""
    if len(words) <= len(_ALARM):
        return words
    date_from = -2 if ":" in words[-1] and words[-2][:1].isdecimal() else -1
    return words[0], " ".join(words[1:date_from]), " ".join(words[date_from:])


def _named(expected: Sequence[Word], words: Sequence[str]) -> dict[str, Any]:
    values = dict(zip((word.key for word in expected), (word.strip() for word in words), strict=False))
    for word in expected:
        if not values.get(word.key):
            raise InputError("is missing", field=word.label)
    return values


def _of_indicator(name: str, kind: str, command: str, summary: str, build: Build, *more: Switch) -> Action:
    example = f'{command} "IP Address" 77.77.77.77' + ' --attribute "Confidence:High"' * bool(more)
    return Action(name, kind, Syntax(command, summary, _INDICATOR, more, example=example), build)


ACTIONS = {
    action.syntax.name: action
    for action in (
        Action(
            "ThreatQ Add Sighting",
            "sightings.add",
            Syntax(
                "tq-sighting",
                "Makes a Sighting in ThreatQ of a LogRhythm alarm and relates to it what was observed.",
                _ALARM,
                [
                    Switch(field, f"-{field}", label="value", help=shown, greedy=True)
                    for field, shown in ALARM_FIELDS.items()
                ],
                example='tq-sighting 123 "ThreatQ Blocklist" "2020-08-25 20:20:20" -SIP 156.86.198.45 -DHostName',
            ),
            _sighted,
        ),
        _of_indicator(
            "ThreatQ Add IOC",
            "indicators.add",
            "tq-add-ioc",
            "Adds an indicator to ThreatQ; one that is there gets LogRhythm as a source.",
            _added,
            _ATTRIBUTE,
            _FORCE,
        ),
        _of_indicator(
            "ThreatQ Lookup IOC",
            "indicators.lookup",
            "tq-lookup",
            "Shows what ThreatQ knows of an indicator.",
            _indicator,
        ),
        _of_indicator(
            "ThreatQ Mark True Positive",
            "indicators.mark",
            "tq-mark-true-positive",
            "Gives an indicator the attribute True Positive: Yes; adds it to ThreatQ if it is not there.",
            _marked("true positive"),
        ),
        _of_indicator(
            "ThreatQ Mark False Positive",
            "indicators.mark",
            "tq-mark-false-positive",
            "Gives an indicator the attribute False Positive: Yes; adds it to ThreatQ if it is not there.",
            _marked("false positive"),
        ),
        _of_indicator(
            "ThreatQ Whitelist IOC",
            "indicators.whitelist",
            "tq-whitelist-ioc",
            "Sets the status of an indicator in ThreatQ to Whitelisted.",
            _indicator,
        ),
    )
}
