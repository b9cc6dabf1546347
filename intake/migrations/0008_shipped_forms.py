"""The four request forms that the hub comes with."""

from typing import Any

from django.db import migrations

from intake.shipped_forms import install


def install_forms(apps: Any, schema_editor: Any) -> None:
    install(
        apps.get_model("intake", "IntakeForm"),
        apps.get_model("intake", "FormField"),
        apps.get_model("intake", "FormVersion"),
    )


class Migration(migrations.Migration):
    dependencies = [("intake", "0007_install_scoring_models")]

    operations = [migrations.RunPython(install_forms, migrations.RunPython.noop)]
