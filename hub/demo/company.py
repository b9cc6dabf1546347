"""People, teams, audiences, tools and playbook pages."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.hashers import make_password

from accounts.models import Audience, Team, User
from accounts.services import create_user, open_membership
from activity.events import Fact, record_many
from hub.demo.handbook import PAGES
from hub.demo.people import AUDIENCES, LOGINS, PASSWORD, PEOPLE, TEAMS, Person, mail_of
from hub.demo.plan import HISTORY_DAYS, Plan
from hub.demo.tools import TOOLS
from intake.models import FormVersion, IntakeForm
from planning.models import ReasonCode
from playbook.models import Article, Tool
from playbook.services import save_article, save_tool


@dataclass
class Company:
    """The rows behind a plan: users in the order of its people, teams by slug."""

    users: list[User]
    teams: dict[str, Team]
    reason_codes: dict[str, ReasonCode]
    # The form that makes each kind of request, as it is asked now.
    forms: dict[str, FormVersion]


def build(plan: Plan) -> Company:
    """Create everyone, as it was before the first request; what exists by address stays."""
    founded = plan.now - timedelta(days=HISTORY_DAYS + 30)
    teams = {team.slug: _team(team.slug) for team in TEAMS}
    taken: dict[str, int] = {}
    mails = []
    for person in plan.people:
        mail = mail_of(person)
        count = taken[mail] = taken.get(mail, 0) + 1
        mails.append(mail if count == 1 else mail_of(person, count))
    known = User.objects.in_bulk(mails, field_name="email")
    users = [
        known.get(mail) or _person(person, mail, founded)
        for person, mail in zip(plan.people[: len(PEOPLE)], mails, strict=False)
    ]
    users += _many(plan.people[len(PEOPLE) :], mails[len(PEOPLE) :], founded)
    for person, user in zip(plan.people, users, strict=True):
        if person.team and user.email not in known:
            _join(user, teams[person.team], person, founded.date(), founded)
        if person.is_lead:
            Team.objects.filter(slug=person.team).update(lead=user)
    _open_the_doors(known)
    _audiences(plan.people, users)
    _tools(users, teams)
    _pages(users, plan.now)
    return Company(
        users,
        {team.slug: team for team in Team.objects.all()},
        {code.code: code for code in ReasonCode.objects.all()},
        {
            form.kind: form.version
            for form in IntakeForm.objects.select_related("version__form").order_by("-position")
            if form.version is not None and form.is_active
        },
    )


def readers(plan: Plan, company: Company) -> list[User]:
    """Those who sign in to look around."""
    pairs = zip(plan.people[: len(PEOPLE)], company.users, strict=False)
    return [user for person, user in pairs if person.name in LOGINS]


def _team(slug: str) -> Team:
    given = next(team for team in TEAMS if team.slug == slug)
    team, _ = Team.objects.get_or_create(
        slug=slug,
        defaults={
            "name": given.name,
            "mission": given.mission,
            "channel": given.channel,
            "time_zone": given.time_zone,
        },
    )
    return team


def _fields(person: Person) -> dict[str, Any]:
    return {
        "job_title": person.job_title,
        "department": person.department,
        "time_zone": person.time_zone,
    }


def _person(person: Person, mail: str, at: datetime) -> User:
    return create_user(email=mail, name=person.name, role=person.role, at=at, **_fields(person))


def _many(people: list[Person], mails: list[str], at: datetime) -> list[User]:
    """The rows of `create_user` for thousands."""
    users = User.objects.bulk_create(
        [
            User(
                email=mail,
                name=person.name,
                role=person.role,
                joined_at=at,
                password=make_password(None),
                **_fields(person),
            )
            for person, mail in zip(people, mails, strict=True)
        ],
        batch_size=1000,
    )
    record_many(Fact("user.created", user, at, data={"role": user.role}) for user in users)
    return users


def _join(user: User, team: Team, person: Person, on: date, at: datetime) -> None:
    open_membership(user=user, team=team, duty=person.duty, on=on, at=at)


def _open_the_doors(known: dict[str, User]) -> None:
    """Give the demonstration logins their public password; an account that was there keeps its
    own. One hash for all three: it is no secret, and hashing is slow on purpose.
    """
    mails = {mail_of(person) for person in PEOPLE if person.name in LOGINS} - known.keys()
    User.objects.filter(email__in=mails).update(password=make_password(PASSWORD))


def _audiences(people: list[Person], users: list[User]) -> None:
    for key, name in AUDIENCES.items():
        audience, _ = Audience.objects.get_or_create(key=key, defaults={"name": name})
        audience.members.add(
            *(user for person, user in zip(people, users, strict=True) if key in person.audiences)
        )


def _tools(users: list[User], teams: dict[str, Team]) -> None:
    by_name = {user.name: user for user in users[: len(PEOPLE)]}
    for order, tool in enumerate(TOOLS, start=1):
        if not Tool.objects.filter(name__iexact=tool.name).exists():
            save_tool(
                tool=Tool(
                    slug=tool.slug,
                    name=tool.name,
                    glyph=tool.glyph,
                    purpose=tool.purpose,
                    url=tool.url,
                    access=tool.access,
                    owner=by_name[tool.owner],
                    team=teams.get(tool.team),
                    category=tool.category,
                    status=tool.status,
                    order=order * 10,
                )
            )


def _pages(users: list[User], now: datetime) -> None:
    by_name = {user.name: user for user in users[: len(PEOPLE)]}
    for page in PAGES:
        if not Article.objects.filter(slug=page.slug).exists():
            save_article(
                article=Article(
                    slug=page.slug,
                    title=page.title,
                    body=page.body,
                    is_published=True,
                    visible_to=page.visible_to,
                    author=by_name[page.author],
                ),
                at=now - timedelta(days=page.age_days),
            )
