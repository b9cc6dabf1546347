"""Which rules fire on a request, and where they send it: pure, no database.

Rules are looked at in order. All conditions that a rule has must hold; one without conditions
holds always. Of several rules that fire, the first to say a thing (team, owner, priority, days)
is heard, labels add up, and a rule that stops ends the search.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Plain:
    """What rules look at: a request as it was sent."""

    kind: str
    form: int | None = None
    area: int | None = None
    words: tuple[str, ...] = ()
    department: str = ""
    teams: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Rule:
    """Conditions and what follows. Ids are of forms, teams and people."""

    id: int | None
    name: str
    stops: bool = True
    kinds: frozenset[str] = frozenset()
    forms: frozenset[int] = frozenset()
    areas: frozenset[int] = frozenset()
    phrases: tuple[tuple[str, ...], ...] = ()
    departments: frozenset[str] = frozenset()
    teams: frozenset[int] = frozenset()
    to_team: int | None = None
    to_owner: int | None = None
    to_priority: str = ""
    add_labels: tuple[str, ...] = ()
    triage_days: int | None = None
    decision_days: int | None = None


@dataclass(frozen=True)
class Routed:
    """What the rules say of one request."""

    fired: tuple[Rule, ...] = ()
    team: int | None = None
    owner: int | None = None
    priority: str = ""
    labels: tuple[str, ...] = ()
    triage_days: int | None = None
    decision_days: int | None = None
    by: Rule | None = field(default=None, compare=False)

    @property
    def first(self) -> Rule | None:
        """The rule that took it."""
        return self.fired[0] if self.fired else None


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, in small letters, one form of each letter."""
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def phrases_of(lines: str) -> tuple[tuple[str, ...], ...]:
    """One phrase a line; lines without a word are left out."""
    found = (words_of(line) for line in lines.splitlines())
    return tuple(phrase for phrase in found if phrase)


def plain_name(name: str) -> str:
    """A department's name as it is compared."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def holds(rule: Rule, plain: Plain) -> bool:
    """Whether all conditions of a rule hold."""
    return (
        (not rule.kinds or plain.kind in rule.kinds)
        and (not rule.forms or plain.form in rule.forms)
        and (not rule.areas or plain.area in rule.areas)
        and (not rule.departments or plain_name(plain.department) in rule.departments)
        and (not rule.teams or bool(rule.teams & plain.teams))
        and (not rule.phrases or any(_said(phrase, plain.words) for phrase in rule.phrases))
    )


def _said(phrase: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """Whether whole words stand there, in this order, one after the other."""
    size = len(phrase)
    return any(words[start : start + size] == phrase for start in range(len(words) - size + 1))


def route(rules: Iterable[Rule], plain: Plain) -> Routed:
    """What these rules, in their order, say of one request."""
    fired: list[Rule] = []
    for rule in rules:
        if holds(rule, plain):
            fired.append(rule)
            if rule.stops:
                break
    by = next((rule for rule in fired if rule.to_team is not None), None)
    return Routed(
        fired=tuple(fired),
        team=by.to_team if by else None,
        owner=next((rule.to_owner for rule in fired if rule.to_owner is not None), None),
        priority=next((rule.to_priority for rule in fired if rule.to_priority), ""),
        labels=tuple(dict.fromkeys(label for rule in fired for label in rule.add_labels)),
        triage_days=next((r.triage_days for r in fired if r.triage_days is not None), None),
        decision_days=next((r.decision_days for r in fired if r.decision_days is not None), None),
        by=by,
    )


def with_rule(rules: Sequence[Rule], draft: Rule, place: int, *, is_active: bool) -> list[Rule]:
    """The rules as they would be with a draft in its place (from 0), instead of its old self."""
    others = [rule for rule in rules if rule.id is None or rule.id != draft.id]
    return [*others[:place], draft, *others[place:]] if is_active else others
