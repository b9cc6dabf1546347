from django.db import migrations


def name_the_status(apps, schema_editor):
    for rule in apps.get_model("integrations", "StatusRule").objects.select_related("status"):
        rule.source = rule.status.source
        rule.status_key = rule.status.upstream_id
        rule.name = rule.status.name
        rule.save(update_fields=["source", "status_key", "name"])


class Migration(migrations.Migration):
    dependencies = [("integrations", "0005_status_rule_source")]

    operations = [migrations.RunPython(name_the_status, migrations.RunPython.noop)]
