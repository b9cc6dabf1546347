"""Fields of a feature that a request has too: its name, and its owner by mail address."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.db.models.functions import Lower

from accounts.models import User
from integrations import circuit
from integrations.coming_back import Mover, move_with
from integrations.errors import CredentialsRefused, UpstreamError
from integrations.models import SharedField, Source
from integrations.productboard.coming_back import FEATURE
from integrations.productboard.sync import ProductboardSync, single_reader
from integrations.shared_fields import Adapter, Reading, register, title_of
from planning.models import ProductEntity

PB = Source.PRODUCTBOARD


def _readings(upstream_ids: Collection[str]) -> dict[str, Reading]:
    entities = list(ProductEntity.objects.filter(source=PB, upstream_id__in=upstream_ids))
    mails = {entity.owner_email.lower() for entity in entities} - {""}
    people = (
        dict(
            User.objects.annotate(mail=Lower("email"))
            .filter(mail__in=mails)
            .values_list("mail", "pk")
        )
        if mails
        else {}
    )
    found = {}
    for entity in entities:
        values: dict[str, str] = {SharedField.TITLE: title_of(entity.name)}
        mail = entity.owner_email.lower()
        if not mail or mail in people:
            values[SharedField.OWNER] = str(people.get(mail, ""))
        is_gone = entity.deleted_at is not None or entity.is_archived
        found[entity.upstream_id] = Reading(values, entity.upstream_updated_at, is_gone)
    return found


def _versions(upstream_ids: Collection[str]) -> dict[str, str]:
    entities = ProductEntity.objects.filter(source=PB, upstream_id__in=upstream_ids).order_by()
    return {
        upstream_id: at.isoformat()
        for upstream_id, at in entities.values_list("upstream_id", "upstream_updated_at")
    }


def _write(upstream_id: str, field: str, value: str) -> None:
    if field == SharedField.OWNER:
        owner = User.objects.filter(pk=int(value)).first()
        if owner is None or not owner.email:
            raise UpstreamError("The owner has no mail address that Productboard could know.")
        fields: dict[str, object] = {"owner": {"email": owner.email}}
    else:
        fields = {"name": value}
    with _reader() as reader:
        reader.client.update_entity(upstream_id, fields)


def _move(upstream_id: str, status: str) -> None:
    with _reader() as reader:
        reader.client.update_entity(upstream_id, {"status": {"name": status}})


def _read(upstream_id: str) -> None:
    with _reader() as reader:
        reader.read_again(upstream_id)


@contextmanager
def _reader() -> Iterator[ProductboardSync]:
    """What Productboard refuses, all workers learn."""
    circuit.require_closed(PB)
    with single_reader() as reader:
        try:
            yield reader
        except CredentialsRefused as error:
            circuit.refused(PB, str(error))
            raise


register(
    Adapter(
        PB,
        FEATURE,
        (SharedField.TITLE, SharedField.OWNER),
        _readings,
        _versions,
        read=_read,
        write=_write,
    )
)
move_with(PB, Mover(_read, _move))
