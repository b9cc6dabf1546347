from django.db import migrations
from django.db.models import F, OuterRef, Subquery


def fill(apps, schema_editor):
    """Notices from before the outbox were released when written; their subject is the event's."""
    Notice = apps.get_model("notices", "Notice")
    Event = apps.get_model("activity", "Event")
    event = Event.objects.filter(pk=OuterRef("event_id"))
    Notice.objects.update(release_at=F("created_at"))
    known = Notice.objects.filter(event_id__in=Event.objects.values("pk"))
    known.update(
        subject_type=Subquery(event.values("subject_type")[:1]),
        subject_id=Subquery(event.values("subject_id")[:1]),
        subject_label=Subquery(event.values("subject_label")[:1]),
    )


class Migration(migrations.Migration):
    dependencies = [("notices", "0002_outbox"), ("activity", "0002_events_never_change")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
