"""The last hour as bars of an SVG: pure arithmetic, drawn by a template."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from workers.ledger.throughput import Minute

#: The drawing's units; the browser scales it to the width that there is.
WIDTH, HEIGHT = 720, 150

#: Units between two bars.
_GAP = 2


class Bar(Struct, frozen=True):
    """A minute: where its bar stands and how high the done and, on top, the dead ones are."""

    x: float
    width: float
    done_y: float
    done_height: float
    dead_y: float
    dead_height: float
    minute: Minute


class Chart(Struct, frozen=True):
    """The bars, the count that the full height stands for, and the sums."""

    bars: list[Bar]
    top: int
    done: int
    dead: int
    busiest: int

    @property
    def lines(self) -> list[tuple[float, int]]:
        """Where the horizontal lines are, and the counts that they stand for."""
        return [(0.0, self.top), (HEIGHT / 2, self.top // 2)]


def chart(minutes: Sequence[Minute]) -> Chart:
    """Return the drawing of `minutes`, the oldest at the left."""
    busiest = max((minute.done + minute.dead for minute in minutes), default=0)
    top = round_up(busiest)
    step = WIDTH / max(len(minutes), 1)
    return Chart(
        bars=[_bar(minute, at * step, step, top) for at, minute in enumerate(minutes)],
        top=top,
        done=sum(minute.done for minute in minutes),
        dead=sum(minute.dead for minute in minutes),
        busiest=busiest,
    )


def round_up(count: int) -> int:
    """Return the next even number of the form 2, 4, 10, 20, 40, 100 …, so that half of it is whole."""
    power = 1
    while 20 * power < count:
        power *= 10
    return next(step * power for step in (2, 4, 10, 20) if step * power >= count)


def _bar(minute: Minute, x: float, step: float, top: int) -> Bar:
    done, dead = minute.done * HEIGHT / top, minute.dead * HEIGHT / top
    return Bar(
        x=round(x + _GAP / 2, 2),
        width=round(step - _GAP, 2),
        done_y=round(HEIGHT - done, 2),
        done_height=round(done, 2),
        dead_y=round(HEIGHT - done - dead, 2),
        dead_height=round(dead, 2),
        minute=minute,
    )
