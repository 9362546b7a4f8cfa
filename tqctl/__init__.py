"""`tqctl`, the operator's command: one module for each of its commands, listed in `main.SUBCOMMANDS`."""
