"""Decides: from indicators and list items to a plan, as pure functions of values."""
