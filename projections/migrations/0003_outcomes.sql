-- What the policy itself said beside the outcome, and how versions store inputs.

GRANT gov_owner TO CURRENT_USER;
SET ROLE gov_owner;
SET search_path = governance;

ALTER TABLE policy_version
    ADD COLUMN personal_fields text[] NOT NULL DEFAULT '{}',   -- JSON Pointers that are masked before storing
    ADD COLUMN input_storage text NOT NULL DEFAULT 'full' CHECK (input_storage IN ('full', 'digest'));

ALTER TABLE decision
    ADD COLUMN answer text NOT NULL DEFAULT '' CHECK (answer IN ('', 'allow', 'deny'));  -- before enforcement
-- Until now the outcome was the policy's own answer wherever it had one.
ALTER TABLE decision NO FORCE ROW LEVEL SECURITY;              -- forced, it would hide every row from this update
UPDATE decision SET answer = outcome WHERE basis = 'policy';
ALTER TABLE decision FORCE ROW LEVEL SECURITY;

-- One index for both questions: what was denied, and what a policy would have denied.
DROP INDEX decision_denied;
CREATE INDEX decision_denied ON decision (tenant_id, occurred_at DESC, decision_id DESC)
    WHERE outcome = 'deny' OR answer = 'deny';

RESET ROLE;
