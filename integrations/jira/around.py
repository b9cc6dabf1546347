"""What stands around the issues and is read now and then: boards, sprints, versions, people.

Its changes do not show in issues. A webhook about one of them makes it due at once.
"""

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integrations import runs
from integrations.errors import (
    CredentialsRefused,
    NotFound,
    RateLimited,
    RetryableUpstreamError,
    UpstreamError,
)
from integrations.jira.boards import read_boards, read_versions
from integrations.jira.client import JiraClient, JiraConfig
from integrations.jira.people import read_people
from integrations.jira.related import read_work_logs
from integrations.models import Source, SourceState

# A reader returns False when there is nothing to go by yet.
Reader = Callable[..., bool]
PARTS: dict[str, tuple[timedelta, str, Reader]] = {
    "boards": (timedelta(minutes=30), "Boards and sprints", read_boards),
    "versions": (timedelta(hours=1), "Versions", read_versions),
    "worklogs": (timedelta(minutes=10), "Work logs", read_work_logs),
    "people": (timedelta(hours=24), "Accounts", read_people),
}
# A full run that goes on after a pause does not begin with all of it again.
JUST_READ = timedelta(minutes=5)


# These go by what issues are here.
AFTER_ISSUES = frozenset({"versions", "worklogs"})


def read_due(
    client: JiraClient,
    config: JiraConfig,
    state: SourceState,
    *,
    is_full: bool,
    after_issues: bool = False,
) -> str:
    """Read the parts that are due, all of them in a full run; issues do not wait for any.

    Returns sentences about what could not be read, or "". Raises CredentialsRefused, and before
    the issues RateLimited; after them a pause is no reason to read them all again.
    """
    troubles = ""
    for name, (every, label, read) in PARTS.items():
        if (name in AFTER_ISSUES) != after_issues:
            continue
        wait = JUST_READ if is_full else every
        began = timezone.now()
        kept = parse_datetime(state.parts.get(name, ""))
        if kept is not None and began - kept < wait:
            continue
        try:
            if not read(client, config, is_full=is_full or kept is None):
                continue
        except CredentialsRefused:
            raise
        except RateLimited as pause:
            if not after_issues:
                raise
            troubles += f" {label} were not read: {pause}"
            continue
        except NotFound:
            pass  # the site does not have it
        except RetryableUpstreamError as error:
            troubles += f" {label} were not read: {error}"
            continue
        except UpstreamError as error:
            troubles += f" {label} were not read: {error}"
        runs.keep_part(state, **{name: began.isoformat()})
    return troubles


def make_due(*names: str) -> None:
    """Have the next run read these parts."""
    # Not forgotten when they were read: the first reading takes closed sprints too.
    past = (timezone.now() - timedelta(days=30)).isoformat()
    for state in SourceState.objects.filter(source=Source.JIRA):
        runs.keep_part(state, **{name: past for name in names if name in state.parts})
