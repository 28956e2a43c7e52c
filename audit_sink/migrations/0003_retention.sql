-- Ranges of the log whose entries are gone. Only the owner's retention run adds rows here; it needs a
-- superuser, as the DDL that it runs does.

SET ROLE gov_audit_owner;
SET search_path = governance_audit;

CREATE TABLE gov_audit_pruned (
    first_index     bigint      NOT NULL CHECK (first_index >= 0),
    end_index       bigint      NOT NULL CHECK (end_index > first_index),
    root            bytea       NOT NULL CHECK (octet_length(root) = 32),  -- of the subtree over the range
    retention_index bigint      NOT NULL CHECK (retention_index >= end_index),  -- the audit.retention entry
    pruned_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (first_index)
);

-- Leaf hashes of pruned entries that fill no tile of their tenant's tree yet: where that tree goes on.
CREATE TABLE gov_audit_edges (
    tree         text   NOT NULL,                  -- tenant id
    tenant_index bigint NOT NULL CHECK (tenant_index >= 0),
    leaf_hash    bytea  NOT NULL CHECK (octet_length(leaf_hash) = 32),
    PRIMARY KEY (tree, tenant_index)
);

CALL guard('gov_audit_pruned');
CALL guard('gov_audit_edges');

-- What decides about pruning, found without reading the log.
CREATE INDEX entries_about_log ON gov_audit_trail_entries (event_type, leaf_index)
    WHERE event_type IN ('audit.legal_hold', 'audit.legal_hold_released', 'audit.retention');

CREATE POLICY everybody ON gov_audit_pruned FOR SELECT TO gov_audit_reader, gov_audit_auditor USING (true);
GRANT SELECT ON gov_audit_pruned TO gov_audit_reader, gov_audit_auditor, gov_audit_writer, gov_audit_notary;
GRANT SELECT ON gov_audit_edges TO gov_audit_writer, gov_audit_notary;

RESET ROLE;
