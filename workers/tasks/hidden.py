"""A message of Celery's whose content no remote control shows: `inspect`, and Flower with it, would tell it whole."""

from __future__ import annotations

from typing import Any

from celery.worker.request import Request

#: What stands for arguments that are not shown.
NOT_SHOWN = "(not shown)"


class HiddenRequest(Request):
    """What `inspect active`, `reserved`, `scheduled` and `query_task` tell of a message, without its arguments."""

    def info(self, safe: bool = False) -> dict[str, Any]:
        """Return what is told; Celery's own tells the arguments unless `safe`, and then the sender's text for them."""
        return {**super().info(safe=safe), "args": NOT_SHOWN, "kwargs": NOT_SHOWN}
