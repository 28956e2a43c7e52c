-- What is said about events, holds and subjects (audit.*) is found by what it is about.

GRANT gov_owner TO CURRENT_USER;
SET ROLE gov_owner;
SET search_path = governance;

CREATE INDEX event_about ON event (tenant_id, resource, lane_seq) WHERE event_type LIKE 'audit.%';

RESET ROLE;
