"""The figures of the README, measured: ratios in one run, each with its account of what was lost."""
