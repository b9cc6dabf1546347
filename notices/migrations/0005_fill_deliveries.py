from django.db import migrations
from django.db.models import F

OLD_ATTEMPTS = 10


def to_deliveries(apps, schema_editor):
    """The mail's slip moves from the notice to a row of its own; what was asked and read is done."""
    Notice = apps.get_model("notices", "Notice")
    Delivery = apps.get_model("notices", "Delivery")
    mailed = Notice.objects.filter(mail_wanted=True).order_by("pk")
    for notices in batches(mailed):
        Delivery.objects.bulk_create(
            Delivery(
                notice_id=notice.pk,
                channel="mail",
                status=(
                    "sent"
                    if notice.mailed_at
                    else "failed" if notice.mail_attempts >= OLD_ATTEMPTS else "waiting"
                ),
                due_at=notice.release_at,
                claimed_at=None if notice.mailed_at else notice.mail_claimed_at,
                attempts=notice.mail_attempts,
                sent_at=notice.mailed_at,
                error=notice.mail_error,
            )
            for notice in notices
        )
    Notice.objects.filter(is_action=True, read_at__isnull=False).update(done_at=F("read_at"))


def to_columns(apps, schema_editor):
    """The way back: each notice carries its mail's slip again; other channels are forgotten."""
    Notice = apps.get_model("notices", "Notice")
    Delivery = apps.get_model("notices", "Delivery")
    Notice.objects.update(mail_wanted=False)
    for deliveries in batches(Delivery.objects.filter(channel="mail").order_by("pk")):
        Notice.objects.bulk_update(
            [
                Notice(
                    pk=delivery.notice_id,
                    mail_wanted=delivery.status != "dropped",
                    mail_claimed_at=delivery.claimed_at,
                    mailed_at=delivery.sent_at,
                    mail_attempts=delivery.attempts,
                    mail_error=delivery.error,
                )
                for delivery in deliveries
            ],
            ["mail_wanted", "mail_claimed_at", "mailed_at", "mail_attempts", "mail_error"],
        )


def batches(rows, size=2000):
    """Rows in lists, read in order of their keys."""
    last = 0
    while found := list(rows.filter(pk__gt=last)[:size]):
        yield found
        last = found[-1].pk


class Migration(migrations.Migration):
    dependencies = [("notices", "0004_ways_out")]

    operations = [migrations.RunPython(to_deliveries, to_columns)]
