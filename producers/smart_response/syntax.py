"""Command lines as LogRhythm builds them: bare switches, values that begin with a hyphen, blanks, quotes.

A table describes each command; reading and the help text are made from it. `argparse` takes a value that
begins with `-` for a switch and costs 15 ms to import, so it serves neither purpose here.
"""

from __future__ import annotations

from workers.core.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#: The last line of every help text.
_CODES = (
    "Exit codes: 0 done or accepted, 1 it failed, 2 wrong input or settings, 3 Redis is away; the job is kept"
)


class Word:
    """A part of the command line that needs no switch."""

    __slots__ = ("help", "key", "label")

    def __init__(self, key: str, label: str, help: str) -> None:
        self.key, self.label, self.help = key, label, help


class Switch:
    """A switch with its spellings; `label` names its value, "" means that it takes none.

    A `greedy` switch takes every word up to the next switch, for values that arrive without their quotes.
    """

    __slots__ = ("greedy", "help", "key", "label", "names")

    def __init__(self, key: str, *names: str, label: str = "", help: str, greedy: bool = False) -> None:
        self.key, self.names, self.label, self.help, self.greedy = key, names, label, help, greedy

    def attached(self, word: str) -> str | None:
        """Return the value that stands in one word with the switch, or None: `-v3`, `--wait=5`, `-SIP 1.2.3.4`."""
        for name in self.names:
            head, rest = word[: len(name)], word[len(name) :]
            if head == name and rest[:1] in (" ", "="):
                return rest[1:].strip()
            if head == name == "-v" and rest.isdecimal():
                return rest
        return None


#: What every command takes besides its own.
COMMON = (
    Switch("config", "-c", "--config", label="FOLDER", help="folder of tq.yaml"),
    Switch("loglocation", "-ll", "--loglocation", label="FOLDER", help="folder for the log, or stdout"),
    Switch("verbosity", "-v", "--verbosity", label="1|2|3", help="1 problems, 2 every action, 3 details"),
    Switch("json", "--json", help="print the outcome as JSON"),
    Switch("no_wait", "--no-wait", help="do not wait for the outcome"),
    Switch("wait", "--wait", label="SECONDS", help="wait this long for the outcome (setting wait_s)"),
    Switch("version", "--version", help="show the version"),
    Switch("help", "-h", "--help", help="show this text"),
)


class Syntax:
    """What one command understands."""

    __slots__ = ("example", "name", "summary", "switches", "words")

    def __init__(
        self,
        name: str,
        summary: str,
        words: Sequence[Word],
        switches: Sequence[Switch] = (),
        *,
        common: Sequence[Switch] = COMMON,
        example: str,
    ) -> None:
        self.name, self.summary, self.words, self.example = name, summary, tuple(words), example
        self.switches = (*switches, *common)

    def read(self, argv: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        """Return the words and the values of the switches that are given; an empty field is "".

        What looks like a switch and is none stands under `unknown`.
        """
        words: list[str] = []
        values: dict[str, str] = {}
        open_switch: Switch | None = None
        tokens = list(argv)
        while tokens:
            word = tokens.pop(0)
            if word == "--":
                return words + tokens, values
            switch, value = self._match(word, is_complete=len(words) >= len(self.words))
            if switch is None:
                if len(words) < len(self.words):
                    words.append(word)
                elif open_switch:
                    values[open_switch.key] += f" {word}"
                elif (word[:1] == "-" and word[1:2].isalpha()) or word[:2] == "--":
                    values["unknown"] = word
                else:
                    words.append(word)
                continue
            if value is None and switch.label:
                value = tokens.pop(0) if tokens and not self._is_switch(tokens[0]) else ""
            values[switch.key] = value or values.get(switch.key, "")
            open_switch = switch if switch.greedy and value else None
        return words, values

    def _match(self, word: str, *, is_complete: bool) -> tuple[Switch | None, str | None]:
        for switch in self.switches:
            if word.strip() in switch.names:
                return switch, None
        # A name such as "-URL blocked" is no switch as long as words are missing.
        for switch in self.switches if is_complete or word[:2] == "-v" or word[:2] == "--" else ():
            if switch.label and (value := switch.attached(word)) is not None:
                return switch, value
        return None, None

    def _is_switch(self, word: str) -> bool:
        return word == "--" or self._match(word, is_complete=True)[0] is not None

    def usage(self) -> str:
        """Return the one line that shows how the command is called."""
        parts = [f"<{word.label}>" for word in self.words]
        parts += [f"[{_spelt(switch, switch.names[:1])}]" for switch in self.switches]
        return " ".join([self.name, *parts])

    def help(self) -> str:
        """Return the help text."""
        rows = [(f"<{word.label}>", word.help) for word in self.words]
        rows += [(_spelt(switch, switch.names), switch.help) for switch in self.switches]
        width = max(len(left) for left, _ in rows)
        lines = [f"  {left:<{width}}  {right}" for left, right in rows]
        head, tail = (
            [f"usage: {self.usage()}", "", self.summary, ""],
            ["", f"Example: {self.example}", "", _CODES],
        )
        return "\n".join([*head, *lines, *tail])


def read_pairs(text: str, *, field: str) -> list[list[str]]:
    """Read `a:1,b:2` or `[a:1,b:2]` into pairs; a comma or a URL within a value stays in it.

    Raises InputError for what has no name or no value.
    """
    text = text.strip().strip("\"'").strip()
    if text[:1] == "[" and text[-1:] == "]":
        text = text[1:-1]
    pairs: list[list[str]] = []
    for part in text.split(","):
        name, colon, value = part.partition(":")
        if pairs and (not colon or value.startswith("//")):
            pairs[-1][1] += f",{part}"
        elif part.strip():
            pairs.append([name.strip(), value])
    pairs = [[name, value.strip()] for name, value in pairs]
    for name, value in pairs:
        if not name or not value:
            given = f"{name}:{value}".strip(":")
            raise InputError(f'"{given}" is no attribute; write name:value,name:value', field=field)
    return pairs


def _spelt(switch: Switch, names: Sequence[str]) -> str:
    spelt = ", ".join(names)
    return f"{spelt} <{switch.label}>" if switch.label else spelt
