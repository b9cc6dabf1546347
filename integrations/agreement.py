"""What follows when a field is looked at on both sides. Pure: no database, no network, no clock."""

from enum import Enum


class Step(Enum):
    """What to do about one field."""

    NOTHING = "nothing"
    AGREE = "agree"
    SEND = "send"
    TAKE = "take"
    ASK = "ask"


def step(
    *,
    here: str,
    there: str,
    agreed_here: str,
    agreed_there: str,
    has_agreed: bool,
    owner: str,
) -> Step:
    """What a look at both sides leads to, by who owns the field ("hub", "upstream", "ask").

    A side has changed when it says something else than when they last agreed; they may have
    agreed to differ. So a value that the other side writes in its own way is not sent again.
    """
    if here == there:
        return Step.AGREE
    changed_here, changed_there = here != agreed_here, there != agreed_there
    if owner == "ask":
        if changed_here and changed_there:
            return Step.ASK
        if changed_here:
            return Step.SEND
        return Step.TAKE if changed_there else Step.NOTHING
    if has_agreed and not changed_here and not changed_there:
        return Step.NOTHING
    return Step.SEND if owner == "hub" else Step.TAKE
