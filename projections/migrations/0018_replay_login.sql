-- The replay process has a login of its own; the background process no longer reads what was decided.

GRANT gov_owner TO CURRENT_USER;
SET ROLE gov_owner;
SET search_path = governance;

GRANT USAGE ON SCHEMA governance TO gov_replay;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['policy_replay', 'policy', 'policy_version', 'decision', 'event'] LOOP
        EXECUTE format('CREATE POLICY replay ON %I FOR SELECT TO gov_replay USING (true)', name);
        EXECUTE format('GRANT SELECT ON %I TO gov_replay', name);
    END LOOP;
    -- It still looks for replays that nobody finishes.
    FOREACH name IN ARRAY ARRAY['policy', 'policy_version', 'decision', 'event'] LOOP
        EXECUTE format('DROP POLICY background ON %I', name);
        EXECUTE format('REVOKE SELECT ON %I FROM gov_background', name);
    END LOOP;
END $$;

RESET ROLE;
