-- A version that is not asked any more until it is activated again.

GRANT gov_owner TO CURRENT_USER;
SET ROLE gov_owner;
SET search_path = governance;

ALTER TABLE policy_version DROP CONSTRAINT policy_version_state_check;
ALTER TABLE policy_version ADD CONSTRAINT policy_version_state_check CHECK (state IN
    ('validated', 'activating', 'active', 'superseded', 'suspended', 'retired', 'activation_failed'));

RESET ROLE;
