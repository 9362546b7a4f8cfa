"""What goes over the wire, as structs: the OpenAPI document is made from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec import field as filled

from workers.payload.plan import EventPlan

#: How a job stands: "queued" until it came to something.
JobStanding = Literal["queued", "done", "dead", "refused", "waiting"]

Warnings = Annotated[list[str], Meta(description="What was odd and was taken all the same.")]


class ItemError(Struct, omit_defaults=True):
    """What is wrong with one item of a request; `index` counts from 0."""

    index: int
    code: str
    detail: str
    field: str = ""


class ProblemDetails(Struct, omit_defaults=True):
    """A refusal (RFC 9457). `detail` comes first and is below 200 bytes.

    Of a job that was accepted and came to nothing within the time asked for: its `id`, and where it is shown.
    """

    detail: str
    code: str
    status: int
    title: str
    type: str
    request_id: str
    errors: list[ItemError] = filled(default_factory=list)
    id: str = ""
    status_url: str = ""


class Queued(Struct, omit_defaults=True):
    """One accepted job. `duplicate`: the same was accepted before, under the id given here.

    Of a duplicate, and of one that was waited for, `status` tells how that job stands now, with its event's id and link
    once there is one, or the `reason` for which it waits.
    """

    id: str
    status: JobStanding
    duplicate: bool
    status_url: str
    event_id: int = 0
    link: str = ""
    reason: str = ""
    warnings: Warnings = filled(default_factory=list)


class Item(Struct, omit_defaults=True):
    """What became of one item: accepted with 202, or refused with 422 and kept in the quarantine.

    Of one that was waited for: 200 done, 422 refused or 424 dead, with the reason as `detail`. Of such a one and of a
    duplicate, `state` tells how that job stands now, with its event's id and link once there is one.
    """

    index: int
    status: Literal[200, 202, 422, 424]
    id: str = ""
    duplicate: bool = False
    state: JobStanding | Literal[""] = ""
    event_id: int = 0
    link: str = ""
    code: str = ""
    detail: str = ""
    field: str = ""
    quarantine_id: str = ""
    warnings: Warnings = filled(default_factory=list)


class BatchQueued(Struct):
    """What became of a request with several items, in their order."""

    batch_id: str
    errors: bool
    total_count: int
    success_count: int
    failure_count: int
    items: list[Item]
    status_url: str


class Checked(Struct, omit_defaults=True):
    """What a payload would become; nothing was accepted. `id` is the one that its job would have.

    `mapping` is the name and version of the mapping that made it, "" for a payload of the guide's.
    """

    index: int
    valid: bool
    id: str = ""
    payload: dict[str, Any] | None = None
    plan: EventPlan | None = None
    code: str = ""
    detail: str = ""
    field: str = ""
    mapping: str = ""


class Validation(Struct):
    """The verdict on each item of a request."""

    valid: bool
    total_count: int
    items: list[Checked]


class JobStatus(Struct, omit_defaults=True):
    """A job and what became of it. `result` is what its last step noted; `status` what a sender that waits is answered
    of one that is refused (422) or dead (424), else absent; `sender` is the token, or the user, that it came from.

    Of a job whose content is no longer kept only id, state and, in the result, the event's id are known: see `note`.
    """

    id: str
    kind: str
    state: Literal["accepted", "running", "waiting", "done", "dead", "refused"]
    title: str
    door: str
    attempts: int
    accepted_at: str
    next_try_at: str = ""
    status: int = 0
    sender: str = ""
    result: dict[str, Any] = filled(default_factory=dict)
    note: str = ""


class JobList(Struct):
    """Some of the jobs that were asked for: open ones, then dead, refused and done ones, each the latest first.

    One call looks at a bounded number of jobs, so that it may answer few or none although there are more: go on with
    `cursor`, which is "" at the end. `scanned` says how many it looked at.
    """

    jobs: list[JobStatus]
    cursor: str
    scanned: int


class BatchItem(Struct):
    """One job of a batch; `state` is "forgotten" when the ledger no longer knows it.

    "refused": what no job came of, where `id` is the one under which it was put into the quarantine, or what a worker
    refused.
    """

    id: str
    state: Literal["accepted", "running", "waiting", "done", "dead", "forgotten", "refused"]


class BatchStatus(Struct):
    """A request with several items as a TAXII status: complete once nothing is pending."""

    id: str
    status: Literal["pending", "complete"]
    total_count: int
    success_count: int
    failure_count: int
    pending_count: int
    items: list[BatchItem]


class Outcome(Struct, omit_defaults=True):
    """An action that was accepted, and its outcome if it came within the time asked for.

    Of a duplicate, `status` tells how that job stands now, with its outcome where it has one.
    """

    id: str
    status: JobStanding
    duplicate: bool
    status_url: str
    result: dict[str, Any] = filled(default_factory=dict)


class Health(Struct):
    """A sign of life."""

    status: Literal["ok"]
