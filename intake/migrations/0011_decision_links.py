"""Decisions that were there before: what each answers, since when it was asked, and findable."""

from django.db import migrations

FILL = """
INSERT INTO planning_decisionlink
    (decision_id, subject_type, subject_id, is_settled, created_by_id, created_at)
SELECT d.id, 'intake.request', r.id, true, d.decided_by_id, d.decided_at
FROM intake_request r JOIN planning_decision d ON d.id = r.decision_id
ON CONFLICT DO NOTHING;

UPDATE planning_decision d SET asked_at = r.submitted_at
FROM (SELECT decision_id, min(submitted_at) AS submitted_at FROM intake_request
      WHERE decision_id IS NOT NULL GROUP BY decision_id) r
WHERE r.decision_id = d.id AND d.asked_at IS NULL;

INSERT INTO search_searchentry
    (kind, object_id, title, body, text_hash, created_at, is_deleted)
SELECT 'decision', id, title, reason,
    encode(sha256(convert_to(title || E'\\n' || reason, 'UTF8')), 'hex'), decided_at, false
FROM planning_decision WHERE withdrawn_at IS NULL
ON CONFLICT DO NOTHING;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("intake", "0010_saved_views"),
        ("planning", "0005_reason_codes"),
        ("search", "0003_ranking"),
    ]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
