-- Denials of soft_mandatory policies that a second person let pass.

GRANT gov_owner TO CURRENT_USER;
SET ROLE gov_owner;
SET search_path = governance;

CREATE TABLE decision_override (
    tenant_id     text NOT NULL,
    decision_id   text NOT NULL,
    decided_at    timestamptz NOT NULL,            -- of the decision
    reason        text NOT NULL,
    overridden_by text NOT NULL,
    overridden_at timestamptz NOT NULL,
    event_id      text NOT NULL,
    topic         text NOT NULL,                   -- lane of the event
    partition     integer NOT NULL,
    lane_seq      bigint NOT NULL,
    PRIMARY KEY (tenant_id, decision_id)
);
CREATE INDEX decision_override_newest ON decision_override (tenant_id, decided_at DESC, decision_id DESC);

ALTER TABLE decision_override ENABLE ROW LEVEL SECURITY;
ALTER TABLE decision_override FORCE ROW LEVEL SECURITY;
CREATE POLICY reader_tenant ON decision_override FOR SELECT TO gov_reader USING (tenant_id = reader_tenant());
GRANT SELECT ON decision_override TO gov_reader;
GRANT SELECT, INSERT ON decision_override TO gov_agents;

RESET ROLE;
