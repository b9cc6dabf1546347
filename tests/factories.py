"""Plain functions that make rows with minimal defaults."""

from itertools import count
from typing import Any

from django.db.models import QuerySet

from accounts.models import Membership, Role, Team, User
from activity.models import Event
from intake.models import Request
from intake.services import submit_request
from planning import shipped_reasons
from planning.models import ReasonCode
from playbook.models import Article
from playbook.services import save_article

_numbers = count(1)


def make_user(email: str = "", name: str = "", role: str = Role.STAKEHOLDER, **fields: Any) -> User:
    number = next(_numbers)
    return User.objects.create_user(
        email or f"person{number}@harbourline.example",
        fields.pop("password", None),
        name=name or f"Person {number}",
        role=role,
        **fields,
    )


def make_team(name: str = "", slug: str = "", **fields: Any) -> Team:
    number = next(_numbers)
    return Team.objects.create(
        name=name or f"Team {number}", slug=slug or f"team-{number}", **fields
    )


def make_membership(user: User, team: Team, **fields: Any) -> Membership:
    return Membership.objects.create(user=user, team=team, **fields)


def make_request(requester: User | None = None, **overrides: Any) -> Request:
    """A request through the service, in triage unless told otherwise."""
    fields = {
        "title": "Move deliveries in bulk when a depot closes",
        "problem": "Planners moved 640 stops by hand. It took six hours.",
        **overrides,
    }
    return submit_request(requester=requester or make_user(), **fields)


def deeds() -> QuerySet[Event]:
    """Events of what people did, without those that only say who was here."""
    return Event.objects.exclude(kind__in=["person.signed_in", "module.used"])


def install_forms() -> None:
    """The shipped request forms, which a test that empties the database loses."""
    from intake import shipped_forms
    from intake.models import FormField, FormVersion, IntakeForm

    if not IntakeForm.objects.exists():
        shipped_forms.install(IntakeForm, FormField, FormVersion)


def make_article(title: str = "", body: str = "", **fields: Any) -> Article:
    """A published playbook page for everyone, unless told otherwise."""
    number = next(_numbers)
    fields = {"slug": f"page-{number}", "is_published": True, **fields}
    actor = fields.pop("actor", None)
    at = fields.pop("at", None)
    article = Article(title=title or f"Page {number}", body=body or "How it is done.", **fields)
    return save_article(article=article, actor=actor, at=at)


def install_reasons() -> None:
    """The reason codes that a migration installs; tests that commit empty their table."""
    shipped_reasons.install(ReasonCode)


def reason_code(code: str = "wrong-time") -> ReasonCode:
    """One of them."""
    install_reasons()
    return ReasonCode.objects.get(code=code)
