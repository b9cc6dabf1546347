"""Numbers that people see (REQ-142), handed out by PostgreSQL without a race."""

from django.db import connection, migrations


def next_number(sequence: str) -> int:
    """The next number of a sequence; numbers may have gaps, never repeats."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s)", [sequence])
        return int(cursor.fetchone()[0])


def reserve_numbers(sequence: str, count: int) -> int:
    """Take `count` numbers in a row for a bulk insert; returns the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(%s, nextval(%s) + %s - 1)", [sequence, sequence, count])
        return int(cursor.fetchone()[0]) - count + 1


def create_sequence(name: str) -> migrations.RunSQL:
    """A migration operation for a sequence that starts at 1."""
    return migrations.RunSQL(f"CREATE SEQUENCE {name} AS integer", f"DROP SEQUENCE {name}")
