"""Errors in the words and shapes of the real Admin API, as far as they were seen in public."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import JSONResponse

BAD_OWNER = "Invalid owner id available in request body"
NAME_TAKEN = "Public List with this name already exists."
DEADLOCK = (
    "mssql: Transaction (Process ID 71) was deadlocked on lock resources with another process and has been "
    "chosen as the deadlock victim. Rerun the transaction."
)


class Refused(Exception):
    """The API refuses; the handler answers with `status` and the error body."""

    def __init__(self, status: int, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.problems = tuple(problems)

    def response(self) -> JSONResponse:
        """Return `{"statusCode", "message"}`, and `validationErrors` where the schema was hurt."""
        body: dict[str, object] = {"statusCode": self.status, "message": self.message}
        if self.problems:
            body["validationErrors"] = list(self.problems)
        return JSONResponse(body, self.status)


def invalid(*problems: str) -> Refused:
    """Return the answer to a body or header that breaks the schema."""
    return Refused(400, "Bad Request", problems)


def too_long(threshold: int) -> Refused:
    """Return the answer for a list that holds more items than the caller is prepared for."""
    return Refused(
        400,
        f"List has more than '{threshold}' items. "
        "Please change 'MaxItemsThreshold' header to appropriate value.",
    )
