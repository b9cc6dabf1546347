"""Changes that came too late or make no sense; the texts are for people."""

from accounts.models import User
from planning.models import Decision


class RequestError(Exception):
    """A change that came too late or makes no sense; the text is for the person."""


class AlreadyDecided(RequestError):
    """Someone got there first."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        super().__init__(
            f"{decision.decided_by} decided this first: {decision.get_outcome_display()}."
        )


class AlreadyMerged(RequestError):
    """It joined another request since this page was read."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"This was merged into {reference} a moment ago. Act on that one instead.")


class AlreadyTaken(RequestError):
    """Someone else was made the owner since this page was read."""

    def __init__(self, owner: User) -> None:
        self.owner = owner
        super().__init__(f"{owner} took this first. Assign it again if it should change hands.")


class NothingAsked(RequestError):
    """There is no open question to answer."""


class CannotMerge(RequestError):
    """These two cannot become one; the text says why and what to do."""


class CannotReopen(RequestError):
    """It was looked at again already, or was never declined."""


class CannotUndo(RequestError):
    """Too late, or something else happened since."""
