-- Replays that activations wait for; and who may read recorded decisions to run them.

GRANT gov_owner TO CURRENT_USER;
SET ROLE gov_owner;
SET search_path = governance;

CREATE TABLE policy_replay (
    tenant_id       text NOT NULL,
    policy_id       text NOT NULL,
    replay_id       text NOT NULL,                 -- event that asked for it
    version         integer NOT NULL,
    days            integer NOT NULL,
    flip_budget     bigint NOT NULL,
    requested_by    text NOT NULL,
    requested_at    timestamptz NOT NULL,
    outcome         text NOT NULL CHECK (outcome IN
                        ('running', 'within_budget', 'over_budget', 'failed', 'abandoned')),
    reason          text NOT NULL,                 -- why it failed or kept the version back, else ''
    report          jsonb,
    finished_at     timestamptz,
    overridden_by   text NOT NULL,                 -- who activated the version all the same, else ''
    override_reason text NOT NULL,
    PRIMARY KEY (tenant_id, policy_id, replay_id),
    FOREIGN KEY (tenant_id, policy_id, version) REFERENCES policy_version
);
CREATE INDEX policy_replay_newest ON policy_replay (tenant_id, policy_id, requested_at DESC, replay_id DESC);
CREATE INDEX policy_replay_running ON policy_replay (requested_at) WHERE outcome = 'running';

ALTER TABLE policy_replay ENABLE ROW LEVEL SECURITY;
ALTER TABLE policy_replay FORCE ROW LEVEL SECURITY;
CREATE POLICY reader_tenant ON policy_replay FOR SELECT TO gov_reader USING (tenant_id = reader_tenant());
GRANT SELECT ON policy_replay TO gov_reader;
GRANT SELECT, INSERT, UPDATE ON policy_replay TO gov_agents;

-- The replay process reads what was decided and by what, of every tenant, and writes nothing.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['policy_replay', 'policy', 'policy_version', 'decision', 'event'] LOOP
        EXECUTE format('CREATE POLICY background ON %I FOR SELECT TO gov_background USING (true)', name);
        EXECUTE format('GRANT SELECT ON %I TO gov_background', name);
    END LOOP;
END $$;

RESET ROLE;
