"""Which lists of a family LogRhythm has, and which of ours no data collection feeds any more."""

from __future__ import annotations

from workers.listsync.plan.mapping import parse_mapping
from workers.listsync.plan.plan import lists_to_plan
from workers.listsync.run.abandoned import as_abandoned, find_abandoned, is_caseless
from workers.listsync.run.run import Run
from workers.listsync.run.run_folder import ListState
from workers.logrhythm.model import ListSummary


def existing_lists(run: Run) -> list[ListState]:
    """Return the lists of the family that LogRhythm has; one call."""
    collection, types = run.state.collection, run.options.types
    names = collection.lists(types)
    existing = run.tools.logrhythm.lists.named(names, common=collection.base_name)
    keys = lists_to_plan(collection, types, (), existing)
    ours = run.tools.manifests.existing([target.guid for target in existing.values()])
    return [
        ListState(
            name=name,
            type=key.type,
            bucket=key.bucket,
            found=existing[name],
            error=_mismatch(run, existing[name], key.type, is_ours=existing[name].guid in ours),
        )
        for name, key in sorted(keys.items())
    ]


def look_for_abandoned(run: Run) -> None:
    """Note the abandoned lists; the run of the first collection also empties and retires them, where that is set."""
    state, tools = run.state, run.tools
    fed_by = parse_mapping(state.decisions.sync_collections, tuple(run.options.types))
    abandoned = find_abandoned(tools, fed_by, run.options.types)
    state.abandoned = [as_abandoned(item) for item in abandoned]
    if state.decisions.sync_abandoned == "retire" and state.collection == fed_by[0]:
        state.lists = [
            *run.lists,
            *(
                ListState(
                    name=item.name,
                    type="",
                    bucket="",
                    found=item,
                    is_abandoned=True,
                    caseless=is_caseless(tools, item),
                )
                for item in abandoned
            ),
        ]


def _mismatch(run: Run, target: ListSummary, type_name: str, *, is_ours: bool) -> str:
    """Say why a list of this name cannot be the one that is meant; "" where it can."""
    wanted = run.options.types[type_name].list_type
    if target.list_type != wanted:
        return (
            f"LogRhythm's list of this name is of the type {target.list_type}, and {type_name} needs {wanted}: rename "
            "it there, or set listType in sync_types"
        )
    logrhythm = run.tools.logrhythm
    if target.owner is None or is_ours:
        return ""
    if target.owner in (logrhythm.owner, logrhythm.token.uid):
        return ""
    return (
        f"LogRhythm's list of this name belongs to user {target.owner}, not to {logrhythm.owner}, and we never "
        "wrote to it: rename it there, change its owner, or make it ours with tqctl sync takeover"
    )
