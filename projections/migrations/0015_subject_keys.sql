-- Keys of personal fields, one a subject.

GRANT gov_owner TO CURRENT_USER;
SET ROLE gov_owner;
SET search_path = governance;

-- Outside the events, which never change. A destroyed key leaves its
-- row, so that the subject's later fields are masked and nobody makes another key for the old ones.
CREATE TABLE subject_key (
    tenant_id    text  NOT NULL,
    subject      bytea NOT NULL,                   -- SHA-256 of tenant and subject
    pseudonym    text  NOT NULL,                   -- random; what events have
    commitment   bytea NOT NULL CHECK (octet_length(commitment) = 32),
    key          bytea CHECK (octet_length(key) = 32),
    created_at   timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    PRIMARY KEY (tenant_id, subject),
    UNIQUE (tenant_id, pseudonym),
    CHECK ((key IS NULL) = (destroyed_at IS NOT NULL))
);
ALTER TABLE subject_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject_key FORCE ROW LEVEL SECURITY;
CREATE POLICY reader_tenant ON subject_key FOR SELECT TO gov_reader USING (tenant_id = reader_tenant());
GRANT SELECT (tenant_id, pseudonym, key) ON subject_key TO gov_reader;
GRANT SELECT, INSERT, UPDATE (key, destroyed_at) ON subject_key TO gov_agents;

RESET ROLE;
