"""Rows to the geometry of small charts; pure. Templates draw them as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 250
LEFT, RIGHT, TOP, BOTTOM = 36, 122, 12, 30
LABEL_GAP = 22


@dataclass(frozen=True)
class Line:
    """One series: its class, path, dots, and the label at its end."""

    css: str
    path: str
    dots: list[tuple[float, float]]
    label: str
    label_x: float
    label_y: float


@dataclass(frozen=True)
class Chart:
    """A line chart in a box of WIDTH by HEIGHT."""

    width: int
    height: int
    left: int
    right: float
    grid: list[tuple[float, float, str]]
    ticks: list[tuple[float, str]]
    lines: list[Line]
    target_y: float | None
    target_label_y: float


@dataclass(frozen=True)
class Series:
    """Values over time, None where there are none."""

    css: str
    label: str
    values: Sequence[float | None]
    has_dots: bool = False


def line_chart(labels: Sequence[str], series: Sequence[Series], target: float | None) -> Chart:
    """A chart from zero to a round number above the largest value."""
    values = [value for one in series for value in one.values if value is not None]
    step, top = _scale(max([*values, target or 0, 1]))
    span = WIDTH - LEFT - RIGHT

    def x(index: int) -> float:
        return round(LEFT + 6 + index * (span - 6) / max(len(labels) - 1, 1), 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - value * (HEIGHT - BOTTOM - TOP) / top, 1)

    every = 2 if max((len(label) for label in labels), default=0) <= 3 else 3
    ends: list[tuple[float, str]] = []
    shapes = []
    for one in series:
        dots = [(x(i), y(value)) for i, value in enumerate(one.values) if value is not None]
        if dots:
            ends.append((dots[-1][1], one.label))
            shapes.append((one, dots))
    if target is not None:
        ends.append((y(target), "Target"))
    places = _apart(ends)
    lines = [
        Line(
            css=one.css,
            path=_path([None if v is None else (x(i), y(v)) for i, v in enumerate(one.values)]),
            dots=dots if one.has_dots else [],
            label=one.label,
            label_x=WIDTH - RIGHT + 10,
            label_y=places[one.label],
        )
        for one, dots in shapes
    ]
    return Chart(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT + 6,
        grid=[(y(v), y(v) + 5, f"{v:g}") for v in _steps(step, top)],
        # Counted from the newest, so that its name is always there.
        ticks=[
            (x(i), label) for i, label in enumerate(labels) if (len(labels) - 1 - i) % every == 0
        ],
        lines=lines,
        target_y=None if target is None else y(target),
        target_label_y=places.get("Target", 0),
    )


def _scale(largest: float) -> tuple[float, float]:
    for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
        if largest <= step * 5:
            break
    top = step
    while top < largest:
        top += step
    return step, top


def _steps(step: float, top: float) -> list[float]:
    return [step * index for index in range(int(top / step) + 1)]


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    """A path with a gap wherever a point is missing."""
    parts = []
    for index, point in enumerate(points):
        if point is None:
            continue
        is_first = index == 0 or points[index - 1] is None
        is_last = index + 1 == len(points) or points[index + 1] is None
        parts.append(f"{'M' if is_first else 'L'}{point[0]} {point[1]}")
        if is_first and is_last:
            parts.append("h0.1")  # a lone point: round line ends make it a dot
    return " ".join(parts)


def _apart(ends: list[tuple[float, str]]) -> dict[str, float]:
    """Heights of labels, moved down where they would lie on each other."""
    places: dict[str, float] = {}
    last = float("-inf")
    for height, label in sorted(ends):
        last = max(height + 4, last + LABEL_GAP)
        places[label] = round(last, 1)
    # Pushed below the axis: move the whole pile up.
    over = max(0.0, last - (HEIGHT - BOTTOM + 4))
    return {label: round(height - over, 1) for label, height in places.items()}


@dataclass(frozen=True)
class Spark:
    """A trend without axes, 200 by 44; `goal_y` is the target's height."""

    line: str
    area: str
    goal_y: float | None


def sparkline(values: Sequence[float | None], target: float | None) -> Spark | None:
    """The last values as a line; None with fewer than two, for a line needs two."""
    held = [(index, value) for index, value in enumerate(values) if value is not None]
    if len(held) < 2:
        return None
    every = [value for _, value in held] + ([target] if target is not None else [])
    low, high = min(every), max(every)
    first, last = held[0][0], held[-1][0]

    def y(value: float) -> float:
        return round(40 - (value - low) * 36 / ((high - low) or 1), 1)

    points = [(round((i - first) * 200 / (last - first), 1), y(value)) for i, value in held]
    line = "M" + " L".join(f"{x} {height}" for x, height in points)
    return Spark(line, f"{line} L200 44 L0 44z", None if target is None else y(target))
