"""The Celery app and the one beat schedule."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "producthub.settings")

app = Celery("producthub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Tasks log under the request id of the page that asked for them.
app.steps["worker"].add(DjangoStructLogInitStep)


@worker_init.connect
def follow_search(**kwargs: Any) -> None:
    """A worker's machine keeps search files too, as tasks look for duplicates."""
    from producthub.following import keep_follower

    keep_follower()


@setup_logging.connect
def use_django_logging(**kwargs: Any) -> None:
    """Keep Django's structured logging instead of Celery's own format."""


# Fills django-celery-beat's tables where a row is missing; what an admin changed stays.
# Each entry: task name, every how many seconds, and the sentence shown beside it in admin.
SCHEDULES: dict[str, tuple[str, int, str]] = {
    # Every 5 minutes: read what changed in Jira.
    "Sync Jira": ("integrations.tasks.sync_jira", 300, "Reads what changed in Jira."),
    # Every 5 minutes: read what changed in Productboard; everything once a day.
    "Sync Productboard": (
        "integrations.tasks.sync_productboard",
        300,
        "Reads what changed in Productboard, and once a day everything.",
    ),
    # Every minute: take what is new in the mailbox.
    "Read mail": ("integrations.tasks.sync_mail", 60, "Takes what is new in the mailbox."),
    # Every 10 minutes: read who is in Slack and what is new in picked channels.
    "Sync Slack": (
        "integrations.tasks.sync_slack",
        600,
        "Reads who is in Slack and what is new in picked channels, and once a day compares all.",
    ),
    # Every 5 minutes: post the daily digests of channels whose time has come.
    "Send digests to Slack": (
        "integrations.tasks.send_slack_digests",
        300,
        "Posts what was asked, decided and delivered, once each working day, where Product Ops"
        " wants it.",
    ),
    # Every day: forget messages that are older than their channel keeps.
    "Forget old messages": (
        "integrations.tasks.forget_old_messages",
        86_400,
        "Deletes messages of Slack that are older than Product Ops has their channel keep.",
    ),
    # Every 30 seconds: do in other systems what was left behind.
    "Send waiting deliveries": (
        "integrations.tasks.send_waiting_deliveries",
        30,
        "Does in Jira, Productboard and Slack what is due and was left behind.",
    ),
    # Every 30 seconds: work on what other systems sent.
    "Handle waiting messages": (
        "integrations.tasks.handle_waiting_messages",
        30,
        "Works on webhooks, events and mails that were left behind.",
    ),
    # Every day: next year's public holidays come into the calendars of teams.
    "Add coming holidays": (
        "accounts.tasks.add_coming_holidays",
        86_400,
        "Adds the public holidays of this and next year to calendars that have none of them.",
    ),
    # Every hour: remind of second looks at decisions.
    "Remind of second looks": (
        "planning.tasks.remind_of_second_looks",
        3600,
        "Reminds who decided that a second look is due, once, and after a week who leads them.",
    ),
    # Every minute: hand out events whose handlers did not finish.
    "Dispatch missed events": (
        "activity.tasks.dispatch_missed_events",
        60,
        "Hands out events whose handlers did not finish, for example after a crash.",
    ),
    # Every hour: look again for likely duplicates of what is open.
    "Look again for duplicates": (
        "intake.tasks.find_likely_again",
        3600,
        "Looks once more for likely duplicates of open requests, now that the engine knows more.",
    ),
    # Every 5 minutes: watch over promises and silence.
    "Watch promises": (
        "intake.tasks.watch_promises",
        300,
        "Warns before a promise breaks, tells when one did, and raises a task where nobody heard.",
    ),
    # Every 2 minutes: go on with files that a dead worker left.
    "Resume imports": (
        "intake.tasks.resume_imports",
        120,
        "Goes on with files whose import stopped, for example after a crash.",
    ),
    # Every minute: send mails that were left behind.
    "Send waiting mails": (
        "notices.tasks.send_waiting_mails",
        60,
        "Sends mails that were left behind, for example while the mail server was away.",
    ),
    # Every 5 minutes: send the daily digests of those whose morning it is.
    "Send digests": (
        "notices.tasks.send_digests",
        300,
        "Sends each person one mail at 8:00 of a working day, in their own time zone.",
    ),
    # Every minute: make vectors of texts that were left behind.
    "Compare texts by meaning": (
        "search.tasks.embed_texts",
        60,
        "Makes vectors of texts that have none yet, for example after a crash.",
    ),
    # Every 10 minutes: learn from merges.
    "Learn from merges": (
        "search.tasks.learn_from_merges",
        600,
        "Weighs words and meaning by what was merged, so that likely duplicates come first.",
    ),
    # Every 10 minutes: erase forms whose senders did not come back.
    "Forget unsent forms": (
        "accounts.tasks.forget_unsent_forms",
        600,
        "Erases what people sent after their session had ended and did not come back for.",
    ),
    # Every day: forget vectors of texts that are gone.
    "Tidy search": (
        "search.tasks.tidy_search",
        86_400,
        "Deletes vectors of texts that are gone, and traces of what was forgotten long ago.",
    ),
    # Every 10 minutes: bring the measures up to date.
    "Compute metrics": (
        "metrics.tasks.compute_metrics",
        600,
        "Folds new events into the measures and their headline figures.",
    ),
    # Every hour: count drafts that were left behind.
    "Abandon idle drafts": (
        "intake.tasks.abandon_drafts",
        3600,
        "Counts drafts as left behind that nobody touched for a day; their words stay.",
    ),
    # Every minute: open the scores of sessions whose time has come, and remind who misses some.
    "Watch scoring sessions": (
        "intake.tasks.watch_sessions",
        60,
        "Opens scores at their closing time, and reminds scorers four hours before.",
    ),
    # Every day: remove files that were never sent.
    "Remove loose files": (
        "intake.tasks.remove_loose_files",
        86_400,
        "Removes files that were put on a form and never sent, after a week.",
    ),
    # Every hour: forget what strangers sent and never confirmed.
    "Expire open submissions": (
        "intake.tasks.expire_submissions",
        3600,
        "Forgets what came through open forms and was not confirmed within two days.",
    ),
}
