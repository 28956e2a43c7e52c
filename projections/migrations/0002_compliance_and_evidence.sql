-- Compliance workflows with their controls and timers, and evidence with what it supports.

GRANT gov_owner TO CURRENT_USER;
SET ROLE gov_owner;
SET search_path = governance;

CREATE INDEX policy_newest ON policy (tenant_id, created_at DESC, policy_id DESC);

-- One assessment of one regulation. A workflow pins the regulation's content hash and never changes it.
CREATE TABLE workflow (
    tenant_id      text NOT NULL,
    workflow_id    text NOT NULL,
    name           text NOT NULL,
    regulation     text NOT NULL,                  -- code
    edition        text NOT NULL,
    regulation_version text NOT NULL,              -- sha256:… of the regulation's folder
    law_version    text NOT NULL,                  -- law or edition in force when it was created
    description    text NOT NULL,
    boundary       text NOT NULL,                  -- what is assessed, in words
    owner          text NOT NULL,
    choices        jsonb NOT NULL,                 -- {selector: [value…]}, complete
    period_start   date NOT NULL,
    period_end     date NOT NULL,                  -- exclusive
    period_ended   boolean NOT NULL,               -- its timer fired while the workflow was open
    state          text NOT NULL,                  -- lower case: draft, scoped, readiness, collecting, cancelled…
    phase          text NOT NULL CHECK (phase IN
                       ('draft', 'in_progress', 'in_review', 'completed', 'suspended', 'closed')),
    controls_total integer NOT NULL,
    applicable     integer NOT NULL,               -- controls by applicability; the rest is undecided
    excluded       integer NOT NULL,
    assessed       integer NOT NULL,               -- applicable controls that have an assessment result
    satisfied      integer NOT NULL,               -- of these; nothing else ever counts as met
    created_by     text NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    version        integer NOT NULL,               -- of the aggregate: one per event
    last_event     text NOT NULL,
    topic          text NOT NULL,
    partition      integer NOT NULL,
    lane_seq       bigint NOT NULL,
    PRIMARY KEY (tenant_id, workflow_id),
    CHECK (satisfied <= assessed AND assessed <= applicable AND applicable + excluded <= controls_total)
);
CREATE INDEX workflow_newest ON workflow (tenant_id, created_at DESC, workflow_id DESC);
CREATE INDEX workflow_by_regulation ON workflow (tenant_id, regulation, created_at DESC, workflow_id DESC);

CREATE TABLE workflow_control (
    tenant_id     text NOT NULL,
    workflow_id   text NOT NULL,
    control_id    text NOT NULL,
    place         integer NOT NULL,                -- in the catalogue, from 0
    applicability text NOT NULL CHECK (applicability IN
                      ('undecided', 'applicable', 'exclusion_requested', 'excluded')),
    reason        text NOT NULL,                   -- of the newest applicability decision
    decided_by    text,
    approved_by   text,                            -- of an exclusion: another person than decided_by
    owner         text,
    assessor      text,
    state         text NOT NULL,                   -- not_assessed, evidence_pending, not_applicable…
    PRIMARY KEY (tenant_id, workflow_id, control_id),
    FOREIGN KEY (tenant_id, workflow_id) REFERENCES workflow,
    CHECK (approved_by IS NULL OR approved_by <> decided_by),
    CHECK (applicability <> 'excluded' OR approved_by IS NOT NULL)
);

-- The newest generation of each timer. The scheduler reads it; only the aggregate's lane writes it.
CREATE TABLE timer (
    tenant_id  text NOT NULL,
    aggregate  text NOT NULL,                      -- ce_subject of the aggregate: workflow/<id>
    name       text NOT NULL,
    generation integer NOT NULL CHECK (generation >= 1),
    due_at     timestamptz NOT NULL,
    state      text NOT NULL CHECK (state IN ('armed', 'fired', 'disarmed')),
    PRIMARY KEY (tenant_id, aggregate, name)
);
CREATE INDEX timer_due ON timer (due_at) WHERE state = 'armed';

CREATE TABLE evidence (
    tenant_id      text NOT NULL,
    evidence_id    text NOT NULL,
    title          text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('manual', 'automated')),
    evidence_type  text NOT NULL,                  -- e.g. policy_document, report, export
    description    text NOT NULL,
    source         text NOT NULL,                  -- what made it, for automated evidence
    state          text NOT NULL CHECK (state IN ('collected', 'verified', 'quarantined')),
    reason         text NOT NULL,                  -- why it is quarantined, else ''
    sha256         text NOT NULL,                  -- hex, as submitted
    size           bigint NOT NULL CHECK (size >= 0),
    media_type     text NOT NULL,
    object_key     text NOT NULL,
    version_id     text NOT NULL,                  -- of the object in the bucket
    locked_until   timestamptz,                    -- COMPLIANCE retention that the verifier has set
    collected_at   timestamptz NOT NULL,
    effective_from timestamptz NOT NULL,
    effective_to   timestamptz,                    -- exclusive; null is open
    valid_until    timestamptz,                    -- after it the evidence counts for nothing
    submitted_by   text NOT NULL,
    submitted_at   timestamptz NOT NULL,
    verified_at    timestamptz,
    version        integer NOT NULL,
    last_event     text NOT NULL,
    topic          text NOT NULL,
    partition      integer NOT NULL,
    lane_seq       bigint NOT NULL,
    PRIMARY KEY (tenant_id, evidence_id)
);
CREATE INDEX evidence_newest ON evidence (tenant_id, submitted_at DESC, evidence_id DESC);
CREATE INDEX evidence_by_state ON evidence (tenant_id, state, submitted_at DESC, evidence_id DESC);
CREATE INDEX evidence_by_submitter ON evidence (tenant_id, submitted_by, submitted_at DESC, evidence_id DESC);
CREATE INDEX evidence_manual ON evidence (tenant_id, submitted_at DESC, evidence_id DESC) WHERE kind = 'manual';
-- What the verifier still has to look at.
CREATE INDEX evidence_unverified ON evidence (submitted_at) WHERE state = 'collected';

CREATE TABLE evidence_control (
    tenant_id   text NOT NULL,
    evidence_id text NOT NULL,
    regulation  text NOT NULL,
    control_id  text NOT NULL,
    PRIMARY KEY (tenant_id, regulation, control_id, evidence_id),
    FOREIGN KEY (tenant_id, evidence_id) REFERENCES evidence
);
CREATE INDEX evidence_control_of ON evidence_control (tenant_id, evidence_id);

CREATE TABLE evidence_technical_control (
    tenant_id         text NOT NULL,
    evidence_id       text NOT NULL,
    technical_control text NOT NULL,
    PRIMARY KEY (tenant_id, technical_control, evidence_id),
    FOREIGN KEY (tenant_id, evidence_id) REFERENCES evidence
);
CREATE INDEX evidence_technical_control_of ON evidence_technical_control (tenant_id, evidence_id);

-- Counts that readers sum: one row per lane, so that lanes never wait for each other.
CREATE TABLE counter (
    tenant_id text NOT NULL,
    name      text NOT NULL,                       -- evidence/<state>, evidence/<regulation>/<state>
    topic     text NOT NULL,
    partition integer NOT NULL,
    value     bigint NOT NULL,
    PRIMARY KEY (tenant_id, name, topic, partition)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['workflow', 'workflow_control', 'timer', 'evidence', 'evidence_control',
                                'evidence_technical_control', 'counter'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY reader_tenant ON %I FOR SELECT TO gov_reader USING (tenant_id = reader_tenant())', name);
        EXECUTE format('GRANT SELECT ON %I TO gov_reader', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO gov_agents', name);
    END LOOP;
END $$;

-- Scheduler and verifier see what is due, of every tenant, and write nothing.
CREATE POLICY background ON timer FOR SELECT TO gov_background USING (true);
CREATE POLICY background ON evidence FOR SELECT TO gov_background USING (true);
GRANT USAGE ON SCHEMA governance TO gov_background;
GRANT SELECT ON timer, evidence TO gov_background;

RESET ROLE;
