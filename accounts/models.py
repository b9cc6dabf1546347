"""People, teams, and who belongs where from when to when."""

from collections.abc import Iterable
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, available_timezones

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from producthub.lib import periods


class Role(models.TextChoices):
    """What a person may do, the least able first. What they read about is an audience, no role.

    A guest has no account: someone who wrote through an open form, or on whose behalf a
    colleague wrote. Guests hear by mail only and are in no list; see `User.objects.inside`.
    """

    GUEST = "guest", "Guest"
    STAKEHOLDER = "stakeholder", "Stakeholder"
    PM = "pm", "Product manager"
    PRODUCT_OPS = "product_ops", "Product Ops"
    ADMIN = "admin", "Admin"


def check_time_zone(value: str) -> None:
    """Refuse a name that is no IANA time zone."""
    if value not in available_timezones():
        raise ValidationError("Enter a time zone like Europe/Lisbon.")


# What can be given to a person who has an account.
ROLES_WITH_ACCOUNT = [choice for choice in Role.choices if choice[0] != Role.GUEST]


class UserManager(BaseUserManager["User"]):
    """Finds people by mail address whatever its case."""

    def inside(self) -> "models.QuerySet[User]":
        """Everyone who can sign in: neither leavers nor guests. Every list, picker and count of
        people starts here.
        """
        return self.filter(is_active=True).exclude(role=Role.GUEST)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person; without a password they can only sign in through single sign-on."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """For `manage.py createsuperuser`."""
        fields.setdefault("name", email.partition("@")[0])
        return self.create_user(email, password, role=Role.ADMIN, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, by mail address. Leavers stay, inactive, so that history keeps its names."""

    email = models.EmailField(
        "mail address",
        unique=True,
        error_messages={"unique": "A person with this mail address exists already."},
    )
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.STAKEHOLDER)
    job_title = models.CharField(max_length=120, blank=True)
    department = models.CharField(max_length=80, blank=True, help_text="Sales, Support, Finance…")
    time_zone = models.CharField(
        max_length=64, default="Europe/Amsterdam", validators=[check_time_zone]
    )
    role_from_directory = models.BooleanField(
        default=False, editable=False, help_text="A single sign-on group gave the role."
    )
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        ordering = ["name", "id"]
        constraints = [
            # one account an address, whatever its case: stored in small letters only
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="user_email_lower"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        self.email = self.email.strip().lower()

    def get_absolute_url(self) -> str:
        return reverse("accounts:person", args=[self.pk])

    @property
    def reference(self) -> str:
        """How events name a person: without the name, so that it can be erased."""
        return f"Person {self.pk}"

    @property
    def first_name(self) -> str:
        """What the hub calls a person in a sentence."""
        return self.name.split(" ")[0] if self.name else self.email

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @cached_property
    def team_ids(self) -> list[int]:
        """Teams this person is in today; fetched once, for one request's life."""
        return list(self.memberships.current().values_list("team_id", flat=True))

    @property
    def is_guest(self) -> bool:
        """Has no account and no way in."""
        return self.role == Role.GUEST

    @property
    def is_staff(self) -> bool:
        """May enter admin."""
        return self.is_active and (self.is_superuser or self.role in (Role.PRODUCT_OPS, Role.ADMIN))


class Audience(models.Model):
    """Readers of the same kind, of any role: executives, engineering, customer-facing."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    members = models.ManyToManyField(User, blank=True, related_name="audiences")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def _monday_to_friday() -> list[int]:
    return list(periods.MONDAY_TO_FRIDAY)


class WorkCalendar(models.Model):
    """When people work: hours, weekdays, holidays; in the time zone of whichever team has it."""

    WEEKDAYS = (
        (0, "Monday"),
        (1, "Tuesday"),
        (2, "Wednesday"),
        (3, "Thursday"),
        (4, "Friday"),
        (5, "Saturday"),
        (6, "Sunday"),
    )

    name = models.CharField(max_length=80, unique=True)
    opens_hour = models.PositiveSmallIntegerField(
        "from",
        default=periods.WORKDAY_STARTS_HOUR,
        validators=[MinValueValidator(periods.EARLIEST_HOUR)],
        help_text="Full hour, local time of the team; 4 at the earliest.",
    )
    closes_hour = models.PositiveSmallIntegerField(
        "to",
        default=periods.WORKDAY_ENDS_HOUR,
        validators=[MaxValueValidator(periods.LATEST_HOUR)],
        help_text="22 at the latest: clocks are put forward and back at night.",
    )
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(choices=WEEKDAYS), default=_monday_to_friday
    )
    country = models.CharField(
        max_length=2, blank=True, help_text="Two letters, like NL: whose public holidays count."
    )
    region = models.CharField(
        max_length=10, blank=True, help_text="A part of it with holidays of its own, like BY."
    )
    is_default = models.BooleanField(
        "company's calendar", default=False, help_text="Counts for teams that have no other."
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    opens_hour__gte=periods.EARLIEST_HOUR,
                    closes_hour__lte=periods.LATEST_HOUR,
                    closes_hour__gt=models.F("opens_hour"),
                ),
                name="calendar_hours",
                violation_error_message="Enter an end after the beginning, between 4 and 22.",
            ),
            # a week without a working day would never end a promise
            models.CheckConstraint(
                condition=models.Q(weekdays__len__gt=0),
                name="calendar_has_days",
                violation_error_message="Choose a weekday.",
            ),
            # the company has one
            models.UniqueConstraint(
                fields=["is_default"],
                condition=models.Q(is_default=True),
                name="calendar_default_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Holiday(models.Model):
    """A day on which nobody works."""

    calendar = models.ForeignKey(WorkCalendar, on_delete=models.CASCADE, related_name="holidays")
    on = models.DateField()
    name = models.CharField(max_length=120)

    class Meta:
        ordering = ["on"]
        constraints = [
            models.UniqueConstraint(
                fields=["calendar", "on"],
                name="holiday_once",
                violation_error_message="This day is in the calendar already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.on}"


class Team(models.Model):
    """A product team and the area it answers for."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80, unique=True)
    mission = models.CharField(max_length=240, blank=True, help_text="What it answers for.")
    channel = models.CharField(max_length=80, blank=True, help_text="Slack channel, with #.")
    time_zone = models.CharField(
        max_length=64, default="Europe/Amsterdam", validators=[check_time_zone]
    )
    calendar = models.ForeignKey(
        WorkCalendar,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="teams",
        help_text="Its working hours and holidays. Empty: the company's calendar.",
    )
    lead = models.ForeignKey(
        User,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="leads",
        help_text="The PM whom requests for this team go to.",
    )
    takes_requests = models.BooleanField(default=True, help_text="Offered as a product area.")
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("accounts:team", args=[self.slug])

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Memberships by date."""

    def on(self, day: Any) -> "MembershipQuerySet":
        """Those that hold on a day: from inclusive, to exclusive."""
        return self.filter(from_on__lte=day).filter(
            models.Q(to_on__isnull=True) | models.Q(to_on__gt=day)
        )

    def current(self) -> "MembershipQuerySet":
        return self.on(timezone.localdate())


class Membership(models.Model):
    """A person in a team for a time; closed, never deleted, so that past numbers stay true."""

    class Duty(models.TextChoices):
        PM = "pm", "Product manager"
        ENGINEERING = "engineering", "Engineering"
        DESIGN = "design", "Design"
        DATA = "data", "Data"
        MEMBER = "member", "Member"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    duty = models.CharField(max_length=20, choices=Duty.choices, default=Duty.MEMBER)
    from_on = models.DateField("from", default=timezone.localdate)
    to_on = models.DateField("to", null=True, blank=True, help_text="First day outside the team.")
    from_directory = models.BooleanField(
        default=False, editable=False, help_text="Kept by single sign-on groups."
    )

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ["team__name", "user__name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(to_on__isnull=True) | models.Q(to_on__gt=models.F("from_on")),
                name="membership_ends_after_start",
                violation_error_message="Enter an end after the start.",
            ),
            # a person is in a team once at a time
            models.UniqueConstraint(
                fields=["user", "team"],
                condition=models.Q(to_on__isnull=True),
                name="membership_open_once",
                violation_error_message="This person is in this team already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"

    @property
    def reference(self) -> str:
        """How events name it: without the person's name, see `User.reference`."""
        return f"Person {self.user_id} in team {self.team_id}"


class GroupMapping(models.Model):
    """What a group of the single sign-on directory means here."""

    group = models.CharField(max_length=200, unique=True, help_text="As the directory writes it.")
    role = models.CharField(
        max_length=20,
        choices=ROLES_WITH_ACCOUNT,
        blank=True,
        help_text="Of several groups the most able role wins, at each sign-in.",
    )
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE)
    audience = models.ForeignKey(Audience, null=True, blank=True, on_delete=models.CASCADE)

    class Meta:
        ordering = ["group"]
        verbose_name = "directory group"

    def __str__(self) -> str:
        return self.group


class UnsentForm(models.Model):
    """A form that arrived after its session had ended; see `accounts.unsent`. Gone in an hour."""

    key_hash = models.CharField(max_length=64, help_text="Of the key that the browser holds.")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    sealed = models.TextField(help_text="Address and fields, encrypted.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # what waits at one browser
            models.Index(fields=["key_hash"], name="unsent_browser"),
            # forget_old
            models.Index(fields=["created_at"], name="unsent_age"),
        ]

    def __str__(self) -> str:
        return f"Form {self.pk}"


ROLE_ORDER = {role: rank for rank, role in enumerate(Role.values)}


def highest_role(roles: Iterable[str]) -> str | None:
    """The most able of several roles, or None when there is none."""
    known = [role for role in roles if role in ROLE_ORDER]
    return max(known, key=ROLE_ORDER.__getitem__) if known else None
