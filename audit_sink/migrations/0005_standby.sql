-- The notary signs what the synchronous standby has: only this lets it see how far that is.
GRANT pg_read_all_stats TO gov_audit_notary;
