"""Who a request waited on, its stages, and its way onto the roadmap. All that is kept here
follows from events, so it is dropped and made anew by the next run instead of being filled."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metrics", "0003_readings")]

    operations = [
        migrations.RunSQL(
            "DELETE FROM metrics_span; DELETE FROM metrics_figure; DELETE FROM metrics_fillstate",
            migrations.RunSQL.noop,
        ),
        migrations.RemoveField("span", "waiting_since"),
        migrations.RenameField("span", "waiting_seconds", "requester_seconds"),
        migrations.RenameField("figure", "waiting_sum", "requester_sum"),
        migrations.AddField(
            model_name='figure',
            name='calendar_median',
            field=models.BigIntegerField(blank=True, help_text='Median in seconds of the calendar, open ones counted.', null=True),
        ),
        migrations.AddField(
            model_name='figure',
            name='forum_sum',
            field=models.BigIntegerField(default=0, help_text='Of these, how many waited for a forum.'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='figure',
            name='stages',
            field=models.JSONField(default=list, help_text='By stage: median since the start, step, reached, not yet.'),
        ),
        migrations.AddField(
            model_name='span',
            name='forum_seconds',
            field=models.BigIntegerField(default=0, help_text='Working time of it that waited for a session or review, and is over.'),
        ),
        migrations.AddField(
            model_name='span',
            name='is_accepted',
            field=models.BooleanField(default=False, help_text='It holds that it will be done.'),
        ),
        migrations.AddField(
            model_name='span',
            name='stages',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(null=True), default=list, help_text='Working seconds from the start to each stage, see `definitions.STAGES`.', size=None),
        ),
        migrations.AddField(
            model_name='span',
            name='waits_on',
            field=models.CharField(blank=True, choices=[('requester', 'Requester'), ('forum', 'Forum')], help_text='Whom an open one waits on now; empty: the product managers.', max_length=10),
        ),
        migrations.AddField(
            model_name='span',
            name='waits_reading',
            field=models.BigIntegerField(blank=True, help_text='What the working clock showed then.', null=True),
        ),
        migrations.AddField(
            model_name='span',
            name='waits_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='figure',
            name='n_decided',
            field=models.PositiveIntegerField(help_text='How many ended.'),
        ),
        migrations.AlterField(
            model_name='figure',
            name='requester_sum',
            field=models.BigIntegerField(help_text='Of these, how many waited for requesters.'),
        ),
        migrations.AlterField(
            model_name='figure',
            name='working_sum',
            field=models.BigIntegerField(help_text='Working seconds of all, open ones so far.'),
        ),
        migrations.AlterField(
            model_name='span',
            name='requester_seconds',
            field=models.BigIntegerField(default=0, help_text='Working time of it that waited for the requester, and is over.'),
        ),
    ]
