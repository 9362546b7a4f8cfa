"""The answers of a first run, over what is set already, and in `tq.yaml` as soon as they may be."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from producers.cli.questions import Question
from workers.settings import file as settings_file
from workers.settings.loading import Loaded
from workers.settings.model import Secret, Settings, fields, missing, threatq_needs
from workers.settings.values import Given, to_value


class AnswerSheet:
    """The answers of one run, laid over the settings, and written to `tq.yaml`.

    Where they are `is_kept_at_once`, each is written when it is given, a secret when it was accepted.
    """

    def __init__(self, loaded: Loaded, *, is_kept_at_once: bool) -> None:
        self.loaded = loaded
        self.is_kept_at_once = is_kept_at_once
        self.answers: dict[str, str] = {}
        self.is_written = False
        self._copy: Path | None = None

    @property
    def settings(self) -> Settings:
        """The settings with the answers."""
        annotations = fields()
        values = {
            name: to_value(name, Given(text, "your answer"), annotations[name])
            for name, text in self.answers.items()
        }
        return structs.replace(self.loaded.settings, **values)

    def is_open(self, question: Question) -> bool:
        """Tell whether a question needs an answer: its setting is not given, nor made needless by a client secret.

        Where the environment alone configures ThreatQ, what has a default needs none.
        """
        settings = self.loaded.settings
        if question.waits or question.setting in self.loaded.origins:
            return False
        if settings.threatq_client_secret and question.setting in ("threatq_email", "threatq_password"):
            return False
        return self.loaded.has_file or not is_configured(self.loaded)

    def may_change(self, question: Question) -> bool:
        """Tell whether an answer would count: what the environment says goes before the file."""
        origin = self.loaded.origins.get(question.setting, "")
        return not origin or origin.startswith(f"{self.loaded.path}:")

    def text(self, question: Question) -> str:
        """Return what is set, by an answer, the file or the default, as text."""
        value = getattr(self.settings, question.setting)
        return value.reveal() if isinstance(value, Secret) else str(value)

    def shown(self, question: Question) -> str:
        """Return the same as it may be shown."""
        return structs.replace(self.loaded, settings=self.settings).shown(question.setting)

    def put(self, question: Question, text: str) -> None:
        """Take an answer."""
        self.answers[question.setting] = text
        if not question.is_secret:
            self.keep(question)

    def keep(self, *questions: Question) -> None:
        """Write what these were answered, where answers are kept at once."""
        names = [question.setting for question in questions if question.setting in self.answers]
        if names and self.is_kept_at_once:
            self.write(*names)

    def write(self, *names: str) -> Path | None:
        """Write these answers into the file; return where the copy of the file before this run is, if there was one."""
        path = self.loaded.path
        earlier = settings_file.read(path) if settings_file.is_there(path) else {}
        texts = {name: line.text for name, line in earlier.items()}
        texts |= {name: self.answers[name] for name in names}
        copy = settings_file.write(path, texts, copies=not self.is_written)
        self._copy = self._copy or copy
        self.is_written = True
        return self._copy


def is_configured(loaded: Loaded) -> bool:
    """Tell whether ThreatQ can be spoken to with what is configured."""
    return not missing(loaded.settings, threatq_needs(loaded.settings))
