"""What was told before the outbox and the channels came stays told."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from activity.events import record
from tests.factories import make_user

OLD, NEW = [("notices", "0001_initial")], [("notices", "0007_settled")]


def migrate(target):
    executor = MigrationExecutor(connection)
    executor.migrate(target)
    return executor.loader.project_state(target).apps.get_model


@pytest.mark.django_db(transaction=True)
def test_old_slips_become_deliveries_and_the_way_back_works():
    ada = make_user()
    event = record("test.happened", ada)
    past = timezone.now() - timedelta(days=3)
    try:
        old = migrate(OLD)("notices", "Notice")
        for number, fields in enumerate(
            (
                {"mailed_at": past, "mail_attempts": 1},
                {"mail_attempts": 3, "mail_error": "gone"},
                {"mail_attempts": 10, "mail_error": "gave up"},
                {"mail_wanted": False, "is_action": True, "read_at": past},
            )
        ):
            old.objects.create(
                recipient_id=ada.pk,
                event_id=event.pk if number == 0 else 10**6 + number,
                kind="x",
                title=f"N{number}",
                url="/",
                created_at=past,
                **fields,
            )
        get = migrate(NEW)
        notices = list(get("notices", "Notice").objects.order_by("pk"))
        assert {notice.release_at for notice in notices} == {past}
        assert [notice.subject_id for notice in notices] == [ada.pk, None, None, None]
        assert [notice.done_at for notice in notices] == [None, None, None, past]
        rows = get("notices", "Delivery").objects.order_by("notice_id")
        assert list(rows.values_list("notice__title", "channel", "status", "sent_at", "error")) == [
            ("N0", "mail", "sent", past, ""),
            ("N1", "mail", "waiting", None, "gone"),
            ("N2", "mail", "failed", None, "gave up"),
        ]
        old = migrate(OLD)("notices", "Notice")
        back = old.objects.order_by("pk").values_list("mail_wanted", "mailed_at", "mail_attempts")
        assert list(back) == [(True, past, 1), (True, None, 3), (True, None, 10), (False, None, 0)]
    finally:
        migrate(NEW)
