-- Decision points: several policies that one decision asks, and what each of them said.

GRANT gov_owner TO CURRENT_USER;
SET ROLE gov_owner;
SET search_path = governance;

CREATE TABLE decision_point (
    tenant_id         text NOT NULL,
    decision_point_id text NOT NULL,
    name              text NOT NULL,
    policy_ids        text[] NOT NULL,             -- in order; empty while nothing is bound
    policies          text[] NOT NULL,             -- the same policies as the binding names them
    combining         text NOT NULL CHECK (combining IN
                          ('', 'deny_overrides', 'all_must_allow', 'first_applicable')),
    version           integer NOT NULL,            -- of the aggregate: one per event
    updated_by        text NOT NULL,               -- actor of last_event
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    last_event        text NOT NULL,
    topic             text NOT NULL,
    partition         integer NOT NULL,
    lane_seq          bigint NOT NULL,
    PRIMARY KEY (tenant_id, decision_point_id),
    CHECK (cardinality(policy_ids) = cardinality(policies)),
    CHECK ((combining = '') = (cardinality(policies) = 0))
);
CREATE INDEX decision_point_newest ON decision_point (tenant_id, created_at DESC, decision_point_id DESC);

-- What each policy of a decision point said. Decisions of one policy have no row here.
CREATE TABLE decision_part (
    tenant_id      text NOT NULL,
    decision_id    text NOT NULL,
    place          integer NOT NULL,               -- in the point's order, from 0
    policy_id      text NOT NULL,
    policy_version integer,
    resource       text NOT NULL,
    answer         text NOT NULL CHECK (answer IN ('', 'allow', 'deny')),
    outcome        text NOT NULL CHECK (outcome IN ('allow', 'deny')),
    basis          text NOT NULL CHECK (basis IN ('policy', 'fail_mode')),
    occurred_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, decision_id, place)
);
-- What a policy said last on a resource (fail mode last_known).
CREATE INDEX decision_part_last ON decision_part (tenant_id, resource, policy_id, occurred_at DESC, decision_id DESC)
    WHERE basis = 'policy';

ALTER TABLE decision ADD COLUMN decision_point text NOT NULL DEFAULT '';   -- empty where one policy was asked
CREATE INDEX decision_by_point ON decision (tenant_id, decision_point, occurred_at DESC, decision_id DESC)
    WHERE decision_point <> '';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['decision_point', 'decision_part'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY reader_tenant ON %I FOR SELECT TO gov_reader USING (tenant_id = reader_tenant())', name);
        EXECUTE format('GRANT SELECT ON %I TO gov_reader', name);
    END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE ON decision_point TO gov_agents;
GRANT SELECT, INSERT ON decision_part TO gov_agents;

RESET ROLE;
