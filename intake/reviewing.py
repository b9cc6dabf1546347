"""Who hears that something waits for review."""

from django.urls import reverse

from accounts.models import Role, User
from activity.models import Event
from intake.models import OpenSubmission
from notices.services import Message, notify


def tell_reviewers(event: Event) -> None:
    """The form's owner hears of it, Product Ops where it has none. Repeatable."""
    found = OpenSubmission.objects.select_related("form__owner").filter(pk=event.subject_id).first()
    if found is None or found.state != OpenSubmission.State.HELD:
        return
    owner = found.form.owner
    if owner is not None and owner.is_active:
        people = [owner]
    else:
        people = list(User.objects.inside().filter(role=Role.PRODUCT_OPS))
    message = Message(
        f"Waits for review: {found.title}",
        reverse("intake:held"),
        f"{found.name} sent it through the open form “{found.form.name}”.",
        is_action=True,
    )
    notify(event=event, recipients=people, message=message, channel_kind="assigned")
