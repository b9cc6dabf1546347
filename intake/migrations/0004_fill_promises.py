"""Requests that were there before: what they were promised, and when they last heard."""

from django.db import migrations

# The house's promises of before: read within two working days, decided within nine. `due_at` was
# the running one of the two; the other's due time is not known any more and taken from it.
FILL = """
UPDATE intake_request SET heard_at = changed_at,
    acknowledged_at = LEAST(triaged_at, asked_at)
WHERE heard_at IS NULL;

INSERT INTO intake_promise (request_id, kind, days, started_at, due_at, paused_at,
    waited_seconds, met_at)
SELECT r.id, p.kind, p.days, r.submitted_at,
    CASE WHEN p.kind = 'decision' AND r.status = 'new'
         THEN coalesce(r.due_at, r.submitted_at + interval '2 days') + interval '9 days'
         ELSE coalesce(r.due_at, r.submitted_at + p.days * interval '1 day') END,
    CASE WHEN p.met_at IS NULL THEN r.asked_at END, 0, p.met_at
FROM intake_request r
CROSS JOIN LATERAL (VALUES
    ('first_answer', 2, coalesce(LEAST(r.triaged_at, r.asked_at), r.decided_at)),
    ('triage', 2, coalesce(r.triaged_at, r.decided_at)),
    ('decision', 9, r.decided_at)
) AS p (kind, days, met_at)
ON CONFLICT DO NOTHING;
"""


class Migration(migrations.Migration):
    dependencies = [("intake", "0003_whole_way")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
