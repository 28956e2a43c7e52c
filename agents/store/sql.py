"""The statements of the lane store. Keys come in sorted columns, so that locks are taken in order."""

from typing import Final

LANE: Final = "SELECT * FROM lane WHERE topic = $1 AND partition = $2"

LOCK_LANES: Final = """
SELECT l.* FROM lane l JOIN unnest($1::text[], $2::integer[]) AS k(topic, partition) USING (topic, partition)
ORDER BY l.topic, l.partition
FOR UPDATE OF l
"""

PARKED_KEYS: Final = """
SELECT DISTINCT q.topic, q.partition, q.key
FROM quarantine q JOIN unnest($1::text[], $2::integer[]) AS k(topic, partition) USING (topic, partition)
WHERE q.state IN ('quarantined', 'parked') AND q.command_id IS NOT NULL
"""
"""A statement of its own after the lock: one that waited for a lock sees other tables as they were
before it waited."""

STORED: Final = """
SELECT record FROM event WHERE topic = $1 AND partition = $2 AND lane_seq >= $3 ORDER BY lane_seq LIMIT $4
"""

EVENT: Final = "SELECT record FROM event WHERE event_id = $2 AND tenant_id = $1"

AUDIT_EVENTS: Final = """
SELECT record FROM event
WHERE tenant_id = $1 AND (resource = $2 OR ($3 AND starts_with(resource, $2))) AND event_type LIKE 'audit.%'
ORDER BY topic, partition, lane_seq
"""

SUBJECT_KEYS: Final = """
SELECT tenant_id, subject, pseudonym, commitment, key
FROM subject_key JOIN unnest($1::text[], $2::bytea[]) AS k(tenant_id, subject) USING (tenant_id, subject)
"""

SUBJECT_KEY: Final = """
SELECT tenant_id, subject, pseudonym, commitment, key FROM subject_key
WHERE tenant_id = $1 AND pseudonym = $2
"""

INSERT_SUBJECT_KEY: Final = """
INSERT INTO subject_key (tenant_id, subject, pseudonym, commitment, key) VALUES ($1, $2, $3, $4, $5)
"""

DESTROY_SUBJECT_KEY: Final = """
UPDATE subject_key SET key = NULL, destroyed_at = now() WHERE tenant_id = $1 AND pseudonym = $2
"""

ENSURE_LANES: Final = """
INSERT INTO lane (topic, partition)
SELECT * FROM unnest($1::text[], $2::integer[])
ON CONFLICT DO NOTHING
"""

ADVANCE: Final = """
UPDATE lane l
SET next_offset = k.next_offset, next_seq = k.next_seq,
    published_seq = greatest(l.published_seq, k.published_seq), last_event_time = k.last_event_time
FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[])
     AS k(topic, partition, next_offset, next_seq, published_seq, last_event_time)
WHERE l.topic = k.topic AND l.partition = k.partition
"""

ACKNOWLEDGE: Final = """
UPDATE lane l SET published_seq = k.published_seq
FROM unnest($1::text[], $2::integer[], $3::bigint[]) AS k(topic, partition, published_seq)
WHERE l.topic = k.topic AND l.partition = k.partition AND l.published_seq < k.published_seq
"""

ANNOUNCE: Final = """
WITH announced AS (
    INSERT INTO lane AS l (topic, partition, attempt_to) VALUES ($1, $2, $3)
    ON CONFLICT (topic, partition) DO UPDATE SET attempt_to = greatest(l.attempt_to, $3)
    RETURNING l.next_offset
)
DELETE FROM attempt a USING announced
WHERE a.topic = $1 AND a.partition = $2 AND a.record_offset < announced.next_offset
"""

ATTEMPT: Final = """
INSERT INTO attempt (topic, partition, record_offset, attempts) VALUES ($1, $2, $3, 1)
ON CONFLICT (topic, partition, record_offset) DO UPDATE SET attempts = attempt.attempts + 1
RETURNING attempts
"""

TAKE_BACK_ATTEMPT: Final = """
UPDATE attempt SET attempts = attempts - 1
WHERE topic = $1 AND partition = $2 AND record_offset = $3 AND attempts > 0
"""

INBOX: Final = """
SELECT tenant_id, source, command_id, body_digest
FROM inbox JOIN unnest($1::text[], $2::text[], $3::text[]) AS k(tenant_id, source, command_id)
     USING (tenant_id, source, command_id)
"""

INSERT_INBOX: Final = """
INSERT INTO inbox (tenant_id, source, command_id, body_digest, topic, partition, record_offset,
                   state, first_event, received_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::integer[],
                     $7::bigint[], $8::text[], $9::text[], $10::timestamptz[])
"""

QUARANTINED: Final = """
SELECT topic, partition, record_offset
FROM quarantine JOIN unnest($1::text[], $2::integer[], $3::bigint[]) AS k(topic, partition, record_offset)
     USING (topic, partition, record_offset)
"""

HELD: Final = """
SELECT q.*
FROM quarantine h JOIN quarantine q USING (topic, partition)
WHERE h.topic = $1 AND h.partition = $2 AND h.record_offset = $3
  AND h.state IN ('quarantined', 'parked') AND q.state IN ('quarantined', 'parked')
  AND (q.record_offset = h.record_offset
       OR (h.command_id IS NOT NULL AND q.command_id IS NOT NULL AND q.key IS NOT DISTINCT FROM h.key))
ORDER BY q.record_offset
"""

INSERT_QUARANTINE: Final = """
INSERT INTO quarantine (topic, partition, record_offset, state, tenant_id, command_id, source, key,
                        headers, value, reason, detail, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""

RESOLVE_QUARANTINE: Final = """
UPDATE quarantine SET state = $4 WHERE topic = $1 AND partition = $2 AND record_offset = $3
"""

POINTERS: Final = """
SELECT p.tenant_id, p.policy_id, p.state, p.activation_event,
       v.version, v.module_digest, v.enforcement, v.fail_mode, v.timeout_ms, v.confirmed_revision,
       v.personal_fields, v.input_storage, v.state <> 'active' AS suspended,
       p.shadow_version, p.shadow_revision
FROM policy p
JOIN unnest($1::text[], $2::text[]) AS k(tenant_id, policy_id) USING (tenant_id, policy_id)
LEFT JOIN policy_version v
       ON (v.tenant_id, v.policy_id, v.version) = (p.tenant_id, p.policy_id, p.active_version)
"""

POINTS: Final = """
SELECT d.tenant_id, d.decision_point_id, d.combining, d.last_event AS binding, b.policy_id, b.policy,
       p.state, p.activation_event,
       v.version, v.module_digest, v.enforcement, v.fail_mode, v.timeout_ms, v.confirmed_revision,
       v.personal_fields, v.input_storage, v.state <> 'active' AS suspended,
       p.shadow_version, p.shadow_revision
FROM unnest($1::text[], $2::text[]) AS k(tenant_id, decision_point_id)
JOIN decision_point d USING (tenant_id, decision_point_id)
CROSS JOIN LATERAL unnest(d.policy_ids, d.policies) WITH ORDINALITY AS b(policy_id, policy, place)
LEFT JOIN policy p ON (p.tenant_id, p.policy_id) = (d.tenant_id, b.policy_id)
LEFT JOIN policy_version v
       ON (v.tenant_id, v.policy_id, v.version) = (p.tenant_id, p.policy_id, p.active_version)
ORDER BY d.tenant_id, d.decision_point_id, b.place
"""
"""One statement, so that a binding and what its policies point to are seen as of one moment."""

DECISION_POINTS: Final = """
SELECT d.* FROM decision_point d
JOIN unnest($1::text[], $2::text[]) AS k(tenant_id, decision_point_id) USING (tenant_id, decision_point_id)
"""

UPSERT_DECISION_POINT: Final = """
INSERT INTO decision_point (tenant_id, decision_point_id, name, policy_ids, policies, combining, version,
                            updated_by, created_at, updated_at, last_event, topic, partition, lane_seq)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (tenant_id, decision_point_id) DO UPDATE SET
    policy_ids = excluded.policy_ids, policies = excluded.policies, combining = excluded.combining,
    version = excluded.version, updated_by = excluded.updated_by, updated_at = excluded.updated_at,
    last_event = excluded.last_event, lane_seq = excluded.lane_seq
"""

RECORDED: Final = """
SELECT e.record
FROM ((SELECT tenant_id, occurred_at, decision_id FROM decision
       WHERE tenant_id = $1 AND policy_id = $2 AND decision_point = ''
       ORDER BY occurred_at DESC, decision_id DESC LIMIT $3)
      UNION ALL
      (SELECT tenant_id, occurred_at, decision_id FROM decision_part
       WHERE tenant_id = $1 AND policy_id = $2
       ORDER BY occurred_at DESC, decision_id DESC LIMIT $3)
      ORDER BY occurred_at DESC, decision_id DESC LIMIT $3) said
JOIN decision d USING (tenant_id, decision_id)
JOIN event e USING (topic, partition, lane_seq)
ORDER BY d.occurred_at DESC, d.decision_id DESC
"""
"""Whether the policy was asked by itself or at a decision point."""

DECISIONS: Final = """
SELECT d.tenant_id, d.decision_id, e.record, o.event_id AS override
FROM unnest($1::text[], $2::text[]) AS k(tenant_id, decision_id)
JOIN decision d USING (tenant_id, decision_id)
JOIN event e ON (e.topic, e.partition, e.lane_seq) = (d.topic, d.partition, d.lane_seq)
LEFT JOIN decision_override o ON (o.tenant_id, o.decision_id) = (d.tenant_id, d.decision_id)
"""

LAST_ANSWERS: Final = """
SELECT k.tenant_id, k.policy_id, k.resource, d.decision_id, d.answer
FROM unnest($1::text[], $2::text[], $3::text[]) AS k(tenant_id, policy_id, resource), LATERAL (
    (SELECT decision_id, answer, occurred_at FROM decision d
     WHERE d.tenant_id = k.tenant_id AND d.resource = k.resource AND d.policy_id = k.policy_id
       AND d.basis = 'policy'
     ORDER BY d.occurred_at DESC, d.decision_id DESC LIMIT 1)
    UNION ALL
    (SELECT decision_id, answer, occurred_at FROM decision_part p
     WHERE p.tenant_id = k.tenant_id AND p.resource = k.resource AND p.policy_id = k.policy_id
       AND p.basis = 'policy'
     ORDER BY p.occurred_at DESC, p.decision_id DESC LIMIT 1)
    ORDER BY occurred_at DESC, decision_id DESC LIMIT 1) d
"""

POLICIES: Final = """
SELECT p.* FROM policy p
JOIN unnest($1::text[], $2::text[]) AS k(tenant_id, policy_id) USING (tenant_id, policy_id)
"""

VERSIONS: Final = """
SELECT v.* FROM policy_version v
JOIN unnest($1::text[], $2::text[]) AS k(tenant_id, policy_id) USING (tenant_id, policy_id)
ORDER BY v.tenant_id, v.policy_id, v.version
"""

UPSERT_POLICY: Final = """
INSERT INTO policy (tenant_id, policy_id, name, policy_type, state, newest_version, active_version, version,
                    activation_event, created_at, updated_at, last_event, topic, partition, lane_seq,
                    shadow_version, shadow_by, shadow_since, shadow_revision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
ON CONFLICT (tenant_id, policy_id) DO UPDATE SET
    shadow_version = excluded.shadow_version, shadow_by = excluded.shadow_by,
    shadow_since = excluded.shadow_since, shadow_revision = excluded.shadow_revision,
    state = excluded.state, newest_version = excluded.newest_version,
    active_version = excluded.active_version, version = excluded.version,
    activation_event = excluded.activation_event, updated_at = excluded.updated_at,
    last_event = excluded.last_event, lane_seq = excluded.lane_seq
"""

UPSERT_VERSION: Final = """
INSERT INTO policy_version (tenant_id, policy_id, version, state, rego_content, package, module,
                            module_digest, regulation_refs, description, enforcement, fail_mode, timeout_ms,
                            warnings, author, created_at, activating_since, confirmed_revision, superseded_at,
                            personal_fields, input_storage, files, modules, data, checked)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
        $22, $23, $24, $25)
ON CONFLICT (tenant_id, policy_id, version) DO UPDATE SET
    state = excluded.state, activating_since = excluded.activating_since,
    confirmed_revision = excluded.confirmed_revision, superseded_at = excluded.superseded_at
"""

REPLAYS: Final = """
SELECT DISTINCT ON (r.tenant_id, r.policy_id, r.version) r.*
FROM policy_replay r
JOIN unnest($1::text[], $2::text[]) AS k(tenant_id, policy_id) USING (tenant_id, policy_id)
ORDER BY r.tenant_id, r.policy_id, r.version, r.requested_at DESC, r.replay_id DESC
"""
"""The newest of each version."""

UPSERT_REPLAY: Final = """
INSERT INTO policy_replay (tenant_id, policy_id, replay_id, version, days, flip_budget, requested_by,
                           requested_at, outcome, reason, report, finished_at, overridden_by, override_reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (tenant_id, policy_id, replay_id) DO UPDATE SET
    outcome = excluded.outcome, reason = excluded.reason, report = excluded.report,
    finished_at = excluded.finished_at, overridden_by = excluded.overridden_by,
    override_reason = excluded.override_reason
"""

NOTIFY_VERSIONS: Final = "SELECT pg_notify('policy_versions', '')"
"""Wakes the bundle service when the transaction commits."""
