"""What the commands share: the terminal, the first run, reports and following a job."""
