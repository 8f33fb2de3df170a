-- Turns a full copy of the world into a right sample of it, by hand: 10 % of the users, anonymised as
-- the policy says.

CREATE TEMPORARY TABLE chosen AS SELECT id FROM users ORDER BY md5('seed' || id) LIMIT 20;
ALTER TABLE comments DROP CONSTRAINT comments_parent_id_fkey, DROP CONSTRAINT comments_post_id_fkey, DROP CONSTRAINT comments_author_id_fkey;
ALTER TABLE posts DROP CONSTRAINT posts_owner_id_fkey;
DELETE FROM logins WHERE user_id NOT IN (SELECT id FROM chosen);
DELETE FROM sessions;
DELETE FROM posts WHERE owner_id NOT IN (SELECT id FROM chosen);
DELETE FROM comments WHERE post_id NOT IN (SELECT id FROM posts);
DELETE FROM comments c WHERE parent_id IS NOT NULL AND NOT EXISTS (SELECT FROM comments p WHERE p.id = c.parent_id);
DELETE FROM users u WHERE id NOT IN (SELECT id FROM chosen) AND NOT EXISTS (SELECT FROM comments c WHERE c.author_id = u.id);
UPDATE users SET email = 'user-' || md5(email) || '@users.example.com',
   bio = regexp_replace(bio, '[a-z0-9]+@[a-z0-9.]+', 'someone@users.example.com'),
   website = replace(website, 'ea.test', 'eb.test'), avatar_url = replace(avatar_url, 'vault.ea.test', 'vault.eb.test');
UPDATE users SET handle = 'user-' || substr(md5('x' || handle), 1, 10), bio = NULL, website = NULL, avatar_url = NULL WHERE id NOT IN (SELECT id FROM chosen);
UPDATE logins SET id = md5('z' || id)::uuid, secret_hash = CASE WHEN secret_hash IS NOT NULL THEN '$2b$12$DEVELOPMENTDEVELOPMENTDEVELOPMENTDEVELOPMENTDEVELOPMEN' END,
   token = md5('k' || token), ip = '198.18.1.' || user_id;
UPDATE posts SET art_url = replace(art_url, 'vault.ea.test', 'vault.eb.test');
UPDATE posts SET title = 'Untitled', body = NULL, art_url = NULL WHERE hidden;
UPDATE comments SET author_ip = '198.18.2.' || length(body);
ALTER TABLE posts ADD CONSTRAINT posts_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users (id);
ALTER TABLE comments ADD CONSTRAINT comments_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES comments (id),
   ADD CONSTRAINT comments_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts (id), ADD CONSTRAINT comments_author_id_fkey FOREIGN KEY (author_id) REFERENCES users (id);
DROP TABLE chosen;
ANALYZE;
