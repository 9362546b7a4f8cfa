"""What the diagrams show; `tools.diagrams` draws it: `python -m tools.drawings` writes docs/images/*.svg."""

from __future__ import annotations

from tools.diagrams import IMAGES, Box, Drawing, Way, svg

DATA_FLOW = Drawing(
    1015,
    470,
    "Senders reach the producers; the producers write jobs into the ledger in Redis, which wakes the workers; they "
    "claim jobs, do them in ThreatQ and LogRhythm, and settle them; operators look at the ledger.",
    boxes=(
        Box(0, 0, 120, 50, "Detections", ("scripts, cron",)),
        Box(0, 70, 120, 50, "NiFi, SOAR", ("HTTP",)),
        Box(0, 140, 120, 50, "NiFi", ("Redis",)),
        Box(0, 210, 120, 50, "Analyst", ("in LogRhythm",)),
        Box(0, 280, 120, 50, "Clock", ("beat, cron",)),
        Box(185, 0, 200, 50, "tq-conn-events-builder", (), "ours"),
        Box(185, 70, 200, 50, "tq-http-shim", ("and the status page",), "ours"),
        Box(185, 140, 200, 50, "tq-redis-bridge", (), "ours"),
        Box(185, 210, 200, 50, "Smart Response", ("tq-lookup, tq-add-ioc, …",), "ours"),
        Box(185, 280, 200, 50, "tq-conn-logrhythm", ("list sync",), "ours"),
        Box(
            490,
            70,
            160,
            110,
            "Ledger in Redis",
            ("every job: state,", "result, history", "what is owed"),
            "kept",
        ),
        Box(490, 250, 160, 60, "Wake-ups in Redis", ("Celery's queues",), "kept"),
        Box(750, 0, 120, 60, "Worker", ("events",), "ours"),
        Box(750, 80, 120, 60, "Worker", ("enrichment",), "ours"),
        Box(750, 160, 120, 60, "Worker", ("sync",), "ours"),
        Box(750, 250, 120, 60, "Worker", ("upkeep",), "ours"),
        Box(915, 0, 100, 140, "ThreatQ"),
        Box(915, 160, 100, 60, "LogRhythm", ("lists",)),
        Box(185, 410, 200, 50, "Spool on disk", ("while Redis is away",), "kept"),
        Box(490, 400, 220, 60, "Look and mend", ("tqctl, status page,", "Flower, Prometheus"), "ours"),
    ),
    ways=(
        *(Way(((120, y), (183, y))) for y in (25, 95, 165, 235, 305)),
        *(Way(((385, y), (435, y), (435, 125), (488, 125))) for y in (25, 95, 165, 235, 305)),
        Way((), ("accept",), (462, 117)),
        Way(((570, 180), (570, 248)), ("rings",), (578, 220), "start"),
        Way(((650, 280), (748, 280)), ("wakes",), (680, 272)),
        *(Way(((715, 280), (715, y), (748, y))) for y in (45, 125, 205)),
        Way(((748, 20), (690, 20), (690, 105), (652, 105)), ("claim,", "settle"), (682, 52), "end"),
        *(Way(((870, y), (913, y))) for y in (30, 110, 190)),
        Way(((890, 190), (890, 125), (913, 125))),
        Way(((285, 330), (285, 408)), ("kept, sent later",), (293, 374), "start", True),
        Way(
            ((560, 398), (560, 372), (465, 372), (465, 160), (488, 160)),
            ("replay, approve, pause",),
            (476, 364),
            "start",
        ),
        Way(((810, 310), (810, 335), (625, 335), (625, 312)), ("wakes what is due",), (717, 327)),
    ),
)

JOB_LIFE = Drawing(
    900,
    350,
    "A job is accepted, claimed and running, and then done, or waiting until its service is back, or dead until "
    "somebody replays it. A job whose worker dies is claimed again.",
    boxes=(
        Box(0, 90, 110, 60, "a producer", ("cli, http, …",)),
        Box(210, 90, 130, 60, "accepted", ("in the ledger",), "kept"),
        Box(460, 90, 130, 60, "running", ("with a lease",), "ours"),
        Box(740, 90, 160, 60, "done", ("kept for 7 days",), "good"),
        Box(210, 260, 130, 60, "waiting", ("until its time",), "kept"),
        Box(740, 260, 160, 60, "dead", ("until somebody acts",), "bad"),
    ),
    ways=(
        Way(((110, 120), (208, 120)), ("accept",), (159, 112)),
        Way(((340, 120), (458, 120)), ("claim",), (399, 112)),
        Way(((590, 120), (738, 120)), ("settle",), (664, 112)),
        Way(
            ((550, 90), (550, 48), (500, 48), (500, 88)),
            ("the lease ran out: its worker died, another one claims it",),
            (525, 38),
        ),
        Way(
            ((490, 150), (490, 280), (342, 280)),
            ("ThreatQ or LogRhythm away,", "or a setting wrong"),
            (482, 212),
            "end",
        ),
        Way(((275, 260), (275, 152)), ("due again,", "no limit"), (267, 205), "end"),
        Way(
            ((560, 150), (560, 280), (738, 280)),
            ("ThreatQ refuses this one,", "or three workers lost"),
            (570, 212),
            "start",
        ),
        Way(
            ((738, 305), (600, 305), (600, 340), (170, 340), (170, 138), (208, 138)),
            ("replay",),
            (480, 333),
            broken=True,
        ),
    ),
)

SYNC_RUN = Drawing(
    1030,
    290,
    "A sync run reads the collection and the list, compares them with what is ours, lets the guard judge the deletes, "
    "and writes the difference; pending deletes wait for an approval, and a source in doubt deletes nothing.",
    boxes=(
        Box(0, 0, 130, 60, "ThreatQ", ("data collection",)),
        Box(0, 100, 130, 60, "LogRhythm", ("the list as it is",)),
        Box(0, 220, 150, 60, "Manifest", ("what is ours, in Redis",), "kept"),
        Box(220, 0, 120, 60, "gather", ("page by page",), "ours"),
        Box(220, 100, 120, 60, "scan", ("in blocks",), "ours"),
        Box(450, 50, 100, 60, "diff", ("on disk",), "ours"),
        Box(620, 50, 100, 60, "guard", ("of deletes",), "ours"),
        Box(880, 0, 150, 60, "write", ("to LogRhythm,", "1,000 entries a call"), "ours"),
        Box(880, 110, 150, 60, "held", ("until approved",), "kept"),
        Box(880, 220, 150, 60, "nothing deleted", ("nobody may approve",), "bad"),
        Box(590, 220, 110, 60, "--dry-run", ("shows the plan",), "good"),
    ),
    ways=(
        Way(((130, 30), (218, 30))),
        Way(((130, 130), (218, 130))),
        Way(((340, 30), (400, 30), (400, 70), (448, 70)), ("wanted",), (372, 23)),
        Way(((340, 130), (400, 130), (400, 90), (448, 90)), ("there",), (372, 148)),
        Way(((150, 250), (500, 250), (500, 112)), ("only what we put there may go",), (325, 243)),
        Way(((550, 80), (618, 80)), ("plan",), (584, 73)),
        Way(((720, 65), (850, 65), (850, 30), (878, 30)), ("adds, few deletes",), (785, 58)),
        Way(((720, 95), (850, 95), (850, 140), (878, 140)), ("a mass delete",), (785, 112)),
        Way(((705, 110), (705, 190), (850, 190), (850, 250), (878, 250)), ("source in doubt",), (785, 183)),
        Way(((955, 108), (955, 62)), ("approve",), (963, 90), "start", True),
        Way(((645, 110), (645, 218)), broken=True),
    ),
)

#: The files and what they show.
DRAWINGS = {"data-flow": DATA_FLOW, "job-life": JOB_LIFE, "sync-run": SYNC_RUN}


def main() -> None:
    """Write every diagram."""
    for name, drawing in DRAWINGS.items():
        (IMAGES / f"{name}.svg").write_text(svg(drawing))


if __name__ == "__main__":
    main()
