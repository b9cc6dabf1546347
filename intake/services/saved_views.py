"""Views of the queue that people name for themselves."""

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.permissions import require
from intake.models import SavedView
from intake.permissions import can_triage
from intake.services.errors import RequestError

MAX_SAVED_VIEWS = 20


class NameTaken(RequestError):
    """Another view of this person has the name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"You have a view called {name}. Choose another name.")


@transaction.atomic
def save_view(*, person: User, name: str, query: str) -> SavedView:
    """Keep the filters of the queue under a name. Raises NameTaken, RequestError for too many,
    PermissionDenied for non-PMs."""
    require(can_triage(person), "Only product managers work the queue.")
    held = SavedView.objects.filter(person=person)
    if held.count() >= MAX_SAVED_VIEWS:
        raise RequestError(f"You have {MAX_SAVED_VIEWS} views. Remove one first.")
    try:
        with transaction.atomic():
            return SavedView.objects.create(person=person, name=name, query=query)
    except IntegrityError as error:
        raise NameTaken(name) from error


@transaction.atomic
def rename_view(*, view: SavedView, person: User, name: str) -> SavedView:
    """Give one's own view another name. Raises NameTaken, PermissionDenied for others' views."""
    require(view.person_id == person.pk, "This view is somebody else's.")
    view.name = name
    try:
        with transaction.atomic():
            view.save(update_fields=["name"])
    except IntegrityError as error:
        raise NameTaken(name) from error
    return view


def remove_view(*, view: SavedView, person: User) -> None:
    """Forget one's own view. Repeatable."""
    require(view.person_id == person.pk, "This view is somebody else's.")
    SavedView.objects.filter(pk=view.pk).delete()
