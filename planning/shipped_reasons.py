"""Why requests are usually declined or put off. Product Ops changes these in admin from there."""

from typing import Any

CODES = (
    ("not-aligned", "Not where we are going", "It does not serve an objective we have."),
    ("too-few", "Too few are affected", "The people it helps are few, or it happens rarely."),
    ("too-costly", "Costs more than it brings", "The effort is out of proportion."),
    ("possible", "Already possible", "It can be done today; say how."),
    ("duplicate", "Other work covers it", "Something on the way solves the same need."),
    ("wrong-time", "Right idea, wrong time", "Something else has to come first; say what."),
    ("unclear", "Not clear enough yet", "We asked and still do not know the need."),
    ("cannot", "We may not or cannot", "Law, contract or technology stands against it."),
    ("not-ours", "Not ours to decide", "It belongs to another part of the company; say which."),
)


def install(reason_codes: Any) -> None:
    """Add those that are missing, to the model given: migrations pass the one of their time."""
    for position, (code, name, help) in enumerate(CODES, start=1):
        reason_codes.objects.get_or_create(
            code=code, defaults={"name": name, "help": help, "position": position * 10}
        )
