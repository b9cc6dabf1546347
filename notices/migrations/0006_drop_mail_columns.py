from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('notices', '0005_fill_deliveries'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='notice',
            name='notice_mail_waiting',
        ),
        migrations.RemoveField(
            model_name='notice',
            name='mail_attempts',
        ),
        migrations.RemoveField(
            model_name='notice',
            name='mail_claimed_at',
        ),
        migrations.RemoveField(
            model_name='notice',
            name='mail_error',
        ),
        migrations.RemoveField(
            model_name='notice',
            name='mail_wanted',
        ),
        migrations.RemoveField(
            model_name='notice',
            name='mailed_at',
        ),
    ]
