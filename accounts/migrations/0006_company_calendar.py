"""The company works Monday to Friday, 9 to 17, until Product Ops says otherwise in admin."""

from django.db import migrations


def add(apps, schema_editor):
    WorkCalendar = apps.get_model("accounts", "WorkCalendar")
    if not WorkCalendar.objects.exists():
        WorkCalendar.objects.create(name="Company", is_default=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_calendars")]

    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
