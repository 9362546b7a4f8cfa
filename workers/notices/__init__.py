"""Telling operators of what needs a person: by webhook and by e-mail."""
