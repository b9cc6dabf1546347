"""What only the integrations need of Productboard: its connections to Jira; who used it when."""

from django.db import models
from django.db.models.functions import Now

from integrations.models.syncing import Source


class JiraConnection(models.Model):
    """A Productboard entity and the Jira issue that Productboard says stands for it.

    Joined by `issue_id`, since keys change. The vendor gives no times: the whole list is read
    each run, and what is not in it any more was unlinked.
    """

    integration_id = models.TextField()
    integration_name = models.TextField(blank=True)
    is_enabled = models.BooleanField(default=True)
    entity_id = models.TextField()
    issue_id = models.TextField()
    issue_key = models.TextField(blank=True)
    first_seen_at = models.DateTimeField(db_default=Now())
    gone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["issue_key"]
        constraints = [
            # an entity has one connection an integration
            models.UniqueConstraint(
                fields=["integration_id", "entity_id"], name="jira_connection_once"
            ),
        ]
        indexes = [
            # from an issue to its entities
            models.Index(fields=["issue_id"], name="jira_connection_issue"),
        ]

    def __str__(self) -> str:
        return f"{self.issue_key} {self.entity_id}"


class MemberDay(models.Model):
    """What one member did in a source on one day (UTC): the source of tool adoption.

    In Slack there is a row a channel too: `place`. Distinct members are those active.
    """

    source = models.CharField(
        max_length=20,
        choices=Source.choices,
        default=Source.PRODUCTBOARD,
        db_default="productboard",
    )
    place = models.TextField(
        blank=True, default="", db_default="", help_text="Where in the source: a channel."
    )
    member_id = models.TextField()
    day = models.DateField()
    role = models.TextField(blank=True)
    is_active = models.BooleanField(default=False)
    counts = models.JSONField(default=dict, blank=True, help_text="How often, by what was done.")

    class Meta:
        ordering = ["-day"]
        constraints = [
            # one row a member and day in each place
            models.UniqueConstraint(
                fields=["source", "place", "member_id", "day"], name="member_day_once"
            ),
        ]
        indexes = [
            # active members of a period
            models.Index(
                fields=["source", "day"],
                name="member_day_active",
                condition=models.Q(is_active=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.day}"
