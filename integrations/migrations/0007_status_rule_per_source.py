from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0006_fill_status_rule_source")]

    operations = [
        migrations.RemoveField(model_name="statusrule", name="status"),
        migrations.AddConstraint(
            model_name="statusrule",
            constraint=models.UniqueConstraint(
                fields=("source", "status_key"), name="status_rule_once"
            ),
        ),
    ]
