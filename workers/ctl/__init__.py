"""tqctl, the operator's command: one module a subcommand."""
