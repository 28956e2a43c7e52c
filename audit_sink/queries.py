"""The sink's SQL."""

from typing import Final

TRY_LEAD: Final = "SELECT pg_try_advisory_lock($1)"

# A stopped leader may sit in a transaction that holds the next batch number. A role may end its own sessions.
END_UNFINISHED: Final = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE usename = current_user AND datname = current_database() AND application_name = $1
"""

NEWEST: Final = "SELECT * FROM governance_audit.gov_audit_batches ORDER BY batch_no DESC LIMIT 1"

# A loose index scan: one probe per lane, whatever the number of batches.
LANE_ENDS: Final = """
WITH RECURSIVE lane AS (
    (SELECT topic, partition FROM governance_audit.gov_audit_batches ORDER BY topic, partition LIMIT 1)
    UNION ALL
    SELECT following.topic, following.partition FROM lane, LATERAL (
        SELECT b.topic, b.partition FROM governance_audit.gov_audit_batches b
        WHERE (b.topic, b.partition) > (lane.topic, lane.partition)
        ORDER BY b.topic, b.partition LIMIT 1) following
)
SELECT lane.topic, lane.partition, newest.next_lane_seq, newest.next_offset, newest.batch_no
FROM lane, LATERAL (
    SELECT b.next_lane_seq, b.next_offset, b.batch_no FROM governance_audit.gov_audit_batches b
    WHERE b.topic = lane.topic AND b.partition = lane.partition
    ORDER BY b.batch_no DESC LIMIT 1) newest
"""

ADD_BATCHES: Final = """
INSERT INTO governance_audit.gov_audit_batches
    (batch_no, topic, partition, from_offset, next_offset, first_lane_seq, next_lane_seq,
     first_index, next_index, root_after, right_edge, prev_hash)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[], $11::bytea[], $12::bytea[]) AS added(batch_no)
ORDER BY added.batch_no
"""

ADD_LARGE_VALUES: Final = """
INSERT INTO governance_audit.gov_audit_large_values (tenant_id, digest, value)
SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[]) ON CONFLICT DO NOTHING
"""

ADD_TILES: Final = """
INSERT INTO governance_audit.gov_audit_tiles (tree, level, place, hashes, root)
SELECT * FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::bytea[], $5::bytea[])
"""

# One index probe a tenant.
TREE_SIZES: Final = """
SELECT tenant AS tree, coalesce((
    SELECT e.tenant_index + 1 FROM governance_audit.gov_audit_trail_entries e
    WHERE e.tenant_id = tenant ORDER BY e.leaf_index DESC LIMIT 1), (
    SELECT max(k.tenant_index) + 1 FROM governance_audit.gov_audit_edges k WHERE k.tree = tenant), (
    SELECT (max(t.place) + 1) << 8 FROM governance_audit.gov_audit_tiles t
    WHERE t.tree = tenant AND t.level = 0), 0) AS size
FROM unnest($1::text[]) AS tenant
"""

# The leaves after a tree's last full tile: $2 of them, which are its newest of $3; some may be pruned.
TREE_LEAVES: Final = """
SELECT asked.tree, newest.leaf_hash
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS asked (tree, leaves, size), LATERAL (
    (SELECT e.tenant_index AS place, e.leaf_hash FROM governance_audit.gov_audit_trail_entries e
     WHERE asked.tree <> '' AND e.tenant_id = asked.tree AND e.tenant_index >= asked.size - asked.leaves
     ORDER BY e.leaf_index DESC LIMIT asked.leaves)
    UNION ALL
    (SELECT k.tenant_index, k.leaf_hash FROM governance_audit.gov_audit_edges k
     WHERE k.tree = asked.tree AND k.tenant_index >= asked.size - asked.leaves)
    UNION ALL
    (SELECT e.leaf_index, e.leaf_hash FROM governance_audit.gov_audit_trail_entries e
     WHERE asked.tree = '' ORDER BY e.leaf_index DESC LIMIT asked.leaves)) newest
ORDER BY asked.tree, newest.place
"""

# Of each level the roots of the tiles after the last full one of the level above.
TREE_TILES: Final = """
SELECT t.tree, t.level, t.root
FROM unnest($1::text[], $2::bigint[]) AS asked (tree, size)
CROSS JOIN generate_series(0, 6) AS level (number)
JOIN governance_audit.gov_audit_tiles t ON t.tree = asked.tree AND t.level = level.number
    AND t.place >= (asked.size >> (8 * (level.number + 2))) << 8
WHERE asked.size >> (8 * (level.number + 1)) > 0
ORDER BY t.tree, t.level, t.place
"""

# The rows that cover sequences $3 to $4, found at both ends by index, then their entries by position.
LEAF_HASHES: Final = """
SELECT e.lane_seq, e.leaf_hash
FROM governance_audit.gov_audit_batches b
JOIN governance_audit.gov_audit_trail_entries e
    ON e.leaf_index >= b.first_index + greatest($3 - b.first_lane_seq, 0)
    AND e.leaf_index < b.next_index - greatest(b.next_lane_seq - 1 - $4, 0)
WHERE b.topic = $1 AND b.partition = $2 AND b.next_lane_seq > $3 AND b.next_lane_seq <= coalesce((
    SELECT min(l.next_lane_seq) FROM governance_audit.gov_audit_batches l
    WHERE l.topic = $1 AND l.partition = $2 AND l.next_lane_seq > $4), 9223372036854775807)
"""

# The same of pruned entries, whose hashes the log's own tiles keep.
PRUNED_LEAF_HASHES: Final = """
SELECT at.index - b.first_index + b.first_lane_seq AS lane_seq,
    substr(t.hashes, (at.index & 255)::integer * 32 + 1, 32) AS leaf_hash
FROM governance_audit.gov_audit_batches b
CROSS JOIN LATERAL generate_series(
    b.first_index + greatest($3 - b.first_lane_seq, 0),
    least(b.next_index - 1, b.first_index + $4 - b.first_lane_seq)) AS at (index)
JOIN governance_audit.gov_audit_pruned p ON at.index >= p.first_index AND at.index < p.end_index
JOIN governance_audit.gov_audit_tiles t ON t.tree = '' AND t.level = 0 AND t.place = at.index >> 8
WHERE b.topic = $1 AND b.partition = $2 AND b.next_lane_seq > $3 AND b.first_lane_seq <= $4
"""

STATEMENTS: Final = """
SELECT record FROM governance_audit.gov_audit_statements
WHERE statement_no >= $1 ORDER BY statement_no LIMIT $2
"""

# From the newest row backwards: what is asked for lies near the end.
ROW_AT_SIZE: Final = """
SELECT * FROM governance_audit.gov_audit_batches WHERE next_index <= $1 ORDER BY batch_no DESC LIMIT 1
"""

NEWEST_CHECKPOINT: Final = """
SELECT size, root, note, anchored FROM governance_audit.gov_audit_checkpoints ORDER BY size DESC LIMIT 1
"""

ROWS_AFTER: Final = """
SELECT * FROM governance_audit.gov_audit_batches b
WHERE b.batch_no > $1 AND (b.topic, b.partition) IN (SELECT * FROM unnest($2::text[], $3::integer[]))
ORDER BY b.batch_no LIMIT $4
"""

# What each table and partition lacks of what the migration's template gives it.
UNGUARDED: Final = """
SELECT c.relname || ': ' || concat_ws(', ',
    CASE WHEN NOT (c.relrowsecurity AND c.relforcerowsecurity) THEN 'row-level security not forced' END,
    CASE WHEN t.always IS DISTINCT FROM true OR t.kinds < 2 THEN 'refusing triggers' END,
    CASE WHEN c.relname LIKE 'gov_audit_batches%' AND t.predecessor IS DISTINCT FROM true
        THEN 'predecessor trigger' END,
    CASE WHEN a.powerful THEN 'grants too many' END) AS lacks
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'governance_audit'
LEFT JOIN LATERAL (
    SELECT bool_and(tgenabled = 'A') AS always,
        count(*) FILTER (WHERE tgname IN ('refuse_row', 'refuse_statement')) AS kinds,
        bool_or(tgname = 'continue_predecessor') AS predecessor
    FROM pg_trigger WHERE tgrelid = c.oid) t ON true
LEFT JOIN LATERAL (
    SELECT bool_or(privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE') OR grantee = 0
        OR (privilege_type NOT IN ('SELECT', 'INSERT') AND grantee <> c.relowner)) AS powerful
    FROM aclexplode(coalesce(c.relacl, acldefault('r', c.relowner)))) a ON true
WHERE c.relkind IN ('r', 'p') AND (
    NOT (c.relrowsecurity AND c.relforcerowsecurity) OR t.always IS DISTINCT FROM true OR t.kinds < 2
    OR (c.relname LIKE 'gov_audit_batches%' AND t.predecessor IS DISTINCT FROM true) OR a.powerful)
ORDER BY c.relname
"""

OPEN_EVENT_TRIGGERS: Final = """
SELECT count(*) FROM pg_event_trigger
WHERE evtname = 'governance_audit_refuse_ddl' AND evtenabled = 'A' AND evtevent = 'ddl_command_start'
"""

PARTITIONS: Final = """
SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass('governance_audit.gov_audit_trail_entries')
"""

PRUNED: Final = "SELECT count(*) FROM governance_audit.gov_audit_pruned"
