"""SQL for what stands around the items of a page: sprints, versions, links, texts, comments.

Runs after the statements of `work_sql` in their transaction, on their `stage_touched`. What an
item has no longer goes, unless a newer version of the item is stored. Where nothing changed, no
row is written.
"""

STAGE = """
CREATE TEMP TABLE IF NOT EXISTS stage_sprint (
    sprint_id text, name text, state text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_version (
    version_id text, name text, project_id text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_sprint_change (
    upstream_id text, history_id text, position smallint, occurred_at timestamptz,
    from_ids text, to_ids text, author_name text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_link (
    owner_id text, link_id text, type_name text, outward text, inward text,
    from_upstream_id text, from_key text, to_upstream_id text, to_key text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_text (
    upstream_id text, document text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_comment (
    upstream_id text, comment_id text, author_name text, document text,
    created_at timestamptz, updated_at timestamptz
) ON COMMIT DELETE ROWS;
TRUNCATE stage_sprint, stage_version, stage_sprint_change, stage_link, stage_text, stage_comment;
"""

# Sprints and versions that no list has shown: removed since, or on boards out of sight.
_UNKNOWN = """
INSERT INTO planning_sprint (source, upstream_id, name, state)
SELECT DISTINCT ON (x.id) x.source, x.id, x.name, x.state
FROM (
    SELECT t.source, s.sprint_id AS id, s.name, s.state, 0 AS rank
    FROM stage_sprint s CROSS JOIN (SELECT source FROM stage_touched LIMIT 1) t
    UNION ALL
    SELECT t.source, i.id, 'Sprint ' || i.id, 'unknown', 1
    FROM stage_sprint_change c
    CROSS JOIN (SELECT source FROM stage_touched LIMIT 1) t
    CROSS JOIN LATERAL (
        SELECT unnest(string_to_array(c.from_ids, ',') || string_to_array(c.to_ids, ',')) AS id
    ) i
) x
WHERE x.id <> '' AND length(x.id) <= 64
    AND NOT EXISTS (
        SELECT 1 FROM planning_sprint k WHERE k.source = x.source AND k.upstream_id = x.id
    )
ORDER BY x.id, x.rank
ON CONFLICT DO NOTHING;

INSERT INTO planning_version (source, upstream_id, name, project_upstream_id)
SELECT DISTINCT ON (s.version_id) t.source, s.version_id, s.name, s.project_id
FROM stage_version s
CROSS JOIN (SELECT source FROM stage_touched LIMIT 1) t
WHERE s.version_id <> '' AND length(s.version_id) <= 64 AND length(s.project_id) <= 64
    AND NOT EXISTS (
        SELECT 1 FROM planning_version k
        WHERE k.source = t.source AND k.upstream_id = s.version_id
    )
ORDER BY s.version_id
ON CONFLICT DO NOTHING;
"""

_CHANGES = """
INSERT INTO planning_sprintchange (
    work_item_id, history_id, position, occurred_at, from_ids, to_ids, author_name
)
SELECT x.id, c.history_id, c.position, c.occurred_at,
    coalesce(string_to_array(nullif(c.from_ids, ''), ','), '{}'),
    coalesce(string_to_array(nullif(c.to_ids, ''), ','), '{}'), c.author_name
FROM stage_sprint_change c
JOIN stage_touched x ON x.upstream_id = c.upstream_id
ON CONFLICT (work_item_id, history_id, position) DO NOTHING;
"""

# Who was in which sprint from when to when, of the touched items, from all their changes. An
# item that was made in a sprint has no change that says so.
STAYS = """
WITH item AS MATERIALIZED (
    SELECT w.id, w.source, w.upstream_created_at, w.sprint_ids, w.is_history_complete,
        w.is_sprint_history_complete AS was_complete
    FROM planning_workitem w
    WHERE w.id = ANY(ARRAY(SELECT id FROM stage_touched))
        AND (
            w.sprint_ids <> '{}' OR NOT w.is_sprint_history_complete
            OR EXISTS (SELECT 1 FROM planning_sprintchange c WHERE c.work_item_id = w.id)
            OR EXISTS (SELECT 1 FROM planning_sprintstay s WHERE s.work_item_id = w.id)
        )
), step AS MATERIALIZED (
    SELECT i.id, s.sprint_id, c.occurred_at AS at, c.place, s.is_entry
    FROM item i
    CROSS JOIN LATERAL (
        -- rules of the tracker make several changes in one millisecond; their ids count up
        SELECT occurred_at, from_ids, to_ids, rank() OVER (
            ORDER BY occurred_at, length(history_id), history_id, position
        ) AS place
        FROM planning_sprintchange
        WHERE work_item_id = i.id
        OFFSET 0
    ) c
    CROSS JOIN LATERAL (
        SELECT e AS sprint_id, true AS is_entry FROM unnest(c.to_ids) e
        WHERE e <> ALL(c.from_ids)
        UNION
        SELECT e, false FROM unnest(c.from_ids) e WHERE e <> ALL(c.to_ids)
    ) s
), ordered AS (
    SELECT id, sprint_id, at, is_entry,
        lag(is_entry) OVER in_order AS before,
        min(at) FILTER (WHERE NOT is_entry) OVER (
            PARTITION BY id, sprint_id ORDER BY at, place
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS left_at
    FROM step
    WINDOW in_order AS (PARTITION BY id, sprint_id ORDER BY at, place)
), told AS (
    SELECT id, sprint_id, at AS entered_at, left_at FROM ordered
    WHERE is_entry AND before IS DISTINCT FROM true
    UNION ALL
    SELECT o.id, o.sprint_id, i.upstream_created_at, o.at
    FROM ordered o JOIN item i ON i.id = o.id
    WHERE NOT o.is_entry AND o.before IS NULL
    UNION ALL
    SELECT i.id, n.sprint_id, i.upstream_created_at, NULL
    FROM item i CROSS JOIN LATERAL unnest(i.sprint_ids) n(sprint_id)
    WHERE NOT EXISTS (SELECT 1 FROM step s WHERE s.id = i.id AND s.sprint_id = n.sprint_id)
), stay AS MATERIALIZED (
    SELECT DISTINCT ON (t.id, p.id, t.entered_at)
        t.id, p.id AS sprint_pk, t.sprint_id, t.entered_at, t.left_at
    FROM told t
    JOIN item i ON i.id = t.id
    JOIN planning_sprint p ON p.source = i.source AND p.upstream_id = t.sprint_id
    ORDER BY t.id, p.id, t.entered_at, t.left_at NULLS FIRST
), gone AS (
    DELETE FROM planning_sprintstay d
    WHERE d.work_item_id = ANY(ARRAY(SELECT id FROM item))
        AND NOT EXISTS (
            SELECT 1 FROM stay s
            WHERE s.id = d.work_item_id AND s.sprint_pk = d.sprint_id
                AND s.entered_at = d.entered_at
        )
), kept AS (
    INSERT INTO planning_sprintstay AS k (work_item_id, sprint_id, entered_at, left_at)
    SELECT id, sprint_pk, entered_at, left_at FROM stay
    ON CONFLICT (work_item_id, sprint_id, entered_at) DO UPDATE SET left_at = excluded.left_at
    WHERE k.left_at IS DISTINCT FROM excluded.left_at
), judged AS (
    SELECT i.id, i.was_complete, i.is_history_complete
        AND NOT EXISTS (
            SELECT 1 FROM stay s
            WHERE s.id = i.id AND s.left_at IS NULL AND s.sprint_id <> ALL(i.sprint_ids)
        )
        AND NOT EXISTS (
            SELECT 1 FROM unnest(i.sprint_ids) n(sprint_id)
            WHERE NOT EXISTS (
                SELECT 1 FROM stay s
                WHERE s.id = i.id AND s.left_at IS NULL AND s.sprint_id = n.sprint_id
            )
        ) AS is_complete
    FROM item i
)
UPDATE planning_workitem w SET is_sprint_history_complete = j.is_complete
FROM judged j
WHERE w.id = j.id AND j.was_complete <> j.is_complete;
"""

_LINKS = """
DELETE FROM planning_worklink WHERE id = ANY(ARRAY(
    SELECT l.id
    FROM stage_touched x
    CROSS JOIN LATERAL (
        SELECT id, source, upstream_id FROM planning_worklink
        WHERE from_upstream_id = x.upstream_id
        UNION ALL
        SELECT id, source, upstream_id FROM planning_worklink
        WHERE to_upstream_id = x.upstream_id
        OFFSET 0
    ) l
    WHERE x.is_current AND l.source = x.source
        AND NOT EXISTS (SELECT 1 FROM stage_link s WHERE s.link_id = l.upstream_id)
));

INSERT INTO planning_worklink AS k (
    source, upstream_id, type_name, outward, inward, from_upstream_id, from_key,
    to_upstream_id, to_key
)
SELECT DISTINCT ON (s.link_id) x.source, s.link_id, s.type_name, s.outward, s.inward,
    s.from_upstream_id, s.from_key, s.to_upstream_id, s.to_key
FROM stage_link s
JOIN stage_touched x ON x.upstream_id = s.owner_id AND x.is_current
ORDER BY s.link_id, s.owner_id
ON CONFLICT (source, upstream_id) DO UPDATE SET
    type_name = excluded.type_name, outward = excluded.outward, inward = excluded.inward,
    from_upstream_id = excluded.from_upstream_id, from_key = excluded.from_key,
    to_upstream_id = excluded.to_upstream_id, to_key = excluded.to_key
WHERE (k.type_name, k.outward, k.inward, k.from_upstream_id, k.from_key, k.to_upstream_id,
        k.to_key)
    IS DISTINCT FROM (excluded.type_name, excluded.outward, excluded.inward,
        excluded.from_upstream_id, excluded.from_key, excluded.to_upstream_id, excluded.to_key);
"""

_TEXTS = """
DELETE FROM planning_worktext WHERE work_item_id = ANY(ARRAY(
    SELECT x.id FROM stage_touched x
    WHERE x.is_current
        AND NOT EXISTS (SELECT 1 FROM stage_text s WHERE s.upstream_id = x.upstream_id)
));

INSERT INTO planning_worktext AS k (work_item_id, document)
SELECT x.id, s.document
FROM stage_text s
JOIN stage_touched x ON x.upstream_id = s.upstream_id AND x.is_current
ON CONFLICT (work_item_id) DO UPDATE SET document = excluded.document
WHERE k.document <> excluded.document;

DELETE FROM planning_workcomment WHERE id = ANY(ARRAY(
    SELECT c.id
    FROM stage_touched x
    CROSS JOIN LATERAL (
        SELECT id, upstream_id FROM planning_workcomment WHERE work_item_id = x.id OFFSET 0
    ) c
    WHERE x.is_current AND NOT EXISTS (
        SELECT 1 FROM stage_comment s
        WHERE s.upstream_id = x.upstream_id AND s.comment_id = c.upstream_id
    )
));

INSERT INTO planning_workcomment AS k (
    work_item_id, upstream_id, author_name, document, created_at, updated_at
)
SELECT DISTINCT ON (x.id, s.comment_id)
    x.id, s.comment_id, s.author_name, s.document, s.created_at, s.updated_at
FROM stage_comment s
JOIN stage_touched x ON x.upstream_id = s.upstream_id AND x.is_current
ORDER BY x.id, s.comment_id, s.updated_at DESC
ON CONFLICT (work_item_id, upstream_id) DO UPDATE SET
    author_name = excluded.author_name, document = excluded.document,
    created_at = excluded.created_at, updated_at = excluded.updated_at
WHERE (k.author_name, k.document, k.created_at, k.updated_at) IS DISTINCT FROM
    (excluded.author_name, excluded.document, excluded.created_at, excluded.updated_at);
"""

# One statement to the server: each would be a round trip a page.
MERGE = _UNKNOWN + _CHANGES + STAYS + _LINKS + _TEXTS
