"""What the demo asks the primary database.

Each question but the first takes the lanes' positions before the run as three columns (topic, partition,
first) and counts from there on.
"""

from typing import Final

PENDING: Final = """
SELECT (SELECT count(*) FROM governance.evidence WHERE state = 'collected')
     + (SELECT count(*) FROM governance.timer WHERE state = 'armed' AND due_at <= now())"""

INBOX: Final = """
SELECT source, count(*)
FROM governance.inbox
JOIN unnest($1::text[], $2::int[], $3::bigint[]) AS start(topic, partition, first) USING (topic, partition)
WHERE record_offset >= first GROUP BY source"""

QUARANTINE: Final = """
SELECT reason, count(*)
FROM governance.quarantine
JOIN unnest($1::text[], $2::int[], $3::bigint[]) AS start(topic, partition, first) USING (topic, partition)
WHERE record_offset >= first GROUP BY reason"""

EVENTS: Final = """
SELECT event_type, count(*)
FROM governance.event
JOIN unnest($1::text[], $2::int[], $3::bigint[]) AS start(topic, partition, first) USING (topic, partition)
WHERE lane_seq >= first GROUP BY event_type"""

REJECTIONS: Final = """
SELECT record
FROM governance.event
JOIN unnest($1::text[], $2::int[], $3::bigint[]) AS start(topic, partition, first) USING (topic, partition)
WHERE lane_seq >= first AND event_type LIKE '%.command_rejected'"""

DECISIONS: Final = """
SELECT p.name, d.outcome, d.basis, count(*)
FROM governance.decision d
JOIN unnest($1::text[], $2::int[], $3::bigint[]) AS start(topic, partition, first) USING (topic, partition)
JOIN governance.policy p USING (tenant_id, policy_id)
WHERE d.lane_seq >= first GROUP BY p.name, d.outcome, d.basis ORDER BY 1, 2, 3"""

CANDIDATES: Final = """
SELECT tenant_id, decision_id, name, outcome FROM (
    SELECT d.tenant_id, d.decision_id, p.name, d.outcome,
           row_number() OVER (PARTITION BY p.name, d.outcome ORDER BY d.decision_id) AS place
    FROM governance.decision d
JOIN unnest($1::text[], $2::int[], $3::bigint[]) AS start(topic, partition, first) USING (topic, partition)
    JOIN governance.policy p USING (tenant_id, policy_id)
    WHERE d.lane_seq >= first AND d.basis = 'policy') AS numbered
WHERE place <= $4 ORDER BY name, outcome, place"""
