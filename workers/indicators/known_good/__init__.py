"""Known-good, special-use and own values, which never become indicators or list entries."""
