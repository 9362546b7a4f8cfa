"""The first run: asks for what is missing, proves each answer and keeps it, registers the connector.

Started again, it goes on where it ended: what is set and proven is not asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from producers.cli.answer_sheet import AnswerSheet
from producers.cli.first_checks import STEPS, SetupStep, record
from producers.cli.questions import Question, Terminal, accepted
from workers.core.errors import ConfigError, Rejected, ServiceAway, TqError
from workers.settings.loading import Loaded, load
from workers.settings.model import Settings, require, threatq_needs

#: What the guide's connectors print when they are configured; scripts wait for it.
CONFIGURED = "Connector configured. Set information in UI"

#: How often a question is asked, and an answer tried, before the command gives up.
MOST_ATTEMPTS = 3

#: Which answer is to blame where a service cannot be reached.
ADDRESSES = {"threatq": "threatq_url", "redis": "redis_url"}


class FirstRun:
    """One connector's first run.

    `register` makes the connector known to ThreatQ and may be repeated; `record` tells the audit trail which settings
    were written to which file.
    """

    def __init__(
        self,
        terminal: Terminal,
        *,
        register: Callable[[Settings], None],
        record: Callable[[Settings, Path, Collection[str]], None] = record,
        steps: tuple[SetupStep, ...] = STEPS,
    ) -> None:
        self.terminal = terminal
        self.register = register
        self.record = record
        self.steps = steps

    def run(self, loaded: Loaded, environ: Mapping[str, str] = os.environ) -> Loaded:
        """Ask, prove, register, write; returns the settings as they are then.

        Raises ConfigError and ServiceAway for what could not be proven. What a person has answered until then is kept;
        of a pipe, which can be sent again, nothing is.
        """
        sheet = AnswerSheet(loaded, is_kept_at_once=self.terminal.is_person)
        asked = [question for step in self.steps for question in step.questions if sheet.is_open(question)]
        if asked:
            _refuse_if_not_writable(loaded.path)
            self._introduce(loaded, asked)
        try:
            for step in self.steps:
                self._prove(step, sheet, asked)
            refusal = self._register(sheet)
        except (TqError, KeyboardInterrupt) as error:
            if sheet.is_written:
                # Ctrl-C leaves the cursor behind the question.
                begin = "\n" if isinstance(error, KeyboardInterrupt) else ""
                self.terminal.say(
                    f"{begin}What was answered is in {loaded.path}; the same command goes on from there."
                )
            raise
        if not sheet.answers:
            self.terminal.say("There is a configuration already, and all of it is accepted.")
            self.terminal.say(CONFIGURED)
            return loaded
        self._finish(sheet, refusal)
        return load(loaded.path, environ)

    def _finish(self, sheet: AnswerSheet, refusal: str) -> None:
        path, copy = sheet.loaded.path, sheet.write(*sheet.answers)
        self.terminal.say(f"Written: {path}" + (f" (the earlier file: {copy})" if copy else ""))
        self.terminal.say(refusal or CONFIGURED)
        self.record(sheet.settings, path, sheet.answers)

    def _introduce(self, loaded: Loaded, asked: list[Question]) -> None:
        self.terminal.say(f"What is not configured yet is asked for, and kept in {loaded.path}.")
        defaults = [
            f"{question.prompt.strip(': ')} {default}"
            for question in asked
            if (default := getattr(Settings(), question.setting))
        ]
        if defaults:
            self.terminal.say(f"Press Enter for the default: {', '.join(defaults)}.")

    def _prove(self, step: SetupStep, sheet: AnswerSheet, asked: list[Question]) -> None:
        """Ask what is open of a step and check it; what the check blames is asked for again."""
        for question in step.questions:
            if question in asked:
                self._answer(question, sheet, question.prompt)
        for left in reversed(range(MOST_ATTEMPTS)):
            try:
                step.check(sheet.settings)
                sheet.keep(*step.questions)
                return
            except (ConfigError, ServiceAway) as error:
                again = self._blamed(error, sheet) if left and self.terminal.is_person else []
                if not again:
                    raise
                self.terminal.say(str(error))
            for question in again:
                shown = sheet.shown(question)
                prompt = f"{question.prompt.rstrip(': ')} [{shown}]: " if shown else question.prompt
                self._answer(question, sheet, prompt)

    def _blamed(self, error: ConfigError | ServiceAway, sheet: AnswerSheet) -> list[Question]:
        """Return the questions to which another answer may help; Enter tries the same again."""
        names = [ADDRESSES[error.service]] if isinstance(error, ServiceAway) else error.field.split(", ")
        questions = [question for step in self.steps for question in step.questions]
        return [
            question for question in questions if question.setting in names and sheet.may_change(question)
        ]

    def _answer(self, question: Question, sheet: AnswerSheet, prompt: str) -> None:
        """Ask, again while the answer cannot be; Enter alone gives what is set, or the default."""
        for _ in range(MOST_ATTEMPTS):
            try:
                text = self.terminal.ask(prompt, secret=question.is_secret)
            except EOFError:
                self._end_of_input(sheet)
                text = ""
            try:
                sheet.put(question, accepted(question, text or sheet.text(question)))
                return
            except ConfigError as error:
                if not self.terminal.is_person:
                    raise
                self.terminal.say(str(error))
        raise ConfigError(f"no usable answer in {MOST_ATTEMPTS} attempts", field=question.setting)

    def _end_of_input(self, sheet: AnswerSheet) -> None:
        """Behind the last line of a pipe the defaults count; raises ConfigError for what has none."""
        if self.terminal.is_person:
            raise ConfigError("the input ended before every question was answered")
        require(sheet.settings, *threatq_needs(sheet.settings))

    def _register(self, sheet: AnswerSheet) -> str:
        """Register the connector; where ThreatQ has no place for it, let its settings be local and say so."""
        if sheet.settings.settings_from == "local":
            return ""
        try:
            self.register(sheet.settings)
        except Rejected as error:
            sheet.answers["settings_from"] = "local"
            return (
                f"Connector configured without a page in the UI ({error}); its settings are those of tq.yaml"
            )
        return ""


def _refuse_if_not_writable(path: Path) -> None:
    """Find out before the answers are typed."""
    folder = next(parent for parent in (path.parent, *path.parent.resolve().parents) if parent.exists())
    if not os.access(folder, os.W_OK):
        raise ConfigError(
            f"{path} cannot be written, as {folder} is not writable; choose another folder with -c"
        )
