"""The first run: asks for what is missing, checks it against ThreatQ, registers the connector, writes `tq.yaml`."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, structs

from producers.cli.console import note
from workers.core.errors import BadCredentials, ConfigError, Rejected, ServiceAway
from workers.core.user import user_at_host
from workers.ledger.acts import Actor, named
from workers.ledger.audit import Audit
from workers.ledger.connection import connect
from workers.settings import file as settings_file
from workers.settings.loading import Loaded, load
from workers.settings.model import Secret, Settings, fields, missing, require, threatq_needs
from workers.settings.page_fields import PageField
from workers.settings.values import Given, to_value
from workers.threatq.client import Client
from workers.threatq.connector import Connector
from workers.threatq.service import ThreatQ

#: What the guide's connectors print when they are configured; scripts wait for it.
CONFIGURED = "Connector configured. Set information in UI"

#: How often a question is asked again before the command gives up.
MOST_ATTEMPTS = 3


class Question(Struct, frozen=True):
    """A setting that is asked for, and the guide's prompt for it."""

    setting: str
    prompt: str


#: The guide's five parameters, and where the jobs go.
QUESTIONS = (
    Question("threatq_url", "ThreatQ Host: "),
    Question("threatq_client_id", "Client ID: "),
    Question("threatq_email", "E-Mail Address: "),
    Question("threatq_password", "Password: "),
    Question("threatq_status", "Status: "),
    Question("redis_url", "Redis URL: "),
)


class Terminal:
    """Asks a person; secrets without echo."""

    def is_there(self) -> bool:
        """Tell whether a person can answer."""
        return sys.stdin is not None and sys.stdin.isatty()

    def ask(self, prompt: str, *, secret: bool) -> str:
        """Return the answer; raises ConfigError at the end of the input."""
        try:
            return getpass.getpass(prompt) if secret else input(prompt)
        except EOFError as error:
            raise ConfigError(
                "the input ended before every question was answered; nothing was written"
            ) from error

    def say(self, line: str) -> None:
        """Show a line."""
        print(line, flush=True)


class FirstRun:
    """One connector's first run.

    `check` logs in to ThreatQ with the settings (raises BadCredentials, ConfigError or ServiceAway);
    `register` makes the connector known there and may be repeated; `record` tells the audit trail which settings were
    written to which file.
    """

    def __init__(
        self,
        *,
        check: Callable[[Settings], None],
        register: Callable[[Settings], None],
        record: Callable[[Settings, Path, Collection[str]], None],
        terminal: Terminal | None = None,
        questions: tuple[Question, ...] = QUESTIONS,
    ) -> None:
        self.check = check
        self.register = register
        self.record = record
        self.terminal = terminal or Terminal()
        self.questions = questions

    def run(self, loaded: Loaded, environ: Mapping[str, str] = os.environ) -> Loaded:
        """Ask, check, register, write; returns the settings as they are then.

        Raises ConfigError that lists what is missing where no person can be asked. Unless it returns, nothing was
        written.
        """
        if not self.terminal.is_there():
            require(loaded.settings, *threatq_needs(loaded.settings))
        asked = [question for question in self.questions if _is_open(question, loaded)]
        _refuse_if_not_writable(loaded.path)
        self._introduce(loaded, asked)
        answers = {question.setting: self._answer(question) for question in asked}
        self._check(loaded, answers)
        refusal = self._register(loaded, answers)
        copy = settings_file.write(loaded.path, {**_in_file(loaded.path), **answers})
        self.terminal.say(f"Written: {loaded.path}" + (f" (the earlier file: {copy})" if copy else ""))
        self.terminal.say(refusal or CONFIGURED)
        written = load(loaded.path, environ)
        self.record(written.settings, loaded.path, answers)
        return written

    def _register(self, loaded: Loaded, answers: dict[str, str]) -> str:
        """Register the connector; where ThreatQ has no place for it, let its settings be local and say so."""
        try:
            self.register(_with(loaded, answers))
        except Rejected as error:
            answers["settings_from"] = "local"
            return (
                f"Connector configured without a page in the UI ({error}); its settings are those of tq.yaml"
            )
        return ""

    def _introduce(self, loaded: Loaded, asked: list[Question]) -> None:
        self.terminal.say(f"Not configured yet. The answers are written to {loaded.path}.")
        defaults = [
            f"{question.prompt.strip(': ')} {default}"
            for question in asked
            if (default := getattr(Settings(), question.setting))
        ]
        if defaults:
            self.terminal.say(f"Press Enter for the default: {', '.join(defaults)}.")

    def _answer(self, question: Question) -> str:
        """Return what is answered, or the default, asking again while it is not accepted."""
        annotation = fields()[question.setting]
        default = getattr(Settings(), question.setting)
        for _ in range(MOST_ATTEMPTS):
            answer = self.terminal.ask(question.prompt, secret=question.setting == "threatq_password")
            answer = answer.strip() if question.setting != "threatq_password" else answer
            try:
                if not (answer or default):
                    raise ConfigError("an answer is needed", field=question.setting)
                value = to_value(question.setting, Given(answer or default, "your answer"), annotation)
                return value.reveal() if isinstance(value, Secret) else str(value)
            except ConfigError as error:
                self.terminal.say(str(error))
        raise ConfigError(
            f"no usable answer in {MOST_ATTEMPTS} attempts; nothing was written", field=question.setting
        )

    def _check(self, loaded: Loaded, answers: dict[str, str]) -> None:
        """Log in; the answer that ThreatQ refuses is asked for again, of credentials the password."""
        for left in reversed(range(MOST_ATTEMPTS)):
            try:
                self.check(_with(loaded, answers))
                return
            except ConfigError as error:
                blamed = "threatq_password" if isinstance(error, BadCredentials) else error.field
                again = next((q for q in self.questions if q.setting == blamed and blamed in answers), None)
                if not left or again is None:
                    raise
                self.terminal.say(str(error))
            answers[again.setting] = self._answer(again)


def is_configured(loaded: Loaded) -> bool:
    """Tell whether ThreatQ can be spoken to with what is configured."""
    return not missing(loaded.settings, threatq_needs(loaded.settings))


def _is_open(question: Question, loaded: Loaded) -> bool:
    """Tell whether a question needs an answer: its setting is not given, nor made needless by a client secret."""
    by_secret = loaded.settings.threatq_client_secret and question.setting in (
        "threatq_email",
        "threatq_password",
    )
    return question.setting not in loaded.origins and not by_secret


def _with(loaded: Loaded, answers: dict[str, str]) -> Settings:
    annotations = fields()
    values = {
        name: to_value(name, Given(text, "your answer"), annotations[name]) for name, text in answers.items()
    }
    return structs.replace(loaded.settings, **values)


def _in_file(path: Path) -> dict[str, str]:
    if not settings_file.is_there(path):
        return {}
    return {name: line.text for name, line in settings_file.read(path).items()}


def _refuse_if_not_writable(path: Path) -> None:
    """Find out before the answers are typed."""
    folder = next(parent for parent in (path.parent, *path.parent.resolve().parents) if parent.exists())
    if not os.access(folder, os.W_OK):
        raise ConfigError(
            f"{path} cannot be written, as {folder} is not writable; choose another folder with -c"
        )


def check(settings: Settings) -> None:
    """Raise BadCredentials, ConfigError or ServiceAway unless the settings work against ThreatQ."""
    client = Client.from_settings(settings)
    try:
        ThreatQ(client, settings).lookups.status(settings.threatq_status)
    finally:
        client.close()


def register(settings: Settings, name: str, fields: Sequence[PageField]) -> None:
    """Make the connector `name` known to ThreatQ with the fields of its page; one that is known stays as it is."""
    client = Client.from_settings(settings)
    try:
        Connector(client, name).register(fields)
    finally:
        client.close()


def record(settings: Settings, path: Path, answered: Collection[str]) -> None:
    """Record who has written which settings to `path`, without what they are; without Redis, only say so."""
    audit = Audit.of(connect(settings.redis_url, retries=0), settings, Actor(user_at_host(), "setup"))
    try:
        audit.record("setup", str(path.absolute()), settings=named(answered))
    except ServiceAway as error:
        note(f"note: that this was set up is not in the audit trail: {error}")
