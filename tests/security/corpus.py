"""Texts that cost a careless reader the square of their length: repetitions of everything that opens something."""

from __future__ import annotations

from collections.abc import Callable

#: What is repeated, by name; each stands alone and behind whatever a reader expects first.
UNITS = {
    "quotes": '"',
    "escaped quotes": '\\"',
    "backslashes": "\\",
    "open braces": "{",
    "open brackets": "[",
    "closed brackets": "]",
    "closed braces": "}",
    "pairs of brackets": "[]",
    "empty objects": "{}",
    "open objects": '{"a":',
    "open objects a line": '{"a":\n',
    "open texts a line": '{"a": "\n',
    "open texts with an escaped end": '{"\\"\n',
    "long open arrays a line": "[" + "1," * 500 + "\n",
    "broken objects": "{x}",
    "broken objects a line": "{x}\n",
    "objects with one bad value": '{"a": 1, "b": NaN}\n',
    "objects": '{"a": 1}\n',
    "numbers": "1 ",
    "digits": "1",
    "dots": ".",
    "digits and dots": "1.",
    "commas": ",",
    "blanks": " ",
    "line ends": "\n",
    "blanks and dashes": " -",
    "colons": ":",
    "slashes": "/",
    "at signs": "a@",
    "angles": "<",
    "names and values": "a<|b~|",
    "name marks": "<|",
    "breaks": "~|",
    "segments without a name": "a~|",
    "escaped marks": "~!|",
    "exclamation marks": "~!",
    "defanged dots": "a[.]",
    "half defanged dots": " [ ",
    "defanged schemes": "hxxp://",
    "typed values": "IP Address:1.2.3.4, ",
    "half typed values": ", a b",
    "percent signs": "%41",
    "letters": "a",
    "letters and dashes": "a-",
    "not latin": "é",
    "beyond the first plane": "\U0001f600",
    "surrogates": "\ud800",
    "NUL": "\0",
    "anchors of YAML": "- &a\n",
    "aliases of YAML": "a: *a\n",
    "keys of YAML": "? ",
    "flow of YAML": "a: [",
    "tags of YAML": "!a ",
    "comments": "#",
    "tokens": "eyJhbGciOiJ",
    "tokens and dashes": "eyJhbGciOiJ-",
    "passwords": "password",
    "open passwords": 'password="',
    "names of cookies": "cookie ",
    "beginnings of keys": "-----BEGIN A-----",
    "logins": "://a:",
    "bearers": "bearer ",
}

#: What stands before the repetition, by name.
BEGINNINGS = {
    "alone": "",
    "in an object": '{"a": ',
    "in a text": '{"a": "',
    "in an array": "[",
    "behind an object": '{"a": 1}\n',
}


def repeated(unit: str, beginning: str = "") -> Callable[[int], str]:
    """Return what makes a text of a length out of `unit`."""
    return lambda size: (beginning + unit * (size // len(unit) + 1))[:size]
