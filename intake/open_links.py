"""Signed addresses for people without an account, and the mails that carry them."""

from email.utils import formataddr

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from intake.models import OpenSubmission, Request

CONFIRM = "intake.open.confirm"
STATUS = "intake.open.status"
CONFIRM_SECONDS = 48 * 3600
# What a mail says, by its kind: subject and template.
MAILS = {
    "confirm": "Confirm what you sent: {title}",
    "refused": "Not taken up: {title}",
}


def confirm_path(submission: OpenSubmission) -> str:
    """Confirms the sender's address for two days."""
    token = signing.dumps(str(submission.key), salt=CONFIRM)
    return reverse("intake:open-confirm", args=[token])


def confirmed_key(token: str) -> str:
    """The submission that a link confirms. Raises signing.BadSignature, SignatureExpired."""
    return str(signing.loads(token, salt=CONFIRM, max_age=CONFIRM_SECONDS))


def status_path(submission: OpenSubmission) -> str:
    """Where its sender sees how it stands."""
    return reverse("intake:open-status", args=[signing.dumps(f"s:{submission.key}", salt=STATUS)])


def status_path_of(item: Request) -> str:
    """The same for a request whose requester has no account."""
    return reverse("intake:open-status", args=[signing.dumps(f"r:{item.pk}", salt=STATUS)])


def status_subject(token: str) -> tuple[OpenSubmission | None, Request | None]:
    """What a status link stands for; both None for a bent one or one that is gone."""
    try:
        what, _, name = str(signing.loads(token, salt=STATUS)).partition(":")
    except signing.BadSignature:
        return None, None
    if what == "s":
        found = OpenSubmission.objects.select_related("request", "form").filter(key=name).first()
        return found, found.request if found else None
    return None, Request.objects.defer("search_vector").filter(pk=name).first()


def send_mail(submission: OpenSubmission, kind: str) -> None:
    """Mail the sender. Raises OSError while the mail server is away."""
    path = confirm_path(submission) if kind == "confirm" else status_path(submission)
    title = " ".join(submission.title.split())
    context = {"submission": submission, "title": title, "link": settings.BASE_URL + path}
    EmailMessage(
        subject=MAILS[kind].format(title=title)[:200],
        body=render_to_string(f"emails/open_{kind}.txt", context),
        to=[formataddr((submission.name, submission.email))],
        headers={"Auto-Submitted": "auto-generated"},
    ).send()
