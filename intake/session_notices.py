"""Who hears what about a scoring session: its scorers and its facilitator.

Everyone behind a request hears of the decision itself by `intake.notices`.
"""

from django.utils import timezone

from accounts.models import User
from activity.events import on, subject_key
from activity.models import Event
from intake.models import Candidate, ScoringSession
from intake.services.sessions import decided_in, missing_counts
from notices.kinds import Pace, register_kind
from notices.models import Notice
from notices.services import Message, notify
from notices.settling import register_settling
from producthub.lib.tags import count_of

SCORING = "scoring"
ASKED = ("session.opened", "session.joined", "session.reminded")


def register() -> None:
    """Called once from `ready()`."""
    register_kind(
        SCORING,
        "Scoring",
        "You are asked to score, miss scores, or get the notes of a session.",
        Pace.AT_ONCE,
    )
    for kind in ("session.revealed", "session.closed"):
        register_settling(kind, ASKED)
    on("session.opened", invite)
    on("session.joined", invite)
    on("session.reminded", remind)
    on("session.handed_over", hand_over)
    on("session.closed", send_notes)
    on("score.saved", settle_when_done)


def _session(event: Event) -> ScoringSession | None:
    return (
        ScoringSession.objects.select_related("facilitator", "version__model")
        .filter(pk=event.subject_id)
        .first()
    )


def _until(session: ScoringSession) -> str:
    if session.closes_at is None:
        return ""
    local = timezone.localtime(session.closes_at)
    return f" Scoring closes on {local:%A}, {local.day} {local:%B} at {local:%H:%M}."


def _invitation(session: ScoringSession, who: str, count: int) -> Message:
    return Message(
        f"Score {count_of(count, 'request')}: {session.title}",
        session.get_absolute_url(),
        f"{who} asks you to score {count_of(count, 'request')} with"
        f" {session.version.model.name}. Nobody sees your score before they gave their"
        f" own.{_until(session)}",
        is_action=True,
        why="You are a scorer",
    )


def invite(event: Event) -> None:
    """A session opened, or somebody joined it: ask the scorers."""
    session = _session(event)
    if session is None or not session.is_blind:
        return
    people = session.scorers.exclude(pk=event.actor_id)
    if event.kind == "session.joined":
        people = people.filter(pk=event.data.get("person"))
    count = session.candidates.filter(dropped_at__isnull=True).count()
    who = event.actor.name if event.actor else "ProductHub"
    notify(
        event=event,
        recipients=people,
        message=_invitation(session, who, count),
        channel_kind=SCORING,
    )


def remind(event: Event) -> None:
    """The last hours: tell each scorer how many they miss; who has done all hears nothing."""
    session = _session(event)
    if session is None or not session.is_blind:
        return
    missing = {pk: count for pk, count in missing_counts(session).items() if count > 0}
    for person in User.objects.filter(pk__in=missing):
        left = missing[person.pk]
        notify(
            event=event,
            recipients=[person],
            message=Message(
                f"{count_of(left, 'score')} of yours missing: {session.title}",
                session.get_absolute_url(),
                f"You have not scored {count_of(left, 'request')} yet.{_until(session)}",
                is_action=True,
                why="You are a scorer",
            ),
            channel_kind=SCORING,
        )


def hand_over(event: Event) -> None:
    """Somebody else facilitates now."""
    session = _session(event)
    if session is None or session.facilitator_id == event.actor_id:
        return
    notify(
        event=event,
        recipients=[session.facilitator],
        message=Message(
            f"You facilitate {session.title}",
            session.get_absolute_url(),
            f"{event.actor or 'ProductHub'} handed this scoring session over to you.",
            is_action=True,
            why="You facilitate",
        ),
        channel_kind=SCORING,
    )


def send_notes(event: Event) -> None:
    """The session closed: what was decided, the notes and the actions, to everyone in it."""
    session = _session(event)
    if session is None:
        return
    people = {person.pk: person for person in session.scorers.all()}
    people.setdefault(session.facilitator_id, session.facilitator)
    people.pop(event.actor_id or 0, None)
    decided = decided_in(session)
    left = Candidate.objects.filter(
        session=session, dropped_at__isnull=True, request__status__in=["new", "triaged"]
    ).count()
    lines = [f"{decision.get_outcome_display()}: {decision.title}" for decision in decided]
    text = "\n".join(lines) if lines else "Nothing was decided."
    if left:
        text += f"\n\n{count_of(left, 'request')} left undecided."
    for word, said in (("Notes", session.notes), ("Actions", session.actions)):
        if said.strip():
            text += f"\n\n{word}\n{said.strip()}"
    notify(
        event=event,
        recipients=people.values(),
        message=Message(
            f"Notes of {session.title}: {count_of(len(decided), 'decision')}",
            f"{session.get_absolute_url()}summary/",
            text,
            why="You took part",
        ),
        channel_kind=SCORING,
    )


def settle_when_done(event: Event) -> None:
    """Who has answered every candidate is no longer asked to."""
    session = ScoringSession.objects.filter(pk=event.data.get("session")).first()
    if session is None or session.is_solo or event.actor_id is None:
        return
    if missing_counts(session).get(event.actor_id, 1) > 0:
        return
    Notice.objects.filter(
        recipient_id=event.actor_id,
        subject_type=subject_key(ScoringSession),  # type: ignore[arg-type]
        subject_id=session.pk,
        kind__in=ASKED,
        done_at__isnull=True,
    ).update(done_at=timezone.now(), settled_by=event.pk)
