-- Rows for the lists: $1 tenants, $2 decisions and $2 pieces of evidence in all, each fed by some lane.
-- Run by bench/reads.py, statement by statement; {tenants} and {rows} are numbers.

INSERT INTO governance.policy
SELECT tenant, policy, 'Policy ' || p, 'opa_rego', 'active', 1, 1, 1, 'e', now(), now(), 'e',
       'governance.policy.events.v1', 0, p + 1
FROM generate_series(0, {tenants} - 1) AS t, generate_series(0, 9) AS p,
     LATERAL (SELECT format('reader-%s', lpad(t::text, 2, '0')) AS tenant,
                     format('00000000-0000-0000-%s-%s', lpad(t::text, 4, '0'), lpad(p::text, 12, '0')) AS policy) AS n;

INSERT INTO governance.decision
SELECT format('reader-%s', lpad((n % {tenants})::text, 2, '0')),
       format('00000000-0000-4000-8000-%s', lpad(n::text, 12, '0')),
       format('00000000-0000-0000-%s-%s', lpad((n % {tenants})::text, 4, '0'), lpad((n / {tenants} % 10)::text, 12, '0')),
       1, 'model/m-' || n / {tenants} % 500, 'svc-' || n / {tenants} % 20,
       CASE WHEN n / {tenants} % 10 = 0 THEN 'deny' ELSE 'allow' END, 'policy',
       timestamptz '2026-01-01T00:00:00Z' + n * interval '1 second', 'governance.evaluation.events.v1', n % 8, n / 8 + 1
FROM generate_series(0, {rows} - 1) AS n;

INSERT INTO governance.evidence
SELECT format('reader-%s', lpad((n % {tenants})::text, 2, '0')), evidence, 'Evidence ' || n,
       CASE WHEN n / {tenants} % 4 = 0 THEN 'manual' ELSE 'automated' END, 'report', '', 'bench',
       (ARRAY['collected', 'verified', 'verified', 'verified', 'quarantined'])[1 + n / {tenants} % 5], '',
       repeat('0', 64), 1000, 'application/pdf', 'k', 'v', NULL, at, at, NULL, at + interval '1 year', 'svc-bench', at,
       NULL, 1, 'e', 'governance.evidence.events.v1', n % 4, n / 4 + 1
FROM generate_series(0, {rows} - 1) AS n,
     LATERAL (SELECT format('00000000-0000-4000-9000-%s', lpad(n::text, 12, '0')) AS evidence,
                     timestamptz '2026-01-01T00:00:00Z' + n * interval '1 second' AS at) AS v;

INSERT INTO governance.evidence_control
SELECT format('reader-%s', lpad((n % {tenants})::text, 2, '0')),
       format('00000000-0000-4000-9000-%s', lpad(n::text, 12, '0')), 'iso42001', 'A.' || 2 + c || '.2'
FROM generate_series(0, {rows} - 1) AS n, LATERAL (VALUES (n / {tenants} % 4), (4 + n / {tenants} % 4)) AS link(c);

INSERT INTO governance.counter
SELECT tenant_id, 'evidence/' || state, topic, partition, count(*) FROM governance.evidence GROUP BY 1, 2, 3, 4
UNION ALL
SELECT tenant_id, 'evidence/iso42001/' || state, topic, partition, count(*) FROM governance.evidence GROUP BY 1, 2, 3, 4;

INSERT INTO governance.workflow
SELECT format('reader-%s', lpad(t::text, 2, '0')),
       format('00000000-0000-4000-a000-%s', lpad((t * 10 + w)::text, 12, '0')), 'Assessment ' || w,
       (ARRAY['iso42001', 'soc2', 'hipaa', 'eu_ai_act', 'fedramp', 'iso27001'])[1 + w % 6], 'edition', 'sha256:0', 'law', '',
       'all AI systems', 'owner', '{}', date '2026-01-01', date '2027-01-01', false, 'collecting', 'in_progress',
       70, 60, 5, 0, 0, 'svc-bench', now() + w * interval '1 second', now(), 1, 'e', 'governance.compliance.events.v1',
       w % 4, t * 10 + w + 1
FROM generate_series(0, {tenants} - 1) AS t, generate_series(0, 9) AS w;

ANALYZE;
