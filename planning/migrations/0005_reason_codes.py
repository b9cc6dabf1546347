"""Why requests are usually declined or put off. Data from here on: Product Ops changes them."""

from typing import Any

from django.db import migrations

from planning.shipped_reasons import install


def install_reasons(apps: Any, schema_editor: Any) -> None:
    install(apps.get_model("planning", "ReasonCode"))


class Migration(migrations.Migration):
    dependencies = [("planning", "0004_decision_records")]

    operations = [migrations.RunPython(install_reasons, migrations.RunPython.noop)]
