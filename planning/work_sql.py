"""SQL of the set-based writes of `services`: a page of work items is a handful of statements.

Row by row through the ORM, a first sync of a large site would take hours. Large tables are
entered by index on purpose (LATERAL with OFFSET 0, = ANY(ARRAY(…))): while a first sync fills
them their statistics are worthless, and the planner would read all rows for every page.
"""

# Temporary tables of the connection. They are emptied before each use and after each commit.
STAGE = """
CREATE TEMP TABLE IF NOT EXISTS stage_item (
    upstream_id text, key text, title text, type_name text,
    project_id text, project_key text, project_name text,
    status_id text, status_name text, status_category text,
    assignee_name text, assignee_account_id text, assignee_email text,
    parent_key text, priority text, labels text,
    upstream_created_at timestamptz, upstream_updated_at timestamptz, resolved_at timestamptz,
    story_points double precision, sprint_ids text, version_ids text,
    is_history_complete boolean
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_move (
    upstream_id text, history_id text, position smallint, occurred_at timestamptz,
    from_status_id text, from_name text, to_status_id text, to_name text, author_name text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_touched (
    id bigint, upstream_id text, source text, is_current boolean
) ON COMMIT DELETE ROWS;
TRUNCATE stage_item, stage_move, stage_touched;
"""

COPY_ITEMS = "COPY stage_item FROM STDIN"
COPY_MOVES = "COPY stage_move FROM STDIN"

# An item that first came without an id was filed under its key; now its id is known.
ADOPT = """
UPDATE planning_workitem w SET upstream_id = s.upstream_id
FROM stage_item s
WHERE w.source = %(source)s
    AND w.upstream_id = ANY(ARRAY(SELECT 'key:' || key FROM stage_item))
    AND w.upstream_id = 'key:' || s.key
    AND s.upstream_id <> w.upstream_id
    AND NOT EXISTS (
        SELECT 1 FROM planning_workitem o
        WHERE o.source = w.source AND o.upstream_id = s.upstream_id
    )
"""

# Statuses that were removed upstream still stand in old histories.
UNKNOWN_STATUSES = """
INSERT INTO planning_workstatus (source, upstream_id, name, category)
SELECT DISTINCT ON (x.id) %(source)s, x.id, x.name, x.category
FROM (
    SELECT status_id AS id, status_name AS name, status_category AS category, 0 AS rank
    FROM stage_item
    UNION ALL SELECT to_status_id, to_name, 'undefined', 1 FROM stage_move
    UNION ALL SELECT from_status_id, from_name, 'undefined', 1 FROM stage_move
) x
WHERE x.id <> '' AND length(x.id) <= 64
    AND NOT EXISTS (
        SELECT 1 FROM planning_workstatus k WHERE k.source = %(source)s AND k.upstream_id = x.id
    )
ORDER BY x.id, x.rank
ON CONFLICT DO NOTHING
"""

UNKNOWN_PROJECTS = """
INSERT INTO planning_workproject (source, upstream_id, key, name)
SELECT DISTINCT ON (s.project_key)
    %(source)s, coalesce(nullif(s.project_id, ''), 'key:' || s.project_key),
    s.project_key, coalesce(nullif(s.project_name, ''), s.project_key)
FROM stage_item s
WHERE length(s.project_id) <= 64 AND length(s.project_key) <= 60
    AND NOT EXISTS (
        SELECT 1 FROM planning_workproject k
        WHERE k.source = %(source)s AND k.key = s.project_key
    )
ON CONFLICT DO NOTHING
"""

_OWNED_UPSTREAM = """key, title, type_name, project_key, status_id, status_name, status_category,
    assignee_name, assignee_account_id, parent_key, priority, labels, url, upstream_created_at,
    resolved_at, story_points, sprint_ids, version_ids, is_history_complete"""
_COMPARED = [name.strip() for name in _OWNED_UPSTREAM.split(",")]

# Older versions are dropped; a version that changes nothing is not written.
UPSERT = f"""
WITH written AS (
    INSERT INTO planning_workitem AS w (
        source, upstream_id, upstream_updated_at, synced_at, team_id, assignee_id,
        are_remote_links_due, {_OWNED_UPSTREAM}
    )
    SELECT %(source)s, s.upstream_id, s.upstream_updated_at, %(at)s,
        (SELECT p.team_id FROM planning_workproject p
         WHERE p.source = %(source)s AND p.key = s.project_key
         ORDER BY p.team_id NULLS LAST LIMIT 1),
        (SELECT u.id FROM accounts_user u
         WHERE s.assignee_email <> '' AND u.email = lower(s.assignee_email)
            AND u.role <> 'guest'),
        %(read_links)s, s.key, s.title, s.type_name, s.project_key, s.status_id, s.status_name,
        s.status_category, s.assignee_name, s.assignee_account_id, s.parent_key, s.priority,
        coalesce(string_to_array(nullif(s.labels, ''), E'\\x1f'), '{{}}'),
        %(site_url)s || '/browse/' || s.key,
        s.upstream_created_at, s.resolved_at, s.story_points,
        coalesce(string_to_array(nullif(s.sprint_ids, ''), E'\\x1f'), '{{}}'),
        coalesce(string_to_array(nullif(s.version_ids, ''), E'\\x1f'), '{{}}'),
        s.is_history_complete
    FROM stage_item s
    ON CONFLICT (source, upstream_id) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in _COMPARED)},
        old_keys = CASE WHEN w.key = excluded.key THEN w.old_keys
            ELSE array_append(
                array_remove(array_remove(w.old_keys, w.key), excluded.key), w.key) END,
        -- mail addresses come and go with the reader's settings; the account stays the same
        assignee_id = coalesce(excluded.assignee_id, CASE
            WHEN w.assignee_account_id = excluded.assignee_account_id THEN w.assignee_id END),
        team_id = excluded.team_id,
        are_remote_links_due = w.are_remote_links_due OR excluded.are_remote_links_due,
        upstream_updated_at = excluded.upstream_updated_at,
        synced_at = excluded.synced_at,
        deleted_at = NULL
    WHERE w.upstream_updated_at < excluded.upstream_updated_at
        OR (w.upstream_updated_at = excluded.upstream_updated_at AND (
            ({", ".join("w." + name for name in _COMPARED)}, w.team_id)
            IS DISTINCT FROM
            ({", ".join("excluded." + name for name in _COMPARED)}, excluded.team_id)
            OR w.deleted_at IS NOT NULL
            OR (excluded.assignee_id IS NOT NULL
                AND excluded.assignee_id IS DISTINCT FROM w.assignee_id)))
    RETURNING w.id, (w.xmax = 0) AS is_created, w.key, w.project_key, w.upstream_created_at
), event AS (
    INSERT INTO activity_event
        (kind, subject_type, subject_id, subject_label, occurred_at, data)
    SELECT 'work_item.created', 'planning.workitem', w.id, left(w.key, 120),
        w.upstream_created_at, jsonb_build_object('project', w.project_key)
    FROM written w
    WHERE w.is_created
    RETURNING id
)
SELECT (SELECT count(*) FROM written WHERE is_created),
    (SELECT count(*) FROM written WHERE NOT is_created),
    (SELECT coalesce(array_agg(id ORDER BY id), '{{}}') FROM event)
"""

# Also items whose older version was dropped: their history may still be news.
TOUCH_STAGED = """
INSERT INTO stage_touched
SELECT w.id, s.upstream_id, %(source)s, w.upstream_updated_at = s.upstream_updated_at
FROM stage_item s
CROSS JOIN LATERAL (
    SELECT id, upstream_updated_at FROM planning_workitem
    WHERE source = %(source)s AND upstream_id = s.upstream_id
    OFFSET 0
) w
"""

ADD_TRANSITIONS = """
INSERT INTO planning_transition (
    work_item_id, history_id, position, occurred_at,
    from_status_id, from_name, to_status_id, to_name, author_name
)
SELECT x.id, m.history_id, m.position, m.occurred_at,
    m.from_status_id, m.from_name, m.to_status_id, m.to_name, m.author_name
FROM stage_move m
JOIN stage_touched x ON x.upstream_id = m.upstream_id
ON CONFLICT (work_item_id, history_id, position) DO NOTHING
"""

# Phases, start, finish and cycle time of the touched items, from their whole history; with an
# event for each that is finished now and was not, or the other way round.
RECOMPUTE_FLOW = """
WITH item AS MATERIALIZED (
    SELECT w.id, w.source, w.key, w.project_key, w.status_id, w.status_category, w.resolved_at,
        w.upstream_created_at, w.upstream_updated_at, w.is_history_complete,
        w.phase AS old_phase, w.started_at AS old_started_at,
        w.finished_at AS old_finished_at, w.cycle_seconds AS old_cycle_seconds
    FROM planning_workitem w
    WHERE w.id = ANY(ARRAY(SELECT id FROM stage_touched))
    ORDER BY w.id
    FOR UPDATE
), status AS MATERIALIZED (
    SELECT p.source, p.project_key, st.upstream_id AS id,
        coalesce(own.phase, general.phase, CASE st.category
            WHEN 'new' THEN 'waiting' WHEN 'indeterminate' THEN 'active' WHEN 'done' THEN 'done'
            ELSE 'unmapped' END) AS phase
    FROM (SELECT DISTINCT source, project_key FROM item) p
    JOIN planning_workstatus st ON st.source = p.source
    LEFT JOIN planning_flowrule general
        ON general.status_id = st.id AND general.project_id IS NULL
    LEFT JOIN (planning_flowrule own JOIN planning_workproject wp ON wp.id = own.project_id)
        ON own.status_id = st.id AND wp.source = p.source AND wp.key = p.project_key
), flow AS MATERIALIZED (
    SELECT i.id,
        (array_agg(was.phase ORDER BY t.occurred_at, t.id))[1] AS first_phase,
        min(t.occurred_at) FILTER (WHERE gets.phase = 'active') AS first_active_at,
        max(t.occurred_at) FILTER (
            WHERE gets.phase = 'done' AND was.phase IS DISTINCT FROM 'done') AS last_done_at,
        max(t.occurred_at) AS last_moved_at
    FROM item i
    CROSS JOIN LATERAL (
        SELECT id, occurred_at, from_status_id, to_status_id
        FROM planning_transition
        WHERE work_item_id = i.id
        OFFSET 0
    ) t
    LEFT JOIN status was ON was.source = i.source
        AND was.project_key = i.project_key AND was.id = t.from_status_id
    LEFT JOIN status gets ON gets.source = i.source
        AND gets.project_key = i.project_key AND gets.id = t.to_status_id
    GROUP BY i.id
), dated AS (
    SELECT i.*, f.last_moved_at, n.phase,
        CASE WHEN coalesce(f.first_phase, n.phase) = 'active' THEN i.upstream_created_at
            ELSE f.first_active_at END AS started_at,
        CASE WHEN n.phase = 'done' THEN coalesce(
            f.last_done_at, i.resolved_at,
            CASE WHEN i.is_history_complete THEN i.upstream_created_at END,
            i.upstream_updated_at) END AS finished_at
    FROM item i
    LEFT JOIN flow f ON f.id = i.id
    LEFT JOIN status s ON s.source = i.source
        AND s.project_key = i.project_key AND s.id = i.status_id
    CROSS JOIN LATERAL (SELECT coalesce(s.phase, CASE i.status_category
        WHEN 'new' THEN 'waiting' WHEN 'indeterminate' THEN 'active' WHEN 'done' THEN 'done'
        ELSE 'unmapped' END) AS phase) n
), computed AS MATERIALIZED (
    SELECT d.*, CASE WHEN d.is_history_complete AND d.finished_at >= d.started_at
        THEN extract(epoch FROM d.finished_at - d.started_at)::bigint END AS cycle_seconds
    FROM dated d
), written AS (
    UPDATE planning_workitem w
    SET phase = c.phase, started_at = c.started_at, finished_at = c.finished_at,
        cycle_seconds = c.cycle_seconds
    FROM computed c
    WHERE w.id = c.id
        AND (c.old_phase, c.old_started_at, c.old_finished_at, c.old_cycle_seconds)
        IS DISTINCT FROM (c.phase, c.started_at, c.finished_at, c.cycle_seconds)
    RETURNING w.id
)
INSERT INTO activity_event (kind, subject_type, subject_id, subject_label, occurred_at, data)
SELECT CASE WHEN c.finished_at IS NULL THEN 'work_item.reopened' ELSE 'work_item.finished' END,
    'planning.workitem', c.id, left(c.key, 120),
    coalesce(c.finished_at, c.last_moved_at, c.upstream_updated_at),
    jsonb_build_object('project', c.project_key, 'status', c.status_id)
FROM computed c
WHERE (c.finished_at IS NULL) <> (c.old_finished_at IS NULL)
RETURNING id, kind
"""

SAVE_STATUSES = """
INSERT INTO planning_workstatus (source, upstream_id, name, category)
SELECT %(source)s, * FROM unnest(%(ids)s::text[], %(names)s::text[], %(categories)s::text[])
ON CONFLICT (source, upstream_id) DO UPDATE
SET name = excluded.name, category = excluded.category
"""

# A renamed or recategorised status does not touch its items upstream, so they never come again.
SPREAD_STATUSES = """
UPDATE planning_workitem w
SET status_name = st.name, status_category = st.category
FROM planning_workstatus st
WHERE w.source = %(source)s AND st.source = w.source AND st.upstream_id = w.status_id
    AND st.upstream_id = ANY(%(ids)s)
    AND (w.status_name, w.status_category) IS DISTINCT FROM (st.name, st.category)
"""

SAVE_PROJECTS = """
INSERT INTO planning_workproject (source, upstream_id, key, name)
SELECT %(source)s, * FROM unnest(%(ids)s::text[], %(keys)s::text[], %(names)s::text[])
ON CONFLICT (source, upstream_id) DO UPDATE SET key = excluded.key, name = excluded.name
"""
