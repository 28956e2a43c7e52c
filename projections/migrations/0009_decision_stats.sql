-- What is counted of decisions: figures, reasons, and the activations between which outcomes are compared.
-- One row per lane, so that lanes never wait for each other; readers sum. Every figure is counted twice, by
-- hour and by day, so that what a question reads follows its window and not its resolution.

GRANT gov_owner TO CURRENT_USER;
SET ROLE gov_owner;
SET search_path = governance;

CREATE TABLE decision_stat (
    tenant_id      text NOT NULL,
    policy_id      text NOT NULL,
    width          text NOT NULL CHECK (width IN ('hour', 'day')),
    starts_at      timestamptz NOT NULL,           -- of the hour or day, UTC
    policy_version integer NOT NULL,               -- 0 where no version could be asked
    topic          text NOT NULL,                  -- lane of the events
    partition      integer NOT NULL,
    decision_point text NOT NULL,                  -- '' where none was named; '(other)' past the bound
    allowed        bigint NOT NULL,                -- decisions that this policy decided
    denied         bigint NOT NULL,
    said_allow     bigint NOT NULL,                -- answers of this policy
    said_deny      bigint NOT NULL,
    failed         bigint NOT NULL,                -- times it was asked and its fail mode answered
    timed_out      bigint NOT NULL,                -- of these, by a time-out
    us_500         bigint NOT NULL,                -- answers by OPA within so many microseconds, and more than
    us_1000        bigint NOT NULL,                -- the bound before
    us_2000        bigint NOT NULL,
    us_3000        bigint NOT NULL,
    us_5000        bigint NOT NULL,
    us_7500        bigint NOT NULL,
    us_10000       bigint NOT NULL,
    us_15000       bigint NOT NULL,
    us_25000       bigint NOT NULL,
    us_50000       bigint NOT NULL,
    us_100000      bigint NOT NULL,
    us_200000      bigint NOT NULL,
    us_500000      bigint NOT NULL,
    us_1000000     bigint NOT NULL,
    us_more        bigint NOT NULL,
    PRIMARY KEY (tenant_id, policy_id, width, starts_at, policy_version, topic, partition, decision_point)
) WITH (fillfactor = 50);                          -- every batch updates rows of the hour and day in place
CREATE INDEX decision_stat_of_all ON decision_stat (tenant_id, width, starts_at);

-- Why policies denied or could not answer.
CREATE TABLE decision_reason (
    tenant_id      text NOT NULL,
    policy_id      text NOT NULL,
    width          text NOT NULL CHECK (width IN ('hour', 'day')),
    starts_at      timestamptz NOT NULL,
    policy_version integer NOT NULL,
    topic          text NOT NULL,
    partition      integer NOT NULL,
    decision_point text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('violation', 'error')),
    reason         text NOT NULL,                  -- rule or text of a violation, or code of an error
    value          bigint NOT NULL,
    PRIMARY KEY (tenant_id, policy_id, width, starts_at, policy_version, topic, partition,
                 decision_point, kind, reason)
) WITH (fillfactor = 50);
CREATE INDEX decision_reason_of_all ON decision_reason (tenant_id, width, starts_at);

CREATE TABLE policy_activation (
    tenant_id        text NOT NULL,
    policy_id        text NOT NULL,
    event_id         text NOT NULL,
    version          integer NOT NULL,
    previous_version integer,                      -- null where none decided before
    activated_at     timestamptz NOT NULL,
    topic            text NOT NULL,
    partition        integer NOT NULL,
    lane_seq         bigint NOT NULL,
    PRIMARY KEY (tenant_id, policy_id, lane_seq)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['decision_stat', 'decision_reason', 'policy_activation'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY reader_tenant ON %I FOR SELECT TO gov_reader USING (tenant_id = reader_tenant())', name);
        EXECUTE format('GRANT SELECT ON %I TO gov_reader', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO gov_agents', name);  -- a rebuild replaces a lane's rows
    END LOOP;
END $$;

RESET ROLE;
