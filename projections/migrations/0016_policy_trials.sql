-- Shadows' figures follow from decisions' events, and are made anew from them like other counts; the replay
-- process sees what a policy said at decision points.

GRANT gov_owner TO CURRENT_USER;
SET ROLE gov_owner;
SET search_path = governance;

-- Figures from before: no event tells what they count.
DELETE FROM policy_shadow_count;

GRANT DELETE ON policy_shadow_count, policy_replay TO gov_agents;  -- a rebuild replaces a lane's rows

CREATE POLICY replay ON decision_part FOR SELECT TO gov_replay USING (true);
GRANT SELECT ON decision_part TO gov_replay;

RESET ROLE;
