"""Live through a plan: every step by the service that a person's click would call."""

from collections.abc import Iterable

from hub.demo.company import Company
from hub.demo.plan import Planned, Step, by_time
from intake import services
from intake.models import Request


def replay(items: Iterable[Planned], company: Company) -> list[Request]:
    """Write these requests with their true past times; call inside `activity.events.replaying`."""
    made: dict[int, Request] = {}
    for item, step in by_time(list(items)):
        if step.kind == "submit":
            made[item.number] = _submit(item, step, company)
        else:
            _STEPS[step.kind](made[item.number], step, company)
    return list(made.values())


def _submit(item: Planned, step: Step, company: Company) -> Request:
    return services.submit_request(
        requester=company.users[step.actor],
        kind=item.kind,
        title=item.title,
        problem=item.problem,
        team=company.teams.get(item.team),
        affected=list(item.affected),
        needed_on=item.needed_on,
        visibility=item.visibility,
        submission_key=item.key,
        form_version=company.forms.get(item.kind),
        at=step.at,
    )


def _triage(made: Request, step: Step, company: Company) -> None:
    services.triage_request(
        item=made,
        actor=company.users[step.actor],
        team=company.teams[step.team],
        owner=None if step.owner is None else company.users[step.owner],
        at=step.at,
    )


def _ask(made: Request, step: Step, company: Company) -> None:
    services.ask_requester(
        item=made,
        actor=company.users[step.actor],
        question=step.text,
        key=step.key,
        at=step.at,
    )


def _answer(made: Request, step: Step, company: Company) -> None:
    services.answer_question(
        item=made, actor=company.users[step.actor], answer=step.text, key=step.key, at=step.at
    )


def _comment(made: Request, step: Step, company: Company) -> None:
    services.comment_on_request(
        item=made, actor=company.users[step.actor], body=step.text, key=step.key, at=step.at
    )


def _decide(made: Request, step: Step, company: Company) -> None:
    services.decide_request(
        item=made,
        actor=company.users[step.actor],
        outcome=step.outcome,
        reason=step.text,
        reason_code=company.reason_codes.get(step.reason_code),
        revisit_on=step.revisit_on,
        at=step.at,
    )


def _ship(made: Request, step: Step, company: Company) -> None:
    services.ship_request(item=made, actor=company.users[step.actor], at=step.at)


def _vote(made: Request, step: Step, company: Company) -> None:
    services.vote_for_request(
        item=made, person=company.users[step.actor], case=step.text, at=step.at
    )


def _merge(made: Request, step: Step, company: Company) -> None:
    assert step.into is not None
    services.merge_requests(
        items=[made],
        into=Request.objects.get(submission_key=step.into.key),
        actor=company.users[step.actor],
        at=step.at,
    )


_STEPS = {
    "vote": _vote,
    "merge": _merge,
    "triage": _triage,
    "reassign": _triage,
    "ask": _ask,
    "answer": _answer,
    "comment": _comment,
    "decide": _decide,
    "ship": _ship,
}
