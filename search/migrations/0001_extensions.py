"""Trigrams forgive typing mistakes, unaccent finds Émile under emile. Both are trusted
extensions: the owner of the database may create them."""

from django.contrib.postgres.operations import TrigramExtension, UnaccentExtension
from django.db import migrations


class Migration(migrations.Migration):
    dependencies: list[tuple[str, str]] = []

    operations = [TrigramExtension(), UnaccentExtension()]
