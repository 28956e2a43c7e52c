-- The primary database: lanes, inbox, events, aggregates and what readers see.
-- Runs as the owner of the database; logins get grants only.

DO $$
BEGIN
    CREATE ROLE gov_owner NOLOGIN;
EXCEPTION WHEN duplicate_object THEN
    NULL;                                          -- roles belong to the server: another database made it
END $$;
ALTER ROLE gov_agents BYPASSRLS;   -- agents serve every tenant, and COPY refuses tables whose row security applies
GRANT gov_owner TO CURRENT_USER;
CREATE SCHEMA governance AUTHORIZATION gov_owner;
SET ROLE gov_owner;
SET search_path = governance;

-- One row per lane: how far its command partition is decided and its event partition published.
CREATE TABLE lane (
    topic           text    NOT NULL,              -- command topic
    partition       integer NOT NULL,
    topic_id        uuid,                          -- the broker's id of the topic, where it tells one
    next_offset     bigint  NOT NULL DEFAULT 0,
    next_seq        bigint  NOT NULL DEFAULT 1,    -- sequence of the next event
    published_seq   bigint  NOT NULL DEFAULT 0,    -- acknowledged by the broker up to here, contiguously
    last_event_time timestamptz NOT NULL DEFAULT to_timestamp(0),
    attempt_to      bigint  NOT NULL DEFAULT 0,    -- records below were being processed when a start began
    PRIMARY KEY (topic, partition),
    CHECK (next_offset >= 0 AND next_seq >= 1 AND published_seq < next_seq)
) WITH (fillfactor = 50);                          -- every batch updates it in place

-- Every readable command once, by its CloudEvents identity.
CREATE TABLE inbox (
    tenant_id    text   NOT NULL,
    source       text   NOT NULL,
    command_id   text   NOT NULL,
    body_digest  bytea  NOT NULL,                  -- SHA-256 of type and value
    topic        text   NOT NULL,
    partition    integer NOT NULL,
    record_offset bigint NOT NULL,
    state        text   NOT NULL CHECK (state IN ('decided', 'rejected')),
    first_event  text,                             -- its first outcome; null when it needed none
    received_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, source, command_id)
);
CREATE INDEX inbox_command ON inbox (tenant_id, command_id);

-- The history: every event with the exact bytes that are published and audited (schemas/leaf.py).
CREATE TABLE event (
    topic       text    NOT NULL,                  -- event topic
    partition   integer NOT NULL,
    lane_seq    bigint  NOT NULL,
    event_id    text    NOT NULL,
    tenant_id   text    NOT NULL,
    event_type  text    NOT NULL,
    resource    text    NOT NULL,                  -- ce_subject
    actor       text    NOT NULL,
    causation   text    NOT NULL,                  -- ce_causationid
    occurred_at timestamptz NOT NULL,
    record      bytea   NOT NULL,                  -- version 1 leaf: topic, partition, sequence, key, headers, value
    PRIMARY KEY (topic, partition, lane_seq)
) PARTITION BY LIST (topic);
CREATE TABLE event_policy     PARTITION OF event FOR VALUES IN ('governance.policy.events.v1');
CREATE TABLE event_evaluation PARTITION OF event FOR VALUES IN ('governance.evaluation.events.v1');
CREATE TABLE event_compliance PARTITION OF event FOR VALUES IN ('governance.compliance.events.v1');
CREATE TABLE event_evidence   PARTITION OF event FOR VALUES IN ('governance.evidence.events.v1');
CREATE INDEX event_by_id ON event (event_id);

CREATE FUNCTION event_is_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event table is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER event_no_change BEFORE UPDATE OR DELETE ON event
    FOR EACH ROW EXECUTE FUNCTION event_is_history();

-- Records that could not be read, could not be processed, or wait behind one that could not.
CREATE TABLE quarantine (
    topic         text    NOT NULL,                -- command topic
    partition     integer NOT NULL,
    record_offset bigint  NOT NULL,
    state         text    NOT NULL CHECK (state IN ('quarantined', 'parked', 'retried', 'released', 'discarded')),
    tenant_id     text    NOT NULL,
    command_id    text,                            -- null when unreadable
    source        text,
    key           bytea,
    headers       jsonb   NOT NULL,                -- [[name, base64 value]...] in record order
    value         bytea,
    reason        text    NOT NULL,
    detail        text    NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (topic, partition, record_offset)
);
CREATE INDEX quarantine_command ON quarantine (tenant_id, command_id);
CREATE INDEX quarantine_open ON quarantine (topic, partition, key) WHERE state IN ('quarantined', 'parked');

-- Single attempts at commands of a batch that an earlier start left unfinished.
CREATE TABLE attempt (
    topic         text    NOT NULL,
    partition     integer NOT NULL,
    record_offset bigint  NOT NULL,
    attempts      integer NOT NULL,
    PRIMARY KEY (topic, partition, record_offset)
);

CREATE TABLE policy (
    tenant_id      text NOT NULL,
    policy_id      text NOT NULL,
    name           text NOT NULL,
    policy_type    text NOT NULL,
    state          text NOT NULL CHECK (state IN ('draft', 'active', 'retired')),
    newest_version integer NOT NULL,
    active_version integer,
    version        integer NOT NULL,               -- of the aggregate: one per event
    activation_event text,                         -- event id that made active_version decide
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    last_event     text NOT NULL,
    topic          text NOT NULL,                  -- lane of last_event
    partition      integer NOT NULL,
    lane_seq       bigint NOT NULL,
    PRIMARY KEY (tenant_id, policy_id)
);

CREATE TABLE policy_version (
    tenant_id       text NOT NULL,
    policy_id       text NOT NULL,
    version         integer NOT NULL,
    state           text NOT NULL CHECK (state IN
                        ('validated', 'activating', 'active', 'superseded', 'retired', 'activation_failed')),
    rego_content    text NOT NULL,                 -- as submitted
    package         text NOT NULL,                 -- as submitted
    module          text NOT NULL,                 -- as loaded into OPA
    module_digest   text NOT NULL,
    regulation_refs text[] NOT NULL,
    description     text NOT NULL,
    enforcement     text NOT NULL,
    fail_mode       text NOT NULL,
    timeout_ms      integer,
    warnings        jsonb NOT NULL,
    author          text NOT NULL,
    created_at      timestamptz NOT NULL,
    activating_since timestamptz,
    confirmed_revision bigint NOT NULL DEFAULT 0,  -- lowest bundle revision that every OPA process confirmed
    superseded_at   timestamptz,
    PRIMARY KEY (tenant_id, policy_id, version),
    FOREIGN KEY (tenant_id, policy_id) REFERENCES policy
);
-- What the bundle service loads: versions that can be asked for.
CREATE INDEX policy_version_loaded ON policy_version (state)
    WHERE state IN ('activating', 'active', 'superseded');

-- One row per decision: what lists filter by. The decision itself is its event's record.
CREATE TABLE decision (
    tenant_id   text NOT NULL,
    decision_id text NOT NULL,                     -- equals the event id
    policy_id   text NOT NULL,
    policy_version integer,
    resource    text NOT NULL,
    actor       text NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN ('allow', 'deny')),
    basis       text NOT NULL CHECK (basis IN ('policy', 'fail_mode')),
    occurred_at timestamptz NOT NULL,
    topic       text NOT NULL,                     -- lane of the event
    partition   integer NOT NULL,
    lane_seq    bigint NOT NULL,
    PRIMARY KEY (tenant_id, decision_id)
);
CREATE INDEX decision_newest ON decision (tenant_id, occurred_at DESC, decision_id DESC);
CREATE INDEX decision_by_policy ON decision (tenant_id, policy_id, occurred_at DESC, decision_id DESC);
CREATE INDEX decision_by_actor ON decision (tenant_id, actor, occurred_at DESC, decision_id DESC);
CREATE INDEX decision_denied ON decision (tenant_id, occurred_at DESC, decision_id DESC) WHERE outcome = 'deny';
CREATE INDEX decision_by_resource ON decision (tenant_id, resource, occurred_at DESC, decision_id DESC);

-- Readers see their tenant only: every read transaction sets governance.tenant.
CREATE FUNCTION reader_tenant() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN current_setting('governance.tenant', true);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['inbox', 'event', 'quarantine', 'policy', 'policy_version', 'decision'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY reader_tenant ON %I FOR SELECT TO gov_reader USING (tenant_id = reader_tenant())', name);
        EXECUTE format('GRANT SELECT ON %I TO gov_reader', name);
    END LOOP;
END $$;
CREATE POLICY bundles ON policy FOR SELECT TO gov_bundles USING (true);
CREATE POLICY bundles ON policy_version FOR SELECT TO gov_bundles USING (true);

GRANT USAGE ON SCHEMA governance TO gov_agents, gov_reader, gov_bundles;
GRANT SELECT ON lane TO gov_reader;
GRANT SELECT, INSERT, UPDATE ON lane, policy, policy_version, quarantine TO gov_agents;
GRANT SELECT, INSERT ON inbox, event, decision TO gov_agents;
GRANT SELECT, INSERT, UPDATE, DELETE ON attempt TO gov_agents;
GRANT SELECT ON policy, policy_version TO gov_bundles;

RESET ROLE;
