-- A small shop: another application's production database, with what Makapix's lacks. Names that
-- need quotes, identity and generated columns, partitions, types of its own, a table that refers to
-- itself, a view that is kept, and things that must never reach a development database: a
-- publication and an event trigger.

CREATE SCHEMA shop;
CREATE SCHEMA "odd Name";
CREATE EXTENSION pg_trgm WITH SCHEMA shop;

CREATE TYPE shop.state AS ENUM ('new', 'paid', 'lost');
CREATE TYPE shop.place AS (street text, town text);

CREATE TABLE shop.country (
    code char(2) PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE shop."Customer" (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "full name" text NOT NULL,
    email       text NOT NULL UNIQUE,
    country     char(2) REFERENCES shop.country,
    invited_by  integer REFERENCES shop."Customer",
    home        shop.place,
    states_seen shop.state[] NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE shop.orders (
    id          bigserial PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES shop."Customer" ON DELETE CASCADE,
    state       shop.state NOT NULL,
    total       numeric(10, 2) NOT NULL CHECK (total >= 0),
    tax         numeric(10, 2) GENERATED ALWAYS AS (total * 0.2) STORED,
    note        jsonb
);
CREATE INDEX orders_by_customer ON shop.orders (customer_id);
CREATE INDEX orders_by_note ON shop.orders USING gin (note);

CREATE TABLE "odd Name"."a ""quoted"" table" (
    id       uuid PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES shop.orders ON DELETE CASCADE,
    "sEcret" text
);

CREATE TABLE shop.visits (
    customer_id integer NOT NULL REFERENCES shop."Customer" ON DELETE CASCADE,
    at          date NOT NULL,
    address     inet,
    PRIMARY KEY (customer_id, at)
) PARTITION BY RANGE (at);
CREATE TABLE shop.visits_2025 PARTITION OF shop.visits FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE shop.visits_2026 PARTITION OF shop.visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');

CREATE SEQUENCE shop.invoice_numbers INCREMENT -1 MAXVALUE -1 START -1;

CREATE FUNCTION shop.shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper($1) $$;
CREATE VIEW shop.paid AS SELECT id, shop.shout(state::text) AS state FROM shop.orders WHERE state = 'paid';
CREATE MATERIALIZED VIEW shop.turnover AS
    SELECT customer_id, sum(total) AS total FROM shop.orders GROUP BY customer_id;
CREATE UNIQUE INDEX turnover_by_customer ON shop.turnover (customer_id);

CREATE FUNCTION shop.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'a trigger must not fire while rows are copied'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON shop.country FOR EACH ROW EXECUTE FUNCTION shop.refuse();
ALTER TABLE shop.country DISABLE TRIGGER refuse;

INSERT INTO shop.country VALUES ('CH', 'Switzerland'), ('IS', 'Iceland'), ('PT', 'Portugal');
ALTER TABLE shop.country ENABLE TRIGGER refuse;

INSERT INTO shop."Customer" ("full name", email, country, invited_by, home, states_seen)
SELECT 'Person ' || n, 'person' || n || '@mail.test', (ARRAY['CH', 'IS', NULL])[1 + n % 3],
       NULLIF(n / 7, 0), ROW('Street ' || n, 'Town, "old"'::text)::shop.place, ARRAY['new', 'paid']::shop.state[]
FROM generate_series(1, 300) n;

INSERT INTO shop.orders (customer_id, state, total, note)
SELECT 1 + (n * n) % 300, (enum_range(NULL::shop.state))[1 + n % 3], n % 97, jsonb_build_object('gift', n % 2 = 0)
FROM generate_series(1, 6000) n;

INSERT INTO "odd Name"."a ""quoted"" table"
SELECT gen_random_uuid(), n, E'line\nbreak \\ ' || n FROM generate_series(1, 6000, 3) n;

INSERT INTO shop.visits
SELECT 1 + n % 300, '2025-06-01'::date + n / 300, '192.0.2.1' FROM generate_series(0, 89999) n;

REFRESH MATERIALIZED VIEW shop.turnover;
SELECT nextval('shop.invoice_numbers'), nextval('shop.invoice_numbers');

CREATE PUBLICATION everything FOR ALL TABLES;
CREATE FUNCTION shop.watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION shop.watch();

ANALYZE;
