"""Spans know what the clock showed when they began. All that is kept here follows from events,
so it is dropped and made anew by the next run instead of being filled."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_company_calendar"),
        ("metrics", "0002_span_orders"),
    ]

    operations = [
        migrations.RunSQL(
            "DELETE FROM metrics_span; DELETE FROM metrics_figure; DELETE FROM metrics_fillstate",
            migrations.RunSQL.noop,
        ),
        migrations.AddField(
            "span",
            "start_reading",
            models.BigIntegerField(
                default=0,
                help_text="What the team's working clock showed at the start, seconds.",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "fillstate",
            "readings",
            models.JSONField(
                default=dict,
                help_text="What each team's working clock showed then; 0 is the company's.",
            ),
        ),
    ]
