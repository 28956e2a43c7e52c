-- Shadow versions: asked beside the deciding one, with figures of how often they differ.

GRANT gov_owner TO CURRENT_USER;
SET ROLE gov_owner;
SET search_path = governance;

ALTER TABLE policy
    ADD COLUMN shadow_version integer,             -- null: none
    ADD COLUMN shadow_by text,                     -- who asked for it
    ADD COLUMN shadow_since timestamptz,
    ADD COLUMN shadow_revision bigint,             -- 0 while no OPA process has confirmed it: it is not asked yet
    ADD CHECK ((shadow_version IS NULL) = (shadow_revision IS NULL));

-- One row per day and lane, so that lanes never wait for each other; readers sum.
CREATE TABLE policy_shadow_count (
    tenant_id text NOT NULL,
    policy_id text NOT NULL,
    version   integer NOT NULL,
    day       date NOT NULL,                       -- UTC
    topic     text NOT NULL,
    partition integer NOT NULL,
    compared  bigint NOT NULL,
    differed  bigint NOT NULL,
    dropped   bigint NOT NULL,                     -- the decision did not wait for them
    PRIMARY KEY (tenant_id, policy_id, version, day, topic, partition)
);
ALTER TABLE policy_shadow_count ENABLE ROW LEVEL SECURITY;
ALTER TABLE policy_shadow_count FORCE ROW LEVEL SECURITY;
CREATE POLICY reader_tenant ON policy_shadow_count FOR SELECT TO gov_reader USING (tenant_id = reader_tenant());
GRANT SELECT ON policy_shadow_count TO gov_reader;
GRANT SELECT, INSERT, UPDATE ON policy_shadow_count TO gov_agents;

RESET ROLE;
