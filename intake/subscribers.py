"""What follows from events about requests."""

from activity.events import on
from intake.likely import look_for
from intake.notices import announce, confirm
from intake.reviewing import tell_reviewers

ANNOUNCED = (
    "request.routed",
    "request.triaged",
    "request.reassigned",
    "request.asked",
    "request.answered",
    "request.commented",
    "request.decided",
    "request.reopened",
    "request.begun",
    "request.shipped",
    "request.merged",
    "request.unmerged",
)


def subscribe() -> None:
    """Called once from `ready()`."""
    on("request.submitted", confirm)
    on("request.submitted", look_for)
    on("submission.confirmed", tell_reviewers)
    for kind in ANNOUNCED:
        on(kind, announce)
