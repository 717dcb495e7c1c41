-- The sample application's schema. Running it twice changes nothing.
--
-- One table per service. A row is the newest version of its key; `replaced` names the version it grew from. A deletion
-- leaves a tombstone in `graves`, so that a write which was delayed in a stopped server cannot bring back a deleted key.
-- All writes go through functions: one round trip, one transaction, one advisory lock per key.

CREATE TABLE IF NOT EXISTS graves (
    service  text   NOT NULL,
    key      bigint NOT NULL,
    version  int    NOT NULL CHECK (version > 0),
    replaced int,
    buried_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service, key)
);

CREATE TABLE IF NOT EXISTS readers (
    id   int  PRIMARY KEY,
    name text NOT NULL UNIQUE
);
INSERT INTO readers SELECT i, 'reader ' || i FROM generate_series(0, 99) i ON CONFLICT DO NOTHING;

DO $do$
DECLARE
    service text;
BEGIN
    FOREACH service IN ARRAY ARRAY['emergency', 'auth', 'payments', 'bookings', 'chat', 'files', 'analytics', 'notifications'] LOOP
        EXECUTE format($sql$
            CREATE TABLE IF NOT EXISTS %1$I (
                key        bigint PRIMARY KEY,
                version    int    NOT NULL CHECK (version > 0),
                body       text   NOT NULL,
                replaced   int    CHECK (replaced < version),
                updated_at timestamptz NOT NULL DEFAULT now()
            )$sql$, service);
    END LOOP;
END
$do$;

ALTER TABLE bookings
    ADD COLUMN IF NOT EXISTS reader int NOT NULL REFERENCES readers (id),
    ADD COLUMN IF NOT EXISTS slot   int NOT NULL CHECK (slot BETWEEN 0 AND 47);
ALTER TABLE files
    ADD COLUMN IF NOT EXISTS object text   NOT NULL,
    ADD COLUMN IF NOT EXISTS bytes  bigint NOT NULL CHECK (bytes >= 0),
    ADD COLUMN IF NOT EXISTS sha256 text   NOT NULL CHECK (length(sha256) = 64);

-- Money: entries of one version of a payment sum to zero, so the sum of all balances never changes.
CREATE TABLE IF NOT EXISTS accounts (
    id      int    PRIMARY KEY,
    opening bigint NOT NULL,
    balance bigint NOT NULL
);
INSERT INTO accounts SELECT i, 1000000, 1000000 FROM generate_series(0, 999) i ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS entries (
    payment_key     bigint NOT NULL,
    payment_version int    NOT NULL CHECK (payment_version > 0),
    account         int    NOT NULL REFERENCES accounts (id),
    amount          bigint NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (payment_key, payment_version, account)
);

-- Balances are changed in the order of account ids: two payments cannot wait for each other.
CREATE OR REPLACE FUNCTION book_payment(k bigint, v int) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
    payer  int := abs(k % 1000);
    payee  int := (abs(k % 1000) + 1 + v % 999) % 1000;
    sum_of_money bigint := 1 + abs((k % 1000003) * 31 + v) % 97;
BEGIN
    INSERT INTO entries VALUES (k, v, payer, -sum_of_money), (k, v, payee, sum_of_money);
    IF payer < payee THEN
        UPDATE accounts SET balance = balance - sum_of_money WHERE id = payer;
        UPDATE accounts SET balance = balance + sum_of_money WHERE id = payee;
    ELSE
        UPDATE accounts SET balance = balance + sum_of_money WHERE id = payee;
        UPDATE accounts SET balance = balance - sum_of_money WHERE id = payer;
    END IF;
END
$f$;

CREATE OR REPLACE FUNCTION unbook_payment(k bigint, v int) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
    net record;
BEGIN
    FOR net IN
        SELECT e.account, sum(e.amount)::bigint AS amount FROM entries e
        WHERE e.payment_key = k GROUP BY e.account HAVING sum(e.amount) <> 0 ORDER BY e.account
    LOOP
        INSERT INTO entries VALUES (k, v, net.account, -net.amount);
        UPDATE accounts SET balance = balance - net.amount WHERE id = net.account;
    END LOOP;
END
$f$;

-- put_SERVICE and delete_SERVICE. outcome: applied, replay (this very write stands already) or conflict (`stored` is as
-- new or newer). A tombstone counts as a version, so the chain of `replaced` has no gap.
DO $do$
DECLARE
    s record;
BEGIN
    FOR s IN SELECT * FROM (VALUES
        ('emergency',     '', '', '', '', '', ''),
        ('auth',          '', '', '', '', '', ''),
        ('payments',      '', '', '', '', 'PERFORM book_payment(k, v);', 'PERFORM unbook_payment(k, v);'),
        ('bookings',      '', ', reader, slot', ', abs(k % 100), v % 48', ', slot = v % 48', '', ''),
        ('chat',          '', '', '', '', '', ''),
        ('files',         ', p_object text, p_bytes bigint, p_sha256 text', ', object, bytes, sha256',
                          ', p_object, p_bytes, p_sha256',
                          ', object = p_object, bytes = p_bytes, sha256 = p_sha256', '', ''),
        ('analytics',     '', '', '', '', '', ''),
        ('notifications', '', '', '', '', '', '')
    ) AS t (service, parameters, columns, vals, sets, after_put, after_delete) LOOP
        EXECUTE format($sql$
            CREATE OR REPLACE FUNCTION %1$I(k bigint, v int, b text%3$s, OUT outcome text, OUT was int, OUT stored int)
            LANGUAGE plpgsql AS $f$
            DECLARE
                r record;
            BEGIN
                PERFORM pg_advisory_xact_lock(hashtextextended(%8$L, k));
                SELECT t.version, t.body, t.replaced INTO r FROM %2$I t WHERE t.key = k FOR UPDATE;
                IF FOUND THEN
                    IF r.version = v AND r.body = b THEN
                        outcome := 'replay'; was := r.replaced; stored := v; RETURN;
                    ELSIF r.version >= v THEN
                        outcome := 'conflict'; stored := r.version; RETURN;
                    END IF;
                    was := r.version;
                    UPDATE %2$I SET version = v, body = b, replaced = was, updated_at = now()%6$s WHERE key = k;
                ELSE
                    SELECT g.version INTO was FROM graves g WHERE g.service = %8$L AND g.key = k;
                    IF was >= v THEN
                        outcome := 'conflict'; stored := was; was := NULL; RETURN;
                    END IF;
                    INSERT INTO %2$I (key, version, body, replaced%4$s) VALUES (k, v, b, was%5$s);
                END IF;
                %7$s
                outcome := 'applied'; stored := v;
            END
            $f$ $sql$,
            'put_' || s.service, s.service, s.parameters, s.columns, s.vals, s.sets, s.after_put, s.service);
        EXECUTE format($sql$
            CREATE OR REPLACE FUNCTION %1$I(k bigint, v int, OUT outcome text, OUT was int, OUT stored int)
            LANGUAGE plpgsql AS $f$
            DECLARE
                r record;
            BEGIN
                PERFORM pg_advisory_xact_lock(hashtextextended(%4$L, k));
                SELECT t.version INTO r FROM %2$I t WHERE t.key = k FOR UPDATE;
                IF FOUND THEN
                    IF r.version >= v THEN
                        outcome := 'conflict'; stored := r.version; RETURN;
                    END IF;
                    was := r.version;
                    DELETE FROM %2$I WHERE key = k;
                    %3$s
                ELSE
                    SELECT g.version, g.replaced INTO r FROM graves g WHERE g.service = %4$L AND g.key = k;
                    IF FOUND AND r.version = v THEN
                        outcome := 'replay'; was := r.replaced; stored := v; RETURN;
                    ELSIF FOUND AND r.version > v THEN
                        outcome := 'conflict'; stored := r.version; RETURN;
                    ELSIF FOUND THEN
                        was := r.version;
                    END IF;
                END IF;
                INSERT INTO graves (service, key, version, replaced) VALUES (%4$L, k, v, was)
                    ON CONFLICT (service, key)
                    DO UPDATE SET version = excluded.version, replaced = excluded.replaced, buried_at = now();
                outcome := 'applied'; stored := v;
            END
            $f$ $sql$,
            'delete_' || s.service, s.service, s.after_delete, s.service);
    END LOOP;
END
$do$;

-- A batch of the emergency queue, in its order, in one transaction. Repeating it changes nothing.
CREATE OR REPLACE FUNCTION replay_emergency(keys bigint[], versions int[], bodies text[], deletes boolean[])
RETURNS SETOF text LANGUAGE plpgsql AS $f$
DECLARE
    answer text;
BEGIN
    FOR i IN 1 .. coalesce(array_length(keys, 1), 0) LOOP
        IF deletes[i] THEN
            SELECT d.outcome INTO answer FROM delete_emergency(keys[i], versions[i]) d;
        ELSE
            SELECT p.outcome INTO answer FROM put_emergency(keys[i], versions[i], bodies[i]) p;
        END IF;
        RETURN NEXT answer;
    END LOOP;
END
$f$;

-- Written by health checks alone.
CREATE TABLE IF NOT EXISTS health (
    tier  int PRIMARY KEY,
    beats bigint NOT NULL,
    at    timestamptz NOT NULL DEFAULT now()
);
INSERT INTO health SELECT i, 0 FROM generate_series(0, 3) i ON CONFLICT DO NOTHING;

-- Nobody writes these two: they are compared by digest.
CREATE TABLE IF NOT EXISTS catalogue (
    id    int  PRIMARY KEY,
    card  text NOT NULL UNIQUE,
    price int  NOT NULL CHECK (price > 0)
);
INSERT INTO catalogue SELECT i, 'card ' || i || ' ' || md5(i::text), 100 + i FROM generate_series(0, 77) i ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS bulk (
    id     bigint PRIMARY KEY,
    filler text   NOT NULL
);

-- Adds n MiB: rows of about 1 KiB, too short for Postgres to compress away. Says how many rows there are then.
CREATE OR REPLACE FUNCTION preload_bulk(mib int) RETURNS bigint LANGUAGE sql AS $f$
    INSERT INTO bulk
    SELECT start.id + i, (SELECT string_agg(md5((start.id + i)::text || '/' || j), '') FROM generate_series(1, 31) j)
    FROM (SELECT coalesce(max(id), 0) AS id FROM bulk) start, generate_series(1, mib * 1024) i;
    SELECT count(*) FROM bulk;
$f$;
