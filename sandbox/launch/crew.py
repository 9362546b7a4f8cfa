"""The workers and beat of one machine."""

from __future__ import annotations

from sandbox.launch.processes import Processes

#: Workers by name and their queues: an analyst's lookup must not wait for a sync or a flood of events. Each of them
#: may do the upkeep, so that it goes on while the threads of another hang on a slow service.
WORKERS = {"events": ("events", "upkeep"), "enrichment": ("enrichment", "upkeep"), "sync": ("sync", "upkeep")}


def start_crew(processes: Processes) -> None:
    """Start the workers, as `worker-NAME`, and beat; they need some seconds until they take jobs."""
    for name, queues in WORKERS.items():
        processes.worker(f"worker-{name}", *queues)
    processes.beat()
