-- The Audit Wall: rows are added, never changed. Run by a superuser whose session sets
-- governance_audit.migration = 'on'; everything belongs to an owner that nobody can become.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gov_audit_owner') THEN
        CREATE ROLE gov_audit_owner NOLOGIN;
    END IF;
    -- What scope audit:all reads with: the reader's login takes this role for one transaction.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gov_audit_auditor') THEN
        CREATE ROLE gov_audit_auditor NOLOGIN;
    END IF;
END $$;
GRANT gov_audit_auditor TO gov_audit_reader WITH INHERIT FALSE, SET TRUE;
-- COPY FROM is refused where row-level security applies; both need every tenant's rows anyway.
ALTER ROLE gov_audit_writer BYPASSRLS;
ALTER ROLE gov_audit_notary BYPASSRLS;
ALTER ROLE gov_audit_reader SET default_transaction_read_only = on;

CREATE SCHEMA governance_audit AUTHORIZATION gov_audit_owner;

DO $$
DECLARE
    login text;
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    FOREACH login IN ARRAY ARRAY['gov_audit_writer', 'gov_audit_reader', 'gov_audit_notary'] LOOP
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), login);
        EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = governance_audit', login, current_database());
    END LOOP;
END $$;

SET ROLE gov_audit_owner;
SET search_path = governance_audit;

-- One row per event, in the order of the log. Every column follows from entry and position.
CREATE TABLE gov_audit_trail_entries (
    leaf_index   bigint  NOT NULL CHECK (leaf_index >= 0),
    tenant_id    text    NOT NULL CHECK (tenant_id <> ''),
    tenant_index bigint  NOT NULL CHECK (tenant_index >= 0),  -- place among the tenant's own entries
    topic        text    NOT NULL,                            -- event topic, or the wall's own lane
    partition    integer NOT NULL,
    lane_seq     bigint  NOT NULL CHECK (lane_seq >= 1),
    event_id     text    NOT NULL,
    event_type   text    NOT NULL,
    resource     text    NOT NULL,                            -- ce_subject
    actor        text    NOT NULL,
    occurred_at  timestamptz,                                 -- null where ce_time cannot be read
    leaf_hash    bytea   NOT NULL CHECK (octet_length(leaf_hash) = 32),
    entry        bytea   NOT NULL CHECK (octet_length(entry) <= 65535),
    PRIMARY KEY (leaf_index)
) PARTITION BY RANGE (leaf_index);
-- Compressing an entry costs more than writing it.
ALTER TABLE gov_audit_trail_entries ALTER COLUMN entry SET STORAGE EXTERNAL;
CREATE INDEX entries_by_tenant ON gov_audit_trail_entries (tenant_id, leaf_index);
CREATE INDEX entries_by_resource ON gov_audit_trail_entries (tenant_id, resource, leaf_index);
CREATE INDEX entries_by_event ON gov_audit_trail_entries (event_id);
CREATE INDEX entries_by_time ON gov_audit_trail_entries USING brin (occurred_at);

-- One row per lane and transaction: the fence between sinks, and where each lane stands.
CREATE TABLE gov_audit_batches (
    batch_no       bigint  NOT NULL CHECK (batch_no >= 1),
    topic          text    NOT NULL,
    partition      integer NOT NULL,
    from_offset    bigint  NOT NULL CHECK (from_offset >= 0),
    next_offset    bigint  NOT NULL,
    first_lane_seq bigint  NOT NULL CHECK (first_lane_seq >= 1),
    next_lane_seq  bigint  NOT NULL,
    first_index    bigint  NOT NULL CHECK (first_index >= 0),
    next_index     bigint  NOT NULL,
    root_after     bytea   NOT NULL CHECK (octet_length(root_after) = 32),
    -- Only on a transaction's last row: the hashes of the full subtrees, largest first.
    right_edge     bytea   CHECK (octet_length(right_edge) = 32 * bit_count(next_index::bit(64))),
    prev_hash      bytea   NOT NULL CHECK (octet_length(prev_hash) = 32),
    PRIMARY KEY (batch_no),
    CHECK (next_offset >= from_offset),
    CHECK (next_index >= first_index),
    CHECK (next_lane_seq - first_lane_seq = next_index - first_index)
) PARTITION BY RANGE (batch_no);
CREATE INDEX batches_by_lane ON gov_audit_batches (topic, partition, batch_no);
CREATE INDEX batches_by_sequence ON gov_audit_batches (topic, partition, next_lane_seq);

-- Values that their entries only name by digest.
CREATE TABLE gov_audit_large_values (
    tenant_id text  NOT NULL,
    digest    bytea NOT NULL,
    value     bytea NOT NULL CHECK (sha256(value) = digest),
    PRIMARY KEY (tenant_id, digest)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'the Audit Wall is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Errors are corrected by a later audit.correction entry.';
END $$;

-- SQLSTATE AW001 tells the sink that another one has gone on.
CREATE FUNCTION continue_predecessor() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    log_end  bigint := 0;
    lane_seq bigint := 1;
    lane_end bigint := 0;
BEGIN
    IF NEW.batch_no > 1 THEN
        SELECT next_index INTO log_end
            FROM governance_audit.gov_audit_batches WHERE batch_no = NEW.batch_no - 1;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'batch % has no predecessor', NEW.batch_no USING ERRCODE = 'AW001';
        END IF;
    END IF;
    IF NEW.first_index <> log_end THEN
        RAISE EXCEPTION 'batch % starts at index %, the log ends at %', NEW.batch_no, NEW.first_index, log_end
            USING ERRCODE = 'AW001';
    END IF;
    SELECT next_lane_seq, next_offset INTO lane_seq, lane_end
        FROM governance_audit.gov_audit_batches
        WHERE topic = NEW.topic AND partition = NEW.partition AND batch_no < NEW.batch_no
        ORDER BY batch_no DESC LIMIT 1;
    IF NOT FOUND THEN
        lane_seq := 1;
        lane_end := 0;
    END IF;
    IF NEW.first_lane_seq <> lane_seq THEN
        RAISE EXCEPTION 'batch % starts at sequence % of %/%, which goes on at %',
            NEW.batch_no, NEW.first_lane_seq, NEW.topic, NEW.partition, lane_seq USING ERRCODE = 'AW001';
    END IF;
    -- Lower only where a topic was made anew and is read from its start; never past unread offsets.
    IF NEW.from_offset > lane_end THEN
        RAISE EXCEPTION 'batch % skips offsets % to % of %/%',
            NEW.batch_no, lane_end, NEW.from_offset, NEW.topic, NEW.partition USING ERRCODE = 'AW001';
    END IF;
    RETURN NEW;
END $$;

-- Everything that a partition does not inherit; on parents and plain tables the row trigger too.
CREATE PROCEDURE guard(relation regclass) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER refuse_statement BEFORE UPDATE OR DELETE OR TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION governance_audit.refuse_change()', relation);
    IF NOT (SELECT relispartition FROM pg_class WHERE oid = relation) THEN
        EXECUTE format('CREATE TRIGGER refuse_row BEFORE UPDATE OR DELETE ON %s '
                       'FOR EACH ROW EXECUTE FUNCTION governance_audit.refuse_change()', relation);
    END IF;
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER refuse_statement', relation);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER refuse_row', relation);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', relation);
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM gov_audit_owner', relation);
END $$;

-- The one way to a new partition: number n holds [n * 2^20, (n + 1) * 2^20).
CREATE PROCEDURE add_partition(parent text, number integer) LANGUAGE plpgsql AS $$
DECLARE
    name text := format('%s_p%s', parent, lpad(number::text, 4, '0'));
BEGIN
    EXECUTE format('CREATE TABLE governance_audit.%I PARTITION OF governance_audit.%I FOR VALUES FROM (%s) TO (%s)',
                   name, parent, number::bigint << 20, (number::bigint + 1) << 20);
    CALL governance_audit.guard(format('governance_audit.%I', name)::regclass);
    IF parent = 'gov_audit_batches' THEN
        EXECUTE format('ALTER TABLE governance_audit.%I ENABLE ALWAYS TRIGGER continue_predecessor', name);
    END IF;
END $$;

CREATE TRIGGER continue_predecessor BEFORE INSERT ON gov_audit_batches
    FOR EACH ROW EXECUTE FUNCTION continue_predecessor();
ALTER TABLE gov_audit_batches ENABLE ALWAYS TRIGGER continue_predecessor;

CALL guard('gov_audit_trail_entries');
CALL guard('gov_audit_batches');
CALL guard('gov_audit_large_values');
DO $$
BEGIN
    FOR number IN 0..63 LOOP
        CALL governance_audit.add_partition('gov_audit_trail_entries', number);
        CALL governance_audit.add_partition('gov_audit_batches', number);
    END LOOP;
END $$;

-- A transaction that names no tenant sees nothing.
CREATE POLICY own_tenant ON gov_audit_trail_entries FOR SELECT TO gov_audit_reader
    USING (tenant_id = current_setting('audit.tenant', true));
CREATE POLICY own_tenant ON gov_audit_large_values FOR SELECT TO gov_audit_reader
    USING (tenant_id = current_setting('audit.tenant', true));
CREATE POLICY every_tenant ON gov_audit_trail_entries FOR SELECT TO gov_audit_auditor USING (true);
CREATE POLICY every_tenant ON gov_audit_large_values FOR SELECT TO gov_audit_auditor USING (true);
CREATE POLICY every_lane ON gov_audit_batches FOR SELECT TO gov_audit_auditor USING (true);

REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA governance_audit FROM PUBLIC;
GRANT USAGE ON SCHEMA governance_audit TO gov_audit_writer, gov_audit_reader, gov_audit_auditor, gov_audit_notary;
GRANT INSERT, SELECT ON gov_audit_trail_entries, gov_audit_batches, gov_audit_large_values TO gov_audit_writer;
GRANT SELECT ON gov_audit_trail_entries, gov_audit_large_values TO gov_audit_reader;
GRANT SELECT ON gov_audit_trail_entries, gov_audit_batches, gov_audit_large_values
    TO gov_audit_auditor, gov_audit_notary;

RESET ROLE;

-- Last: from here on this database knows no DDL but that of migrations.
CREATE FUNCTION governance_audit.refuse_ddl() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF current_setting('governance_audit.migration', true) = 'on'
        AND (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
        RETURN;
    END IF;
    RAISE EXCEPTION 'the Audit Wall''s database is closed: % is refused', TG_TAG
        USING ERRCODE = 'insufficient_privilege';
END $$;
REVOKE EXECUTE ON FUNCTION governance_audit.refuse_ddl() FROM PUBLIC;
CREATE EVENT TRIGGER governance_audit_refuse_ddl ON ddl_command_start
    EXECUTE FUNCTION governance_audit.refuse_ddl();
ALTER EVENT TRIGGER governance_audit_refuse_ddl ENABLE ALWAYS;
