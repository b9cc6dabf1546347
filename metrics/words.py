"""Figures in sentences: what a page says before it shows anything; pure."""

from collections.abc import Iterable

from accounts.models import Team
from metrics.definitions import MIN_SAMPLE, TIME_TO_DECISION
from metrics.selectors import Point, Report, StageLine
from producthub.lib.tags import count_of


def lede(report: Report, team: Team | None) -> str:
    """How it stands, in plain numbers."""
    is_decision = report.definition is TIME_TO_DECISION
    if not report.is_enough:
        if is_decision and not report.n and not report.n_open:
            return f"The first number comes after {MIN_SAMPLE} decisions."
        if is_decision:
            return (
                f"Not enough data yet: {count_of(report.n, 'decision')} of the {MIN_SAMPLE} that "
                "a median needs."
            )
        came = f"{count_of(report.n, 'accepted request')} came onto the roadmap"
        return f"Not enough data yet: {came}, a median needs {MIN_SAMPLE}."
    if report.median is None:
        return "More than half of these requests are still open: their median cannot be told yet."
    if is_decision:
        who = f"{team.name} decides half of its" if team else "Half of all"
        text = f"{who} requests {'' if team else 'are decided '}within {report.median:.1f} days"
    else:
        who = f"Half of what {team.name} accepts" if team else "Half of all accepted requests"
        verb = "is" if team else "are"
        text = f"{who} {verb} on the roadmap within {report.median:.1f} days"
    if report.definition.target is not None:
        side = "within" if report.is_met else "over"
        text += f", {side} the {report.definition.target:g}-day target"
    return f"{text}. {finding(report)}".strip()


def finding(report: Report) -> str:
    """The trend in a sentence."""
    told = [point for point in report.points if point.median is not None]
    if len(told) < 2:
        return ""
    first, last = told[0], told[-1]
    assert first.median is not None and last.median is not None

    def name(point: Point) -> str:
        if report.bucket == "week":
            return f"the week of {point.starts_on.day} {point.starts_on:%B}"
        year = "" if point.starts_on.year == told[-1].starts_on.year else f" {point.starts_on.year}"
        return f"{point.starts_on:%B}{year}"

    if abs(first.median - last.median) < 0.05:
        return f"The median stayed at {last.median:.1f} days from {name(first)} to {name(last)}."
    verb = "fell" if last.median < first.median else "rose"
    return (
        f"The median {verb} from {first.median:.1f} days in {name(first)} to "
        f"{last.median:.1f} in {name(last)}."
    )


def stages(report: Report) -> str:
    """How far half of the requests are after how long, and which step takes longest."""
    everyone = _reached(line for line in report.stages if not line.stage.is_for_accepted)
    accepted = _reached(line for line in report.stages if line.stage.is_for_accepted)
    told = [f"half of all requests are {everyone}"] if everyone else []
    told += [f"half of the accepted ones are {accepted}"] if accepted else []
    if not told:
        return ""
    text = f"{'; '.join(told).capitalize()}."
    steps = [
        (line.step, before.stage, line.stage)
        for before, line in zip(report.stages, report.stages[1:], strict=False)
        if line.step is not None
    ]
    if steps:
        longest, before, stage = max(steps, key=lambda step: step[0])
        if longest > 0:
            text += (
                f" The longest step leads from “{before.name.lower()}” to "
                f"“{stage.name.lower()}”: {longest:.1f} days."
            )
    return text


def _reached(lines: Iterable[StageLine]) -> str:
    return _listed(
        [
            f"{line.stage.phrase} after {line.median:.1f} days"
            for line in lines
            if line.median is not None
        ]
    )


def waits(report: Report) -> str:
    """Who the time was spent waiting on, the most first."""
    parts = sorted((part for part in report.parts if part.percent), key=lambda one: -one.percent)
    if not parts:
        return ""
    told = [f"{part.percent}% on {_WAITED_ON[part.key]}" for part in parts]
    return f"Of the working time so far, these requests waited {_listed(told)}."


_WAITED_ON = {
    "managers": "product managers",
    "requester": "an answer of the requester",
    "forum": "a scoring session or review",
}


def _listed(parts: list[str]) -> str:
    """One, two and three."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
