"""Every change of a request: one call, one transaction, one event."""

from intake.services.deciding import decide_request, ship_request
from intake.services.editing import EditedMeanwhile, edit_request
from intake.services.errors import (
    AlreadyDecided,
    AlreadyMerged,
    AlreadyTaken,
    CannotMerge,
    CannotUndo,
    NothingAsked,
    RequestError,
)
from intake.services.forms import FormFaults, copy_form, publish_form
from intake.services.merging import dismiss_pair, merge_requests, note_likely, unmerge_request
from intake.services.promises import (
    DECISION_PROMISE_DAYS,
    FIRST_ANSWER_PROMISE_DAYS,
    TRIAGE_PROMISE_DAYS,
    promise,
)
from intake.services.requests import (
    answer_question,
    ask_requester,
    comment_on_request,
    label_request,
    snooze_request,
    submit_request,
    triage_request,
    wake_request,
)
from intake.services.undo import UNDO_SECONDS, undo_action, window
from intake.services.voting import (
    follow_request,
    mute_request,
    unfollow_request,
    vote_for_request,
    withdraw_vote,
)

__all__ = [
    "DECISION_PROMISE_DAYS",
    "FIRST_ANSWER_PROMISE_DAYS",
    "TRIAGE_PROMISE_DAYS",
    "UNDO_SECONDS",
    "AlreadyDecided",
    "AlreadyMerged",
    "AlreadyTaken",
    "CannotMerge",
    "CannotUndo",
    "EditedMeanwhile",
    "FormFaults",
    "NothingAsked",
    "RequestError",
    "answer_question",
    "ask_requester",
    "comment_on_request",
    "copy_form",
    "decide_request",
    "dismiss_pair",
    "edit_request",
    "follow_request",
    "label_request",
    "merge_requests",
    "mute_request",
    "note_likely",
    "promise",
    "publish_form",
    "ship_request",
    "snooze_request",
    "submit_request",
    "triage_request",
    "undo_action",
    "unfollow_request",
    "unmerge_request",
    "vote_for_request",
    "wake_request",
    "window",
    "withdraw_vote",
]
