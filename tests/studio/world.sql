-- A small production database of another shape than Makapix: all that a policy can do, in six tables.

CREATE TABLE licenses (id serial PRIMARY KEY, name varchar(50) NOT NULL);
CREATE TABLE users (
    id serial PRIMARY KEY, handle varchar(50) NOT NULL UNIQUE, email varchar(255) NOT NULL UNIQUE,
    bio text, website varchar(500), avatar_url varchar(500), roles json NOT NULL DEFAULT '["user"]',
    state varchar(20) NOT NULL, country varchar(2), created_at timestamptz NOT NULL DEFAULT '2026-01-01T00:00:00Z'
);
CREATE TABLE logins (
    id uuid PRIMARY KEY, user_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider varchar(20) NOT NULL, secret_hash varchar(255), token varchar(64), ip varchar(45)
);
CREATE TABLE posts (
    id serial PRIMARY KEY, owner_id integer NOT NULL REFERENCES users (id), license_id integer REFERENCES licenses (id),
    storage_key uuid NOT NULL UNIQUE, storage_shard varchar(8) NOT NULL, title varchar(128) NOT NULL, body text,
    art_url varchar(1000), tags varchar[] NOT NULL DEFAULT '{}', hidden boolean NOT NULL DEFAULT false,
    format varchar(10) NOT NULL, size_bytes integer NOT NULL
);
CREATE TABLE comments (
    id uuid PRIMARY KEY, post_id integer NOT NULL REFERENCES posts (id), author_id integer REFERENCES users (id),
    parent_id uuid REFERENCES comments (id), author_ip varchar(45), body text NOT NULL
);
CREATE TABLE sessions (id uuid PRIMARY KEY, user_id integer NOT NULL REFERENCES users (id), token varchar(64) NOT NULL);
CREATE INDEX posts_owner ON posts (owner_id);

INSERT INTO licenses (name) VALUES ('CC0'), ('CC BY'), ('All rights reserved');
INSERT INTO users (handle, email, bio, website, avatar_url, state, country)
SELECT 'artist' || n, 'artist' || n || '@mail' || n % 7 || '.org',
       CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN 'I draw ' || n || ' pixels' WHEN 2 THEN 'Write to artist' || n || '@mail' || n % 7 || '.org please' ELSE '' END,
       CASE n % 3 WHEN 0 THEN 'https://ea.test/u/' || n WHEN 1 THEN 'https://artist' || n || '.org/' END,
       CASE n % 5 WHEN 0 THEN NULL ELSE 'https://vault.ea.test/avatar/00/01/' || md5('a' || n) || '.png' END,
       CASE n % 10 WHEN 7 THEN 'banned' ELSE 'active' END, CASE n % 3 WHEN 0 THEN 'US' WHEN 1 THEN 'DE' END
FROM generate_series(1, 200) n;
INSERT INTO logins
SELECT md5('login' || n)::uuid, n, CASE n % 3 WHEN 0 THEN 'github' ELSE 'password' END,
       CASE WHEN n % 3 <> 0 THEN '$2b$12$' || substr(md5('hash' || n) || md5('salt' || n), 1, 53) END, md5('token' || n), '84.17.' || n % 250 || '.' || n
FROM generate_series(1, 200) n;
INSERT INTO posts (owner_id, license_id, storage_key, storage_shard, title, body, art_url, tags, hidden, format, size_bytes)
SELECT 1 + (n * n) % 200, CASE WHEN n % 4 > 0 THEN n % 4 END, md5('post' || n)::uuid, '0' || n % 10 || '/1' || n % 10, 'Piece ' || n, 'About piece ' || n,
       'https://vault.ea.test/0' || n % 10 || '/1' || n % 10 || '/' || md5('post' || n)::uuid || '.png',
       ARRAY['tag' || n % 5, 'pixel'], n % 11 = 0, CASE n % 9 WHEN 0 THEN 'gif' ELSE 'png' END, 100 + n
FROM generate_series(1, 600) n;
INSERT INTO comments
SELECT md5('comment' || n)::uuid, 1 + n % 600, CASE WHEN n % 8 > 0 THEN 1 + (n * 7) % 200 END, NULL, '62.4.' || n % 250 || '.' || n % 200, 'Nice one, number ' || n
FROM generate_series(1, 900) n;
INSERT INTO comments
SELECT md5('reply' || n)::uuid, 1 + n % 600, 1 + (n * 13) % 200, md5('comment' || n)::uuid, '62.5.' || n % 250 || '.' || n % 200, 'Thank you ' || n
FROM generate_series(1, 300) n;
INSERT INTO sessions SELECT md5('session' || n)::uuid, n, md5('st' || n) FROM generate_series(1, 200) n;
ANALYZE;
