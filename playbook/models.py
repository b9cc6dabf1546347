"""How we work, page by page, and the tools that people work with."""

import re
from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, Team
from accounts.permissions import is_product_ops

# A web page, a mail address, or a page of the hub. Two slashes would lead to another host.
TOOL_ADDRESS = r"^(https?://[^\s/]|mailto:[^\s@]+@[^\s@]|/([^/\\\s]|$))[^\s]*$"


def check_tool_address(value: str) -> None:
    """Refuse addresses that run scripts or lead nowhere."""
    if not re.match(TOOL_ADDRESS, value, re.IGNORECASE):
        raise ValidationError(
            "Enter an address that starts with https://, http:// or mailto:,"
            " or a page of the hub that starts with one slash."
        )


class Category(models.TextChoices):
    """What a tool is for."""

    DECIDING = "deciding", "Deciding"
    BUILDING = "building", "Building"
    RESEARCH = "research", "Research"
    NUMBERS = "numbers", "Numbers"
    TALKING = "talking", "Talking"


class ToolStatus(models.TextChoices):
    """Whether to start with it."""

    IN_USE = "in_use", "In use"
    TRIAL = "trial", "On trial"
    RETIRING = "retiring", "Retiring"


STATES = {
    ToolStatus.IN_USE: ("In use", "good", "check"),
    ToolStatus.TRIAL: ("On trial", "info", "eye"),
    ToolStatus.RETIRING: ("Retiring", "warn", "clock"),
}


class Tool(models.Model):
    """Something people work with, who answers for it, and how to get in."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    glyph = models.CharField(
        max_length=2, blank=True, help_text="Two letters. Empty: the first two of the name."
    )
    purpose = models.CharField(max_length=160, help_text="What it is for, in a few words.")
    url = models.CharField(
        "address",
        max_length=500,
        validators=[check_tool_address],
        help_text="https://, mailto: or a page of the hub such as /work/.",
    )
    access = models.TextField(
        "how to get access",
        max_length=2000,
        blank=True,
        help_text="Plain text. An empty line starts a paragraph.",
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="tools",
    )
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="tools"
    )
    category = models.CharField(max_length=12, choices=Category.choices, default=Category.BUILDING)
    status = models.CharField(max_length=10, choices=ToolStatus.choices, default=ToolStatus.IN_USE)
    order = models.PositiveSmallIntegerField(
        default=100, help_text="Small numbers first. The first eight in use stand on the home page."
    )

    class Meta:
        ordering = ["order", "name"]
        constraints = [
            # one tool a name, whatever its case
            models.UniqueConstraint(
                Lower("name"),
                name="tool_name_once",
                violation_error_message="A tool with this name exists already.",
            ),
            # links are drawn from this column: imports must not bring javascript: in either
            models.CheckConstraint(
                condition=models.Q(url__iregex=r"^(https?://|mailto:|/([^/\\]|$))"),
                name="tool_url_safe",
                violation_error_message="Enter an https, http, mailto or hub address.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("playbook:tool", args=[self.slug])

    def clean(self) -> None:
        self.name = self.name.strip()
        self.url = self.url.strip()
        self.glyph = (self.glyph.strip() or self.name[:2]).capitalize()

    @property
    def state(self) -> tuple[str, str, str]:
        """(word, tone, icon) of its tag."""
        return STATES[ToolStatus(self.status)]

    @property
    def letters(self) -> str:
        """Two letters that stand for it."""
        return self.glyph or self.name[:2].capitalize()

    @property
    def is_elsewhere(self) -> bool:
        """Leads out of the hub."""
        return not self.url.startswith("/")


BODY_LENGTH = 100_000
# The kind of pages in the text engine.
PAGE = "page"


class Readers(models.TextChoices):
    """Whom a page is for. Each includes those below it."""

    EVERYONE = "everyone", "Everyone"
    PMS = "pms", "Product managers"
    PRODUCT_OPS = "product_ops", "Product Ops"


READERS_OF_ROLE: dict[str, list[str]] = {
    Role.STAKEHOLDER: [Readers.EVERYONE],
    Role.PM: [Readers.EVERYONE, Readers.PMS],
    Role.PRODUCT_OPS: list(Readers.values),
    Role.ADMIN: list(Readers.values),
}


class ArticleQuerySet(models.QuerySet["Article"]):
    """Filters; every list, search and suggestion starts from `visible_to`."""

    def visible_to(self, user: Any) -> "ArticleQuerySet":
        """Published pages that are for this person, titles and counts included."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        return self.filter(is_published=True, visible_to__in=READERS_OF_ROLE.get(user.role, []))

    def open_to(self, user: Any) -> "ArticleQuerySet":
        """What this person may open by its address: drafts too for those who write them."""
        return self if is_product_ops(user) else self.visible_to(user)


class Article(models.Model):
    """A playbook page: how something is done here, in Markdown."""

    slug = models.SlugField(
        max_length=80, unique=True, help_text="The end of its address: /playbook/launch-checklist/."
    )
    title = models.CharField(max_length=120, validators=[ProhibitNullCharactersValidator()])
    body = models.TextField(
        "text",
        max_length=BODY_LENGTH,
        validators=[ProhibitNullCharactersValidator(), MaxLengthValidator(BODY_LENGTH)],
        help_text="Markdown: ## heading, **bold**, - list, - [ ] step, [words](https://address),"
        " tables, and > [!NOTE] or > [!WARNING] for a callout. HTML is shown as it is typed.",
    )
    is_published = models.BooleanField(
        "published", default=False, help_text="Off: a draft that Product Ops alone can open."
    )
    visible_to = models.CharField(max_length=12, choices=Readers.choices, default=Readers.EVERYONE)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="articles",
    )
    updated_at = models.DateTimeField(
        "changed", default=timezone.now, editable=False, help_text="When its words last changed."
    )
    search_vector = models.GeneratedField(
        expression=SearchVector("title", weight="A", config="english")
        + SearchVector("body", weight="B", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = ArticleQuerySet.as_manager()

    class Meta:
        verbose_name = "playbook page"
        ordering = ["title"]
        constraints = [
            # one page a title, whatever its case
            models.UniqueConstraint(
                Lower("title"),
                name="article_title_once",
                violation_error_message="A page with this title exists already.",
            ),
        ]
        indexes = [
            # search by words
            GinIndex(fields=["search_vector"], name="article_words"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("playbook:article", args=[self.slug])

    def clean(self) -> None:
        self.title = " ".join(self.title.split())
        if not self.title:
            raise ValidationError({"title": "Enter a title that says what the page is about."})

    @property
    def reference(self) -> str:
        """How events name it: without the title, which not everyone may read."""
        return f"Page {self.pk}"

    @property
    def is_for_everyone(self) -> bool:
        return self.visible_to == Readers.EVERYONE
