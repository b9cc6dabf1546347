"""An index of the trigrams of titles, for searches with typing mistakes."""

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("intake", "0001_initial"), ("search", "0001_extensions")]

    operations = [
        migrations.AddIndex(
            model_name="request",
            index=GinIndex(
                fields=["title"], name="request_title_letters", opclasses=["gin_trgm_ops"]
            ),
        ),
    ]
