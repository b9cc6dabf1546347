from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0004_status_rule")]

    operations = [
        migrations.AddField(
            model_name="statusrule",
            name="source",
            field=models.CharField(
                choices=[
                    ("jira", "Jira"),
                    ("productboard", "Productboard"),
                    ("slack", "Slack"),
                    ("mail", "Mail"),
                ],
                default="jira",
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="statusrule",
            name="status_key",
            field=models.TextField(
                default="",
                help_text="How the source knows the status: its id in Jira, else its name.",
            ),
        ),
        migrations.AddField(
            model_name="statusrule",
            name="name",
            field=models.TextField(default="", help_text="What people call it there."),
        ),
        migrations.AlterField(
            model_name="statusrule",
            name="effect",
            field=models.CharField(
                choices=[
                    ("nothing", "Nothing: it is only shown"),
                    ("begun", "Work has begun: everyone behind the request hears it once"),
                    ("shipped", "Delivered, once all that stands for the request is"),
                ],
                default="nothing",
                max_length=10,
            ),
        ),
        migrations.AlterModelOptions(
            name="statusrule", options={"ordering": ["source", "name"]}
        ),
    ]
