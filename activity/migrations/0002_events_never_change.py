"""The database itself refuses to change or remove an event."""

from django.db import migrations

# TRUNCATE is refused too, except where a session says so for itself: test suites empty their
# tables with it.
FORWARD = """
CREATE FUNCTION activity_event_is_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND current_setting('producthub.may_truncate', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'Events are history: % on activity_event is refused.', TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER event_is_history BEFORE UPDATE OR DELETE ON activity_event
    FOR EACH ROW EXECUTE FUNCTION activity_event_is_history();
CREATE TRIGGER event_is_not_truncated BEFORE TRUNCATE ON activity_event
    FOR EACH STATEMENT EXECUTE FUNCTION activity_event_is_history();
"""

REVERSE = """
DROP TRIGGER event_is_not_truncated ON activity_event;
DROP TRIGGER event_is_history ON activity_event;
DROP FUNCTION activity_event_is_history();
"""


class Migration(migrations.Migration):
    dependencies = [("activity", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, REVERSE)]
