-- The wall as a ledger: tiles of its trees, what the notary says, and the checkpoints that it signed.

SET ROLE gov_audit_owner;
SET search_path = governance_audit;

-- Full tiles only: a partial one follows from the entries after the last full one.
CREATE TABLE gov_audit_tiles (
    tree   text     NOT NULL,                      -- tenant id; empty: the log itself
    level  smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    place  bigint   NOT NULL CHECK (place >= 0),
    hashes bytea    NOT NULL CHECK (octet_length(hashes) = 8192),
    root   bytea    NOT NULL CHECK (octet_length(root) = 32),
    PRIMARY KEY (tree, level, place)
);
ALTER TABLE gov_audit_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;  -- hashes do not compress

-- The notary's own lane wall.notary, until the sink takes it over: number = lane_seq, from 1, gapless.
CREATE TABLE gov_audit_statements (
    statement_no bigint NOT NULL CHECK (statement_no >= 1),
    record       bytea  NOT NULL,                  -- version 1 leaf
    PRIMARY KEY (statement_no)
);

CREATE TABLE gov_audit_checkpoints (
    size      bigint      NOT NULL CHECK (size >= 0),
    root      bytea       NOT NULL CHECK (octet_length(root) = 32),
    note      bytea       NOT NULL,                -- the signed note
    anchored  boolean     NOT NULL,                -- locked in the bucket, over a context entry
    signed_at timestamptz NOT NULL,
    PRIMARY KEY (size)
);
CREATE INDEX checkpoints_anchored ON gov_audit_checkpoints (size) WHERE anchored;

CREATE FUNCTION continue_statements() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF NEW.statement_no > 1 AND NOT EXISTS (
        SELECT FROM governance_audit.gov_audit_statements WHERE statement_no = NEW.statement_no - 1) THEN
        RAISE EXCEPTION 'statement % has no predecessor', NEW.statement_no USING ERRCODE = 'AW001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER continue_statements BEFORE INSERT ON gov_audit_statements
    FOR EACH ROW EXECUTE FUNCTION continue_statements();
ALTER TABLE gov_audit_statements ENABLE ALWAYS TRIGGER continue_statements;

CALL guard('gov_audit_tiles');
CALL guard('gov_audit_statements');
CALL guard('gov_audit_checkpoints');

-- Hashes of the whole log tell a tenant nothing but its proofs; a tenant's own tree is its own.
CREATE POLICY own_tree ON gov_audit_tiles FOR SELECT TO gov_audit_reader
    USING (tree IN ('', current_setting('audit.tenant', true)));
CREATE POLICY every_tree ON gov_audit_tiles FOR SELECT TO gov_audit_auditor USING (true);
CREATE POLICY everybody ON gov_audit_checkpoints FOR SELECT TO gov_audit_reader, gov_audit_auditor USING (true);

GRANT SELECT ON gov_audit_tiles, gov_audit_checkpoints
    TO gov_audit_reader, gov_audit_auditor, gov_audit_writer, gov_audit_notary;
GRANT SELECT ON gov_audit_statements TO gov_audit_writer, gov_audit_notary;
GRANT INSERT ON gov_audit_tiles TO gov_audit_writer;
GRANT INSERT ON gov_audit_statements, gov_audit_checkpoints TO gov_audit_notary;

RESET ROLE;
