-- A policy is a set of modules with data; what running it at its submission showed is kept.

GRANT gov_owner TO CURRENT_USER;
SET ROLE gov_owner;
SET search_path = governance;

ALTER TABLE policy_version
    ADD COLUMN files jsonb NOT NULL DEFAULT '[]',       -- further files as submitted: path, content
    ADD COLUMN modules jsonb NOT NULL DEFAULT '[]',     -- further modules as loaded into OPA: path, content
    ADD COLUMN data text NOT NULL DEFAULT '{}',         -- data document as loaded into OPA
    ADD COLUMN checked jsonb;                           -- tests, coverage, inputs, slowest_us

RESET ROLE;
