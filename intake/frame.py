"""Intake's numbers in the frame; they must say what the pages say (a test compares them)."""

from typing import Any

from accounts.models import Role
from accounts.permissions import is_pm
from producthub.lib.frame import register_count

_MINE = """
SELECT count(*) FROM intake_request
WHERE requester_id = %(user)s AND status IN ('new', 'triaged') AND merged_into_id IS NULL
"""
_WAITING = """
SELECT count(*) FROM intake_request
WHERE status = 'new' AND merged_into_id IS NULL AND asked_at IS NULL
    AND (snoozed_until IS NULL OR snoozed_until <= now())
"""
_LATE = _WAITING + " AND due_at < now()"
_MY_TEAMS = """
SELECT team_id FROM accounts_membership
WHERE user_id = %(user)s AND from_on <= %(today)s AND (to_on IS NULL OR to_on > %(today)s)
"""
# A PM looks after their own teams and what has none yet; without a team, after everything.
_IN_MY_AREA = f"""
AND (team_id IS NULL OR owner_id = %(user)s OR team_id IN ({_MY_TEAMS})
     OR NOT EXISTS ({_MY_TEAMS}))
"""

# Candidates that this person is asked to score and has neither scored nor passed.
_TO_SCORE = """
SELECT count(*) FROM intake_scoringsession s
JOIN intake_scoringsession_scorers p ON p.scoringsession_id = s.id AND p.user_id = %(user)s
JOIN intake_candidate c ON c.session_id = s.id AND c.dropped_at IS NULL
JOIN intake_request r ON r.id = c.request_id
    AND r.status IN ('new', 'triaged') AND r.merged_into_id IS NULL
WHERE s.stage = 'score' AND (s.closes_at IS NULL OR s.closes_at > now())
    AND NOT EXISTS (SELECT FROM intake_score g
                    WHERE g.candidate_id = c.id AND g.scorer_id = %(user)s)
"""


def _has_area(user: Any) -> bool:
    return is_pm(user) and user.role == Role.PM


def _sees_all(user: Any) -> bool:
    return is_pm(user) and user.role != Role.PM


def register() -> None:
    """Called once from `ready()`."""
    register_count("mine", _MINE, lambda user: True)
    register_count("triage", _WAITING + _IN_MY_AREA, _has_area)
    register_count("late", _LATE + _IN_MY_AREA, _has_area)
    register_count("triage_all", _WAITING, _sees_all)
    register_count("late_all", _LATE, _sees_all)
    register_count("to_score", _TO_SCORE, is_pm)
