"""What a first run asks, and from whom the answers come: a person at a terminal, or a pipe."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterable

from msgspec import Struct

from workers.core.errors import ConfigError
from workers.settings.model import Secret, fields
from workers.settings.values import Given, to_value


class Question(Struct, frozen=True):
    """A setting that is asked for, and the guide's prompt for it.

    One that `waits` is asked only when a check names its setting.
    """

    setting: str
    prompt: str
    waits: bool = False

    @property
    def is_secret(self) -> bool:
        """Whether the answer is never shown, and written only once it has been accepted."""
        return self.setting == "threatq_password"


#: The guide's five parameters, and where the jobs go.
HOST = Question("threatq_url", "ThreatQ Host: ")
CA_FILE = Question("threatq_ca_file", "CA file (PEM) that signed ThreatQ's certificate: ", waits=True)
CLIENT_ID = Question("threatq_client_id", "Client ID: ")
EMAIL = Question("threatq_email", "E-Mail Address: ")
PASSWORD = Question("threatq_password", "Password: ")
STATUS = Question("threatq_status", "Status: ")
LOGRHYTHM_STATUS = Question("logrhythm_status", "Status: ")
REDIS = Question("redis_url", "Redis URL: ")


def accepted(question: Question, answer: str) -> str:
    """Return the answer as it is written; raises ConfigError for one that cannot be."""
    text = answer if question.is_secret else answer.strip()
    if not text:
        raise ConfigError("an answer is needed", field=question.setting)
    if question == CLIENT_ID and ("@" in text or " " in text):
        raise ConfigError("is no e-mail address and has no blanks; see API details", field=question.setting)
    if question == EMAIL and "@" not in text:
        raise ConfigError("an e-mail address has an @", field=question.setting)
    value = to_value(question.setting, Given(text, "your answer"), fields()[question.setting])
    return value.reveal() if isinstance(value, Secret) else str(value)


class Terminal:
    """Asks a person; secrets without echo."""

    #: Whether a question may be asked again.
    is_person = True

    def ask(self, prompt: str, *, secret: bool) -> str:
        """Return the answer; raises EOFError at the end of the input."""
        return getpass.getpass(prompt) if secret else input(prompt)

    def say(self, line: str) -> None:
        """Show a line."""
        print(line, flush=True)


class Pipe(Terminal):
    """Takes each line for an answer, and shows it; a secret as stars."""

    is_person = False

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)

    def ask(self, prompt: str, *, secret: bool) -> str:
        """Return the next line; raises EOFError behind the last one."""
        for line in self._lines:
            answer = line.rstrip("\r\n")
            self.say(f"{prompt}{'***' if secret else answer}")
            return answer
        raise EOFError


def terminal(*, takes_pipe: bool) -> Terminal:
    """Return what answers: the terminal if there is one, else a pipe where one may be taken for answers."""
    if sys.stdin is not None and sys.stdin.isatty():
        return Terminal()
    return Pipe(sys.stdin if takes_pipe and sys.stdin else ())
