"""Who hears what about a decision; the people behind a request hear of it from intake."""

from accounts.models import Role, User
from activity.models import Event
from notices.services import Message, notify
from planning.models import Decision


def announce(event: Event) -> None:
    """Remind who decided that a second look is due; a week later tell the team's lead.

    Repeatable. Where there is no lead, or the lead decided, Product Ops hears of it.
    """
    decision = (
        Decision.objects.standing()
        .select_related("team__lead", "decided_by")
        .filter(pk=event.subject_id)
        .first()
    )
    if decision is None:
        return
    deciders = [decision.decided_by, *decision.deciders.all()]
    look = f"{decision.get_absolute_url()}#look"
    if event.kind == "decision.look_due":
        notify(
            event=event,
            recipients=deciders,
            message=Message(
                f"Was it right? Look again at {decision.reference}: {decision.title}",
                look,
                "You set today for a second look."
                + (f"\n\nYou expected: {decision.expected}" if decision.expected else ""),
                is_action=True,
                why="You decided it",
            ),
            channel_kind="look",
        )
    elif event.kind == "decision.look_overdue":
        notify(
            event=event,
            recipients=_above(decision, deciders),
            message=Message(
                f"Nobody has looked again at {decision.reference}: {decision.title}",
                look,
                f"{decision.decided_by} was reminded a week ago. Ask, or add the second look.",
                is_action=True,
                why="You lead the team" if decision.team else "You look after the log",
            ),
            channel_kind="look",
        )


def _above(decision: Decision, deciders: list[User]) -> list[User]:
    lead = decision.team.lead if decision.team else None
    if lead is not None and lead.is_active and lead not in deciders and _may_read(lead, decision):
        return [lead]
    return list(User.objects.filter(role=Role.PRODUCT_OPS, is_active=True).order_by("pk"))


def _may_read(person: User, decision: Decision) -> bool:
    return Decision.objects.visible_to(person).filter(pk=decision.pk).exists()
