-- What a policy said at decision points, in order: for what changed after it was activated.

GRANT gov_owner TO CURRENT_USER;
SET ROLE gov_owner;
SET search_path = governance;

CREATE INDEX decision_part_by_policy ON decision_part (tenant_id, policy_id, occurred_at, decision_id);

RESET ROLE;
