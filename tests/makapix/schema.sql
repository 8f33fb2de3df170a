-- The schema of Makapix Club's production database (PostgreSQL 15 to 17).
--
-- 46 tables, 449 columns, 62 foreign keys. The file has two halves, so that data can be loaded
-- between them: tables first, then keys, indexes and foreign keys. The line that parts them is
-- looked for by the loader.
--
-- No column has a check, a trigger, an enum type, an identity or a generated expression. UUID keys
-- have no default: the application supplies them. Many indexes are redundant, as on the real server.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- For default handles ("makapix-user-N"); owned by no column.
CREATE SEQUENCE handle_sequence;


-- Global sets

CREATE TABLE alembic_version (
    version_num varchar(32) NOT NULL
);

CREATE TABLE badge_definitions (
    id           serial,
    badge        varchar(50)  NOT NULL,
    label        varchar(100) NOT NULL,
    description  text,
    icon_url_64  varchar(500) NOT NULL,
    icon_url_16  varchar(500),
    is_tag_badge boolean      NOT NULL DEFAULT false,
    created_at   timestamptz  NOT NULL DEFAULT now()
);

CREATE TABLE licenses (
    id            serial,
    identifier    varchar(50)  NOT NULL,
    title         varchar(200) NOT NULL,
    canonical_url varchar(500) NOT NULL,
    badge_path    varchar(200) NOT NULL,
    created_at    timestamptz  NOT NULL DEFAULT now()
);

CREATE TABLE rollup_watermarks (
    name       varchar(64) NOT NULL,
    value_date date        NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);


-- People and their ways in

CREATE TABLE users (
    id                     serial,
    user_key               uuid          NOT NULL,
    public_sqid            varchar(16),
    handle                 varchar(50)   NOT NULL,
    bio                    text,
    tagline                varchar(48),
    website                varchar(500),
    avatar_url             varchar(500),
    email                  varchar(255)  NOT NULL,
    email_normalized       varchar(255),
    email_verified         boolean       NOT NULL DEFAULT false,
    welcome_completed      boolean       NOT NULL DEFAULT false,
    reputation             integer       NOT NULL DEFAULT 0,
    roles                  json          NOT NULL DEFAULT '[]',
    hidden_by_user         boolean       NOT NULL DEFAULT false,
    hidden_by_mod          boolean       NOT NULL DEFAULT false,
    non_conformant         boolean       NOT NULL DEFAULT false,
    deactivated            boolean       NOT NULL DEFAULT false,
    banned_until           timestamptz,
    auto_public_approval   boolean       NOT NULL DEFAULT false,
    approved_hashtags      varchar(50)[] NOT NULL DEFAULT '{}',
    created_at             timestamptz   NOT NULL DEFAULT now(),
    updated_at             timestamptz,
    handle_normalized      varchar(128)  NOT NULL,
    terms_version_accepted varchar(20),
    avatar_source_post_id  integer
);

CREATE TABLE auth_identities (
    id                uuid         NOT NULL,
    user_id           integer      NOT NULL,
    provider          varchar(50)  NOT NULL,
    provider_user_id  varchar(255) NOT NULL,
    secret_hash       varchar(255),
    email             varchar(255),
    provider_metadata json,
    created_at        timestamptz  NOT NULL DEFAULT now(),
    updated_at        timestamptz
);

CREATE TABLE refresh_tokens (
    id         uuid         NOT NULL,
    user_id    integer      NOT NULL,
    token_hash varchar(255) NOT NULL,
    expires_at timestamptz  NOT NULL,
    revoked    boolean      NOT NULL DEFAULT false,
    created_at timestamptz  NOT NULL DEFAULT now()
);

CREATE TABLE email_verification_tokens (
    id         uuid         NOT NULL,
    user_id    integer      NOT NULL,
    token_hash varchar(255) NOT NULL,
    email      varchar(255) NOT NULL,
    expires_at timestamptz  NOT NULL,
    used_at    timestamptz,
    created_at timestamptz  NOT NULL DEFAULT now(),
    otp_code   varchar(6)
);

CREATE TABLE password_reset_tokens (
    id         uuid         NOT NULL,
    user_id    integer      NOT NULL,
    token_hash varchar(255) NOT NULL,
    expires_at timestamptz  NOT NULL,
    used_at    timestamptz,
    created_at timestamptz  NOT NULL DEFAULT now(),
    otp_code   varchar(6)
);

CREATE TABLE badge_grants (
    id         serial,
    user_id    integer     NOT NULL,
    badge      varchar(50) NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE reputation_history (
    id         serial,
    user_id    integer      NOT NULL,
    delta      integer      NOT NULL,
    reason     varchar(200),
    created_at timestamptz  NOT NULL DEFAULT now()
);

CREATE TABLE category_follows (
    id         serial,
    user_id    integer     NOT NULL,
    category   varchar(50) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE follows (
    id           serial,
    follower_id  integer     NOT NULL,
    following_id integer     NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE user_blocks (
    id         serial,
    blocker_id integer     NOT NULL,
    blocked_id integer     NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);


-- Posts and their files

CREATE TABLE posts (
    id                    serial,
    storage_key           uuid          NOT NULL,
    storage_shard         varchar(8),
    public_sqid           varchar(16),
    kind                  varchar(20)   NOT NULL DEFAULT 'artwork',
    owner_id              integer       NOT NULL,
    title                 varchar(128)  NOT NULL,
    description           text,
    hashtags              varchar[]     NOT NULL DEFAULT '{}',
    art_url               varchar(1000),
    width                 integer,
    height                integer,
    base                  integer,
    size                  integer,
    frame_count           integer       NOT NULL DEFAULT 1,
    min_frame_duration_ms integer,
    max_frame_duration_ms integer,
    unique_colors         integer,
    transparency_meta     boolean       NOT NULL DEFAULT false,
    alpha_meta            boolean       NOT NULL DEFAULT false,
    transparency_actual   boolean       NOT NULL DEFAULT false,
    alpha_actual          boolean       NOT NULL DEFAULT false,
    hash                  varchar(64),
    visible               boolean       NOT NULL DEFAULT true,
    hidden_by_user        boolean       NOT NULL DEFAULT false,
    hidden_by_mod         boolean       NOT NULL DEFAULT false,
    non_conformant        boolean       NOT NULL DEFAULT false,
    public_visibility     boolean       NOT NULL DEFAULT false,
    deleted_by_user       boolean       NOT NULL DEFAULT false,
    deleted_by_user_date  timestamptz,
    promoted              boolean       NOT NULL DEFAULT false,
    promoted_category     varchar(50),
    created_at            timestamptz   NOT NULL DEFAULT now(),
    updated_at            timestamptz,
    metadata_modified_at  timestamptz   NOT NULL DEFAULT now(),
    artwork_modified_at   timestamptz   NOT NULL DEFAULT now(),
    dwell_time_ms         integer       NOT NULL DEFAULT 30000,
    license_id            integer,
    mkpx_file_bytes       integer,
    mkpx_attached_at      timestamptz,
    mod_hashtags          varchar[]     NOT NULL DEFAULT '{}',
    total_duration_ms     integer,
    view_count            integer       NOT NULL DEFAULT 0,
    upload_channel        varchar(16),
    creation_method       varchar(32),
    source_details        jsonb,
    remixable             boolean       NOT NULL DEFAULT true
);

CREATE TABLE post_files (
    id         serial,
    post_id    integer     NOT NULL,
    format     varchar(10) NOT NULL,
    file_bytes integer     NOT NULL,
    is_native  boolean     NOT NULL DEFAULT false
);

CREATE TABLE post_lineage (
    id             serial,
    child_post_id  integer     NOT NULL,
    parent_post_id integer,
    parent_sqid    varchar(16) NOT NULL,
    position       smallint    NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE retired_artworks (
    id            serial,
    post_id       integer,
    storage_key   uuid        NOT NULL,
    storage_shard varchar(8)  NOT NULL,
    formats       varchar[]   NOT NULL,
    had_mkpx      boolean     NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    delete_after  timestamptz NOT NULL
);

CREATE TABLE playlist_posts (
    post_id            integer NOT NULL,
    legacy_playlist_id uuid
);

CREATE TABLE playlist_items (
    id               serial,
    playlist_post_id integer     NOT NULL,
    artwork_post_id  integer     NOT NULL,
    position         integer     NOT NULL,
    dwell_time_ms    integer     NOT NULL DEFAULT 30000,
    created_at       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE playlists (
    id             uuid         NOT NULL,
    owner_id       integer      NOT NULL,
    title          varchar(200) NOT NULL,
    description    text,
    post_ids       integer[]    NOT NULL DEFAULT '{}',
    visible        boolean      NOT NULL DEFAULT true,
    hidden_by_user boolean      NOT NULL DEFAULT false,
    hidden_by_mod  boolean      NOT NULL DEFAULT false,
    created_at     timestamptz  NOT NULL DEFAULT now(),
    updated_at     timestamptz
);

CREATE TABLE user_highlights (
    id         serial,
    user_id    integer     NOT NULL,
    post_id    integer     NOT NULL,
    position   integer     NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE batch_download_requests (
    id                uuid         NOT NULL,
    user_id           integer      NOT NULL,
    post_ids          integer[]    NOT NULL,
    include_comments  boolean      NOT NULL DEFAULT false,
    include_reactions boolean      NOT NULL DEFAULT false,
    send_email        boolean      NOT NULL DEFAULT false,
    status            varchar(20)  NOT NULL DEFAULT 'pending',
    error_message     text,
    file_path         varchar(500),
    file_size_bytes   bigint,
    artwork_count     integer      NOT NULL,
    created_at        timestamptz  NOT NULL DEFAULT now(),
    started_at        timestamptz,
    completed_at      timestamptz,
    expires_at        timestamptz
);


-- Talk

CREATE TABLE comments (
    id               uuid        NOT NULL,
    post_id          integer     NOT NULL,
    author_id        integer,
    author_ip        varchar(45),
    parent_id        uuid,
    depth            integer     NOT NULL DEFAULT 0,
    body             text        NOT NULL,
    hidden_by_mod    boolean     NOT NULL DEFAULT false,
    deleted_by_owner boolean     NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz,
    deleted_by_mod   boolean     NOT NULL DEFAULT false,
    original_body    text
);

CREATE TABLE comment_likes (
    id         serial,
    comment_id uuid        NOT NULL,
    user_id    integer     NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE reactions (
    id         serial,
    post_id    integer     NOT NULL,
    user_id    integer,
    user_ip    varchar(45),
    emoji      varchar(20) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE social_notifications (
    id                uuid          NOT NULL,
    user_id           integer       NOT NULL,
    notification_type varchar(50)   NOT NULL,
    post_id           integer,
    actor_id          integer,
    actor_handle      varchar(50),
    actor_avatar_url  varchar(1000),
    emoji             varchar(20),
    comment_id        uuid,
    comment_preview   text,
    content_title     varchar(200),
    content_sqid      varchar(50),
    content_art_url   varchar(1000),
    is_read           boolean       NOT NULL DEFAULT false,
    read_at           timestamptz,
    created_at        timestamptz   NOT NULL DEFAULT now()
);


-- The blog

CREATE TABLE blog_posts (
    id                serial,
    blog_post_key     uuid         NOT NULL,
    public_sqid       varchar(16),
    owner_id          integer      NOT NULL,
    title             varchar(200) NOT NULL,
    body              text         NOT NULL,
    image_urls        varchar[]    NOT NULL DEFAULT '{}',
    visible           boolean      NOT NULL DEFAULT true,
    hidden_by_user    boolean      NOT NULL DEFAULT false,
    hidden_by_mod     boolean      NOT NULL DEFAULT false,
    public_visibility boolean      NOT NULL DEFAULT false,
    created_at        timestamptz  NOT NULL DEFAULT now(),
    updated_at        timestamptz,
    published_at      timestamptz
);

CREATE TABLE blog_post_comments (
    id               uuid        NOT NULL,
    blog_post_id     integer     NOT NULL,
    author_id        integer,
    author_ip        varchar(45),
    parent_id        uuid,
    depth            integer     NOT NULL DEFAULT 0,
    body             text        NOT NULL,
    hidden_by_mod    boolean     NOT NULL DEFAULT false,
    deleted_by_owner boolean     NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz,
    deleted_by_mod   boolean     NOT NULL DEFAULT false,
    original_body    text
);

CREATE TABLE blog_post_reactions (
    id           serial,
    blog_post_id integer     NOT NULL,
    user_id      integer,
    user_ip      varchar(45),
    emoji        varchar(20) NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE blog_post_view_events (
    id              uuid         NOT NULL,
    blog_post_id    integer      NOT NULL,
    viewer_user_id  integer,
    viewer_ip_hash  varchar(64)  NOT NULL,
    country_code    varchar(2),
    device_type     varchar(20)  NOT NULL,
    view_source     varchar(20)  NOT NULL,
    view_type       varchar(20)  NOT NULL,
    user_agent_hash varchar(64),
    referrer_domain varchar(255),
    created_at      timestamptz  NOT NULL DEFAULT now()
);

CREATE TABLE blog_post_stats_daily (
    id               serial,
    blog_post_id     integer     NOT NULL,
    date             date        NOT NULL,
    total_views      integer     NOT NULL DEFAULT 0,
    unique_viewers   integer     NOT NULL DEFAULT 0,
    views_by_country json        NOT NULL DEFAULT '{}',
    views_by_device  json        NOT NULL DEFAULT '{}',
    views_by_type    json        NOT NULL DEFAULT '{}',
    created_at       timestamptz NOT NULL DEFAULT now()
);


-- Moderation

CREATE TABLE admin_notes (
    id         uuid        NOT NULL,
    post_id    integer     NOT NULL,
    created_by integer     NOT NULL,
    note       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE audit_logs (
    id          uuid         NOT NULL,
    actor_id    integer      NOT NULL,
    action      varchar(100) NOT NULL,
    target_type varchar(20),
    target_id   varchar(50),
    reason_code varchar(50),
    note        text,
    created_at  timestamptz  NOT NULL DEFAULT now()
);

CREATE TABLE reports (
    id           uuid        NOT NULL,
    reporter_id  integer,
    target_type  varchar(20) NOT NULL,
    target_id    varchar(50) NOT NULL,
    reason_code  varchar(50) NOT NULL,
    notes        text,
    status       varchar(20) NOT NULL DEFAULT 'open',
    action_taken varchar(20),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz,
    reporter_ip  varchar(45),
    mod_notes    text
);

CREATE TABLE violations (
    id           serial,
    user_id      integer     NOT NULL,
    moderator_id integer     NOT NULL,
    reason       text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);


-- Display devices

CREATE TABLE players (
    id                           uuid         NOT NULL,
    player_key                   uuid         NOT NULL,
    owner_id                     integer,
    name                         varchar(100),
    device_model                 varchar(100),
    firmware_version             varchar(50),
    registration_status          varchar(20)  NOT NULL DEFAULT 'pending',
    registration_code            varchar(6),
    registration_code_expires_at timestamptz,
    registered_at                timestamptz,
    connection_status            varchar(20)  NOT NULL DEFAULT 'offline',
    last_seen_at                 timestamptz,
    current_post_id              integer,
    cert_serial_number           varchar(100),
    cert_issued_at               timestamptz,
    cert_expires_at              timestamptz,
    cert_pem                     text,
    key_pem                      text,
    created_at                   timestamptz  NOT NULL DEFAULT now(),
    updated_at                   timestamptz,
    capabilities                 jsonb,
    capabilities_updated_at      timestamptz,
    is_paused                    boolean,
    brightness                   smallint,
    rotation                     smallint,
    mirror                       varchar(16),
    state_updated_at             timestamptz
);

CREATE TABLE player_tokens (
    id           uuid        NOT NULL,
    player_id    uuid        NOT NULL,
    token_hash   varchar(64) NOT NULL,
    prefix       varchar(16),
    last_used_at timestamptz,
    expires_at   timestamptz,
    revoked      boolean     NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE player_command_logs (
    id           uuid        NOT NULL,
    player_id    uuid,
    command_type varchar(50) NOT NULL,
    payload      json,
    created_at   timestamptz NOT NULL DEFAULT now(),
    ack_status   varchar(20),
    acked_at     timestamptz
);


-- Statistics

CREATE TABLE view_events (
    id              uuid         NOT NULL,
    post_id         integer      NOT NULL,
    viewer_user_id  integer,
    viewer_ip_hash  varchar(64)  NOT NULL,
    country_code    varchar(2),
    device_type     varchar(20)  NOT NULL,
    view_source     varchar(20)  NOT NULL,
    view_type       varchar(20)  NOT NULL,
    user_agent_hash varchar(64),
    referrer_domain varchar(255),
    player_id       uuid,
    local_datetime  varchar(50),
    local_timezone  varchar(50),
    play_order      integer,
    channel         varchar(20),
    channel_context varchar(100),
    created_at      timestamptz  NOT NULL DEFAULT now()
);

CREATE TABLE post_stats_daily (
    id                              serial,
    post_id                         integer     NOT NULL,
    date                            date        NOT NULL,
    total_views                     integer     NOT NULL DEFAULT 0,
    unique_viewers                  integer     NOT NULL DEFAULT 0,
    views_by_country                json        NOT NULL DEFAULT '{}',
    views_by_device                 json        NOT NULL DEFAULT '{}',
    views_by_type                   json        NOT NULL DEFAULT '{}',
    total_views_authenticated       integer     NOT NULL DEFAULT 0,
    unique_viewers_authenticated    integer     NOT NULL DEFAULT 0,
    views_by_country_authenticated  json        NOT NULL DEFAULT '{}',
    views_by_device_authenticated   json        NOT NULL DEFAULT '{}',
    views_by_type_authenticated     json        NOT NULL DEFAULT '{}',
    created_at                      timestamptz NOT NULL DEFAULT now(),
    total_impressions               integer     NOT NULL DEFAULT 0,
    total_impressions_authenticated integer     NOT NULL DEFAULT 0
);

CREATE TABLE post_stats_cache (
    id          serial,
    post_id     integer     NOT NULL,
    stats_json  json        NOT NULL,
    computed_at timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL
);

CREATE TABLE download_stats_daily (
    id              serial,
    post_id         integer     NOT NULL,
    date            date        NOT NULL,
    downloads_human integer     NOT NULL DEFAULT 0,
    downloads_bot   integer     NOT NULL DEFAULT 0,
    updated_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE site_events (
    id              uuid         NOT NULL,
    event_type      varchar(50)  NOT NULL,
    page_path       varchar(500),
    visitor_ip_hash varchar(64)  NOT NULL,
    user_id         integer,
    device_type     varchar(20)  NOT NULL,
    country_code    varchar(2),
    referrer_domain varchar(255),
    event_data      json,
    created_at      timestamptz  NOT NULL DEFAULT now()
);

CREATE TABLE site_stats_daily (
    id                             serial,
    date                           date        NOT NULL,
    total_page_views               integer     NOT NULL DEFAULT 0,
    unique_visitors                integer     NOT NULL DEFAULT 0,
    new_signups                    integer     NOT NULL DEFAULT 0,
    new_posts                      integer     NOT NULL DEFAULT 0,
    total_api_calls                integer     NOT NULL DEFAULT 0,
    total_errors                   integer     NOT NULL DEFAULT 0,
    views_by_page                  json        NOT NULL DEFAULT '{}',
    views_by_country               json        NOT NULL DEFAULT '{}',
    views_by_device                json        NOT NULL DEFAULT '{}',
    errors_by_type                 json        NOT NULL DEFAULT '{}',
    top_referrers                  json        NOT NULL DEFAULT '{}',
    created_at                     timestamptz NOT NULL DEFAULT now(),
    total_player_views             integer     NOT NULL DEFAULT 0,
    active_players                 integer     NOT NULL DEFAULT 0,
    views_by_player                json        NOT NULL DEFAULT '{}',
    authenticated_page_views       integer     NOT NULL DEFAULT 0,
    authenticated_unique_visitors  integer     NOT NULL DEFAULT 0,
    authenticated_views_by_page    json        NOT NULL DEFAULT '{}',
    authenticated_views_by_country json        NOT NULL DEFAULT '{}',
    authenticated_views_by_device  json        NOT NULL DEFAULT '{}',
    authenticated_top_referrers    json        NOT NULL DEFAULT '{}'
);

CREATE TABLE vault_sharding_stats_daily (
    id              serial,
    date            date        NOT NULL,
    asset_class     varchar(16) NOT NULL,
    shard_level     smallint    NOT NULL,
    post_id         integer,
    downloads_human integer     NOT NULL DEFAULT 0,
    downloads_bot   integer     NOT NULL DEFAULT 0,
    misses          integer     NOT NULL DEFAULT 0,
    updated_at      timestamptz NOT NULL DEFAULT now()
);


-- After the data: keys, indexes, foreign keys


-- Global sets: keys and indexes

ALTER TABLE alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE badge_definitions
    ADD CONSTRAINT badge_definitions_pkey PRIMARY KEY (id),
    ADD CONSTRAINT badge_definitions_badge_key UNIQUE (badge);
CREATE UNIQUE INDEX ix_badge_definitions_badge ON badge_definitions (badge);

ALTER TABLE licenses
    ADD CONSTRAINT licenses_pkey PRIMARY KEY (id),
    ADD CONSTRAINT licenses_identifier_key UNIQUE (identifier);
CREATE INDEX ix_licenses_id ON licenses (id);
CREATE UNIQUE INDEX ix_licenses_identifier ON licenses (identifier);

ALTER TABLE rollup_watermarks
    ADD CONSTRAINT rollup_watermarks_pkey PRIMARY KEY (name);

-- People and their ways in: keys and indexes

ALTER TABLE users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id),
    ADD CONSTRAINT users_email_key UNIQUE (email),
    ADD CONSTRAINT users_email_normalized_key UNIQUE (email_normalized),
    ADD CONSTRAINT users_handle_key UNIQUE (handle),
    ADD CONSTRAINT users_public_sqid_key UNIQUE (public_sqid),
    ADD CONSTRAINT users_user_key_key UNIQUE (user_key);
CREATE INDEX ix_users_auto_public_approval ON users (auto_public_approval);
CREATE INDEX ix_users_avatar_source_post_id ON users (avatar_source_post_id);
CREATE INDEX ix_users_banned_until ON users (banned_until);
CREATE INDEX ix_users_created_at ON users (created_at);
CREATE INDEX ix_users_deactivated ON users (deactivated);
CREATE UNIQUE INDEX ix_users_email ON users (email);
CREATE UNIQUE INDEX ix_users_email_normalized ON users (email_normalized);
CREATE INDEX ix_users_email_verified ON users (email_verified);
CREATE UNIQUE INDEX ix_users_handle ON users (handle);
CREATE UNIQUE INDEX ix_users_handle_normalized ON users (handle_normalized);
CREATE INDEX ix_users_handle_trgm ON users USING gin (handle gin_trgm_ops);
CREATE INDEX ix_users_hidden_by_mod ON users (hidden_by_mod);
CREATE INDEX ix_users_id ON users (id);
CREATE INDEX ix_users_non_conformant ON users (non_conformant);
CREATE UNIQUE INDEX ix_users_public_sqid ON users (public_sqid);
CREATE INDEX ix_users_reputation ON users (reputation);
CREATE UNIQUE INDEX ix_users_user_key ON users (user_key);
CREATE INDEX ix_users_welcome_completed ON users (welcome_completed);

ALTER TABLE auth_identities
    ADD CONSTRAINT auth_identities_pkey PRIMARY KEY (id),
    ADD CONSTRAINT uq_auth_identity_provider_user UNIQUE (provider, provider_user_id);
CREATE INDEX ix_auth_identities_created_at ON auth_identities (created_at);
CREATE INDEX ix_auth_identities_email ON auth_identities (email);
CREATE INDEX ix_auth_identities_id ON auth_identities (id);
CREATE INDEX ix_auth_identities_provider ON auth_identities (provider);
CREATE INDEX ix_auth_identities_provider_user_id ON auth_identities (provider_user_id);
CREATE INDEX ix_auth_identities_user_id ON auth_identities (user_id);
CREATE INDEX ix_auth_identities_user_provider ON auth_identities (user_id, provider);

ALTER TABLE refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (id);
CREATE INDEX ix_refresh_tokens_created_at ON refresh_tokens (created_at);
CREATE INDEX ix_refresh_tokens_expires_at ON refresh_tokens (expires_at);
CREATE INDEX ix_refresh_tokens_id ON refresh_tokens (id);
CREATE INDEX ix_refresh_tokens_revoked ON refresh_tokens (revoked);
CREATE UNIQUE INDEX ix_refresh_tokens_token_hash ON refresh_tokens (token_hash);
CREATE INDEX ix_refresh_tokens_user_id ON refresh_tokens (user_id);

ALTER TABLE email_verification_tokens
    ADD CONSTRAINT email_verification_tokens_pkey PRIMARY KEY (id);
CREATE INDEX ix_email_verification_tokens_created_at ON email_verification_tokens (created_at);
CREATE INDEX ix_email_verification_tokens_expires_at ON email_verification_tokens (expires_at);
CREATE INDEX ix_email_verification_tokens_id ON email_verification_tokens (id);
CREATE INDEX ix_email_verification_tokens_otp_code ON email_verification_tokens (otp_code);
CREATE UNIQUE INDEX ix_email_verification_tokens_token_hash ON email_verification_tokens (token_hash);
CREATE INDEX ix_email_verification_tokens_user_id ON email_verification_tokens (user_id);

ALTER TABLE password_reset_tokens
    ADD CONSTRAINT password_reset_tokens_pkey PRIMARY KEY (id);
CREATE INDEX ix_password_reset_tokens_created_at ON password_reset_tokens (created_at);
CREATE INDEX ix_password_reset_tokens_expires_at ON password_reset_tokens (expires_at);
CREATE INDEX ix_password_reset_tokens_id ON password_reset_tokens (id);
CREATE INDEX ix_password_reset_tokens_otp_code ON password_reset_tokens (otp_code);
CREATE UNIQUE INDEX ix_password_reset_tokens_token_hash ON password_reset_tokens (token_hash);
CREATE INDEX ix_password_reset_tokens_user_id ON password_reset_tokens (user_id);

ALTER TABLE badge_grants
    ADD CONSTRAINT badge_grants_pkey PRIMARY KEY (id),
    ADD CONSTRAINT uq_badge_grant_user_badge UNIQUE (user_id, badge);
CREATE INDEX ix_badge_grants_granted_at ON badge_grants (granted_at);
CREATE INDEX ix_badge_grants_user_id ON badge_grants (user_id);

ALTER TABLE reputation_history
    ADD CONSTRAINT reputation_history_pkey PRIMARY KEY (id);
CREATE INDEX ix_reputation_history_created_at ON reputation_history (created_at);
CREATE INDEX ix_reputation_history_user_id ON reputation_history (user_id);

ALTER TABLE category_follows
    ADD CONSTRAINT category_follows_pkey PRIMARY KEY (id),
    ADD CONSTRAINT uq_category_follow_user_category UNIQUE (user_id, category);
CREATE INDEX ix_category_follows_category ON category_follows (category);
CREATE INDEX ix_category_follows_category_created ON category_follows (category, created_at DESC);
CREATE INDEX ix_category_follows_created_at ON category_follows (created_at);
CREATE INDEX ix_category_follows_user_id ON category_follows (user_id);

ALTER TABLE follows
    ADD CONSTRAINT follows_pkey PRIMARY KEY (id),
    ADD CONSTRAINT uq_follow_follower_following UNIQUE (follower_id, following_id);
CREATE INDEX ix_follows_created_at ON follows (created_at);
CREATE INDEX ix_follows_follower_id ON follows (follower_id);
CREATE INDEX ix_follows_following_created ON follows (following_id, created_at DESC);
CREATE INDEX ix_follows_following_id ON follows (following_id);

ALTER TABLE user_blocks
    ADD CONSTRAINT user_blocks_pkey PRIMARY KEY (id),
    ADD CONSTRAINT uq_user_blocks_pair UNIQUE (blocker_id, blocked_id);
CREATE INDEX ix_user_blocks_blocked_id ON user_blocks (blocked_id);
CREATE INDEX ix_user_blocks_blocker_id ON user_blocks (blocker_id);

-- Posts and their files: keys and indexes

ALTER TABLE posts
    ADD CONSTRAINT posts_pkey PRIMARY KEY (id),
    ADD CONSTRAINT posts_public_sqid_key UNIQUE (public_sqid),
    ADD CONSTRAINT posts_storage_key_key UNIQUE (storage_key);
CREATE INDEX ix_posts_artwork_modified_at ON posts (artwork_modified_at);
CREATE INDEX ix_posts_base ON posts (base);
CREATE INDEX ix_posts_created_at ON posts (created_at);
CREATE INDEX ix_posts_deleted_by_user ON posts (deleted_by_user);
CREATE INDEX ix_posts_deleted_by_user_date ON posts (deleted_by_user_date);
CREATE INDEX ix_posts_hashtags ON posts USING gin (hashtags);
CREATE INDEX ix_posts_height ON posts (height);
CREATE INDEX ix_posts_hidden_by_mod ON posts (hidden_by_mod);
CREATE INDEX ix_posts_id ON posts (id);
CREATE INDEX ix_posts_license_id ON posts (license_id);
CREATE INDEX ix_posts_metadata_modified_at ON posts (metadata_modified_at);
CREATE INDEX ix_posts_non_conformant ON posts (non_conformant);
CREATE INDEX ix_posts_non_conformant_created ON posts (non_conformant, created_at DESC);
CREATE INDEX ix_posts_owner_created ON posts (owner_id, created_at DESC);
CREATE INDEX ix_posts_owner_id ON posts (owner_id);
CREATE INDEX ix_posts_promoted ON posts (promoted);
CREATE UNIQUE INDEX ix_posts_public_sqid ON posts (public_sqid);
CREATE INDEX ix_posts_public_visibility ON posts (public_visibility);
CREATE INDEX ix_posts_size ON posts (size);
CREATE UNIQUE INDEX ix_posts_storage_key ON posts (storage_key);
CREATE INDEX ix_posts_visible ON posts (visible);
CREATE INDEX ix_posts_width ON posts (width);
CREATE UNIQUE INDEX uq_posts_hash_active ON posts (hash) WHERE ((deleted_by_user = false) AND (hash IS NOT NULL));
-- Only on a server that grew through the old migrations, as production did.
CREATE INDEX ix_posts_title_trgm ON posts USING gin (title gin_trgm_ops);
CREATE INDEX ix_posts_description_trgm ON posts USING gin (description gin_trgm_ops);

ALTER TABLE post_files
    ADD CONSTRAINT post_files_pkey PRIMARY KEY (id),
    ADD CONSTRAINT uq_post_files_post_format UNIQUE (post_id, format);
CREATE INDEX ix_post_files_format_bytes ON post_files (format, file_bytes);
CREATE INDEX ix_post_files_post_id ON post_files (post_id);
CREATE UNIQUE INDEX uq_post_files_one_native_per_post ON post_files (post_id) WHERE (is_native = true);

ALTER TABLE post_lineage
    ADD CONSTRAINT post_lineage_pkey PRIMARY KEY (id),
    ADD CONSTRAINT uq_post_lineage_child_parent_sqid UNIQUE (child_post_id, parent_sqid);
CREATE INDEX ix_post_lineage_child_post_id ON post_lineage (child_post_id);
CREATE INDEX ix_post_lineage_parent_post_id ON post_lineage (parent_post_id);

ALTER TABLE retired_artworks
    ADD CONSTRAINT retired_artworks_pkey PRIMARY KEY (id);
CREATE INDEX ix_retired_artworks_delete_after ON retired_artworks (delete_after);
CREATE INDEX ix_retired_artworks_post_id ON retired_artworks (post_id);
CREATE INDEX ix_retired_artworks_storage_key ON retired_artworks (storage_key);

ALTER TABLE playlist_posts
    ADD CONSTRAINT playlist_posts_pkey PRIMARY KEY (post_id),
    ADD CONSTRAINT playlist_posts_legacy_playlist_id_key UNIQUE (legacy_playlist_id);
CREATE UNIQUE INDEX ix_playlist_posts_legacy_playlist_id ON playlist_posts (legacy_playlist_id);

ALTER TABLE playlist_items
    ADD CONSTRAINT playlist_items_pkey PRIMARY KEY (id),
    ADD CONSTRAINT uq_playlist_items_playlist_position UNIQUE (playlist_post_id, position);
CREATE INDEX ix_playlist_items_artwork_post_id ON playlist_items (artwork_post_id);
CREATE INDEX ix_playlist_items_created_at ON playlist_items (created_at);
CREATE INDEX ix_playlist_items_playlist_position ON playlist_items (playlist_post_id, "position");
CREATE INDEX ix_playlist_items_playlist_post_id ON playlist_items (playlist_post_id);

ALTER TABLE playlists
    ADD CONSTRAINT playlists_pkey PRIMARY KEY (id);
CREATE INDEX ix_playlists_created_at ON playlists (created_at);
CREATE INDEX ix_playlists_hidden_by_mod ON playlists (hidden_by_mod);
CREATE INDEX ix_playlists_id ON playlists (id);
CREATE INDEX ix_playlists_owner_id ON playlists (owner_id);
CREATE INDEX ix_playlists_visible ON playlists (visible);

ALTER TABLE user_highlights
    ADD CONSTRAINT user_highlights_pkey PRIMARY KEY (id),
    ADD CONSTRAINT uq_user_highlights_user_position UNIQUE (user_id, position),
    ADD CONSTRAINT uq_user_highlights_user_post UNIQUE (user_id, post_id);
CREATE INDEX ix_user_highlights_post_id ON user_highlights (post_id);
CREATE INDEX ix_user_highlights_user_id ON user_highlights (user_id);
CREATE INDEX ix_user_highlights_user_position ON user_highlights (user_id, "position");

ALTER TABLE batch_download_requests
    ADD CONSTRAINT batch_download_requests_pkey PRIMARY KEY (id);
CREATE INDEX ix_batch_download_requests_created_at ON batch_download_requests (created_at);
CREATE INDEX ix_batch_download_requests_id ON batch_download_requests (id);
CREATE INDEX ix_batch_download_requests_status ON batch_download_requests (status);
CREATE INDEX ix_batch_download_requests_user_id ON batch_download_requests (user_id);
CREATE INDEX ix_bdr_status_expires ON batch_download_requests (status, expires_at);
CREATE INDEX ix_bdr_user_created ON batch_download_requests (user_id, created_at DESC);

-- Talk: keys and indexes

ALTER TABLE comments
    ADD CONSTRAINT comments_pkey PRIMARY KEY (id);
CREATE INDEX ix_comments_author_id ON comments (author_id);
CREATE INDEX ix_comments_author_ip ON comments (author_ip);
CREATE INDEX ix_comments_created_at ON comments (created_at);
CREATE INDEX ix_comments_hidden_by_mod ON comments (hidden_by_mod);
CREATE INDEX ix_comments_id ON comments (id);
CREATE INDEX ix_comments_parent_id ON comments (parent_id);
CREATE INDEX ix_comments_post_created ON comments (post_id, created_at DESC);
CREATE INDEX ix_comments_post_id ON comments (post_id);

ALTER TABLE comment_likes
    ADD CONSTRAINT comment_likes_pkey PRIMARY KEY (id),
    ADD CONSTRAINT uq_comment_likes_comment_user UNIQUE (comment_id, user_id);
CREATE INDEX ix_comment_likes_comment_id ON comment_likes (comment_id);
CREATE INDEX ix_comment_likes_user_id ON comment_likes (user_id);

ALTER TABLE reactions
    ADD CONSTRAINT reactions_pkey PRIMARY KEY (id);
CREATE INDEX ix_reactions_created_at ON reactions (created_at);
CREATE INDEX ix_reactions_post_emoji ON reactions (post_id, emoji);
CREATE INDEX ix_reactions_post_id ON reactions (post_id);
CREATE INDEX ix_reactions_user_id ON reactions (user_id);
CREATE INDEX ix_reactions_user_ip ON reactions (user_ip);
CREATE UNIQUE INDEX uq_reaction_post_ip_emoji ON reactions (post_id, user_ip, emoji) WHERE (user_ip IS NOT NULL);
CREATE UNIQUE INDEX uq_reaction_post_user_emoji ON reactions (post_id, user_id, emoji) WHERE (user_id IS NOT NULL);

ALTER TABLE social_notifications
    ADD CONSTRAINT social_notifications_pkey PRIMARY KEY (id);
CREATE INDEX ix_social_notifications_actor_id ON social_notifications (actor_id);
CREATE INDEX ix_social_notifications_created_at ON social_notifications (created_at);
CREATE INDEX ix_social_notifications_id ON social_notifications (id);
CREATE INDEX ix_social_notifications_is_read ON social_notifications (is_read);
CREATE INDEX ix_social_notifications_post_id ON social_notifications (post_id);
CREATE INDEX ix_social_notifications_user_created ON social_notifications (user_id, created_at DESC);
CREATE INDEX ix_social_notifications_user_id ON social_notifications (user_id);
CREATE INDEX ix_social_notifications_user_unread ON social_notifications (user_id, created_at) WHERE (is_read = false);

-- The blog: keys and indexes

ALTER TABLE blog_posts
    ADD CONSTRAINT blog_posts_pkey PRIMARY KEY (id),
    ADD CONSTRAINT blog_posts_blog_post_key_key UNIQUE (blog_post_key),
    ADD CONSTRAINT blog_posts_public_sqid_key UNIQUE (public_sqid);
CREATE UNIQUE INDEX ix_blog_posts_blog_post_key ON blog_posts (blog_post_key);
CREATE INDEX ix_blog_posts_created_at ON blog_posts (created_at);
CREATE INDEX ix_blog_posts_hidden_by_mod ON blog_posts (hidden_by_mod);
CREATE INDEX ix_blog_posts_id ON blog_posts (id);
CREATE INDEX ix_blog_posts_owner_created ON blog_posts (owner_id, created_at DESC);
CREATE INDEX ix_blog_posts_owner_id ON blog_posts (owner_id);
CREATE INDEX ix_blog_posts_public_created ON blog_posts (public_visibility, created_at DESC);
CREATE UNIQUE INDEX ix_blog_posts_public_sqid ON blog_posts (public_sqid);
CREATE INDEX ix_blog_posts_public_updated ON blog_posts (public_visibility, updated_at DESC);
CREATE INDEX ix_blog_posts_public_visibility ON blog_posts (public_visibility);
CREATE INDEX ix_blog_posts_published_at ON blog_posts (published_at);
CREATE INDEX ix_blog_posts_updated_at ON blog_posts (updated_at);
CREATE INDEX ix_blog_posts_visible ON blog_posts (visible);

ALTER TABLE blog_post_comments
    ADD CONSTRAINT blog_post_comments_pkey PRIMARY KEY (id);
CREATE INDEX ix_blog_post_comments_author_id ON blog_post_comments (author_id);
CREATE INDEX ix_blog_post_comments_author_ip ON blog_post_comments (author_ip);
CREATE INDEX ix_blog_post_comments_blog_post_created ON blog_post_comments (blog_post_id, created_at DESC);
CREATE INDEX ix_blog_post_comments_blog_post_id ON blog_post_comments (blog_post_id);
CREATE INDEX ix_blog_post_comments_created_at ON blog_post_comments (created_at);
CREATE INDEX ix_blog_post_comments_hidden_by_mod ON blog_post_comments (hidden_by_mod);
CREATE INDEX ix_blog_post_comments_id ON blog_post_comments (id);
CREATE INDEX ix_blog_post_comments_parent_id ON blog_post_comments (parent_id);

ALTER TABLE blog_post_reactions
    ADD CONSTRAINT blog_post_reactions_pkey PRIMARY KEY (id);
CREATE INDEX ix_blog_post_reactions_blog_post_emoji ON blog_post_reactions (blog_post_id, emoji);
CREATE INDEX ix_blog_post_reactions_blog_post_id ON blog_post_reactions (blog_post_id);
CREATE INDEX ix_blog_post_reactions_created_at ON blog_post_reactions (created_at);
CREATE INDEX ix_blog_post_reactions_user_id ON blog_post_reactions (user_id);
CREATE INDEX ix_blog_post_reactions_user_ip ON blog_post_reactions (user_ip);

ALTER TABLE blog_post_view_events
    ADD CONSTRAINT blog_post_view_events_pkey PRIMARY KEY (id);
CREATE INDEX ix_blog_post_view_events_blog_post_id ON blog_post_view_events (blog_post_id);
CREATE INDEX ix_blog_post_view_events_country_code ON blog_post_view_events (country_code);
CREATE INDEX ix_blog_post_view_events_created_at ON blog_post_view_events (created_at);
CREATE INDEX ix_blog_post_view_events_device_type ON blog_post_view_events (device_type);
CREATE INDEX ix_blog_post_view_events_id ON blog_post_view_events (id);
CREATE INDEX ix_blog_post_view_events_post_created ON blog_post_view_events (blog_post_id, created_at DESC);
CREATE INDEX ix_blog_post_view_events_view_type ON blog_post_view_events (view_type);
CREATE INDEX ix_blog_post_view_events_viewer_user_id ON blog_post_view_events (viewer_user_id);

ALTER TABLE blog_post_stats_daily
    ADD CONSTRAINT blog_post_stats_daily_pkey PRIMARY KEY (id),
    ADD CONSTRAINT uq_blog_post_stats_daily_post_date UNIQUE (blog_post_id, date);
CREATE INDEX ix_blog_post_stats_daily_blog_post_id ON blog_post_stats_daily (blog_post_id);
CREATE INDEX ix_blog_post_stats_daily_date ON blog_post_stats_daily (date);
CREATE INDEX ix_blog_post_stats_daily_post_date ON blog_post_stats_daily (blog_post_id, date);

-- Moderation: keys and indexes

ALTER TABLE admin_notes
    ADD CONSTRAINT admin_notes_pkey PRIMARY KEY (id);
CREATE INDEX ix_admin_notes_created_at ON admin_notes (created_at);
CREATE INDEX ix_admin_notes_created_by ON admin_notes (created_by);
CREATE INDEX ix_admin_notes_id ON admin_notes (id);
CREATE INDEX ix_admin_notes_post_id ON admin_notes (post_id);

ALTER TABLE audit_logs
    ADD CONSTRAINT audit_logs_pkey PRIMARY KEY (id);
CREATE INDEX ix_audit_logs_action ON audit_logs (action);
CREATE INDEX ix_audit_logs_actor_created ON audit_logs (actor_id, created_at DESC);
CREATE INDEX ix_audit_logs_actor_id ON audit_logs (actor_id);
CREATE INDEX ix_audit_logs_created_at ON audit_logs (created_at);
CREATE INDEX ix_audit_logs_id ON audit_logs (id);
CREATE INDEX ix_audit_logs_target_id ON audit_logs (target_id);

ALTER TABLE reports
    ADD CONSTRAINT reports_pkey PRIMARY KEY (id);
CREATE INDEX ix_reports_created_at ON reports (created_at);
CREATE INDEX ix_reports_id ON reports (id);
CREATE INDEX ix_reports_reporter_id ON reports (reporter_id);
CREATE INDEX ix_reports_status ON reports (status);
CREATE INDEX ix_reports_status_created ON reports (status, created_at DESC);
CREATE INDEX ix_reports_target ON reports (target_type, target_id);
CREATE INDEX ix_reports_target_id ON reports (target_id);
CREATE INDEX ix_reports_target_type ON reports (target_type);

ALTER TABLE violations
    ADD CONSTRAINT violations_pkey PRIMARY KEY (id);
CREATE INDEX ix_violations_created_at ON violations (created_at);
CREATE INDEX ix_violations_id ON violations (id);
CREATE INDEX ix_violations_moderator_id ON violations (moderator_id);
CREATE INDEX ix_violations_user_created ON violations (user_id, created_at DESC);
CREATE INDEX ix_violations_user_id ON violations (user_id);

-- Display devices: keys and indexes

ALTER TABLE players
    ADD CONSTRAINT players_pkey PRIMARY KEY (id),
    ADD CONSTRAINT players_cert_serial_number_key UNIQUE (cert_serial_number),
    ADD CONSTRAINT players_player_key_key UNIQUE (player_key),
    ADD CONSTRAINT players_registration_code_key UNIQUE (registration_code);
CREATE UNIQUE INDEX ix_players_cert_serial_number ON players (cert_serial_number);
CREATE INDEX ix_players_connection_status ON players (connection_status);
CREATE INDEX ix_players_created_at ON players (created_at);
CREATE INDEX ix_players_id ON players (id);
CREATE INDEX ix_players_owner_id ON players (owner_id);
CREATE UNIQUE INDEX ix_players_player_key ON players (player_key);
CREATE UNIQUE INDEX ix_players_registration_code ON players (registration_code);

ALTER TABLE player_tokens
    ADD CONSTRAINT player_tokens_pkey PRIMARY KEY (id);
CREATE INDEX ix_player_tokens_created_at ON player_tokens (created_at);
CREATE INDEX ix_player_tokens_id ON player_tokens (id);
CREATE INDEX ix_player_tokens_player_id ON player_tokens (player_id);
CREATE INDEX ix_player_tokens_revoked ON player_tokens (revoked);
CREATE UNIQUE INDEX ix_player_tokens_token_hash ON player_tokens (token_hash);

ALTER TABLE player_command_logs
    ADD CONSTRAINT player_command_logs_pkey PRIMARY KEY (id);
CREATE INDEX ix_player_command_logs_created_at ON player_command_logs (created_at);
CREATE INDEX ix_player_command_logs_player_id ON player_command_logs (player_id);

-- Statistics: keys and indexes

ALTER TABLE view_events
    ADD CONSTRAINT view_events_pkey PRIMARY KEY (id);
CREATE INDEX ix_view_events_channel ON view_events (channel);
CREATE INDEX ix_view_events_country_code ON view_events (country_code);
CREATE INDEX ix_view_events_created_at ON view_events (created_at);
CREATE INDEX ix_view_events_device_type ON view_events (device_type);
CREATE INDEX ix_view_events_id ON view_events (id);
CREATE INDEX ix_view_events_player_id ON view_events (player_id);
CREATE INDEX ix_view_events_post_created ON view_events (post_id, created_at DESC);
CREATE INDEX ix_view_events_post_id ON view_events (post_id);
CREATE INDEX ix_view_events_view_type ON view_events (view_type);
CREATE INDEX ix_view_events_viewer_ip_hash ON view_events (viewer_ip_hash);
CREATE INDEX ix_view_events_viewer_user_id ON view_events (viewer_user_id);

ALTER TABLE post_stats_daily
    ADD CONSTRAINT post_stats_daily_pkey PRIMARY KEY (id),
    ADD CONSTRAINT uq_post_stats_daily_post_date UNIQUE (post_id, date);
CREATE INDEX ix_post_stats_daily_date ON post_stats_daily (date);
CREATE INDEX ix_post_stats_daily_post_date ON post_stats_daily (post_id, date);
CREATE INDEX ix_post_stats_daily_post_id ON post_stats_daily (post_id);

ALTER TABLE post_stats_cache
    ADD CONSTRAINT post_stats_cache_pkey PRIMARY KEY (id),
    ADD CONSTRAINT post_stats_cache_post_id_key UNIQUE (post_id);
CREATE UNIQUE INDEX ix_post_stats_cache_post_id ON post_stats_cache (post_id);

ALTER TABLE download_stats_daily
    ADD CONSTRAINT download_stats_daily_pkey PRIMARY KEY (id),
    ADD CONSTRAINT uq_download_stats_daily_post_date UNIQUE (post_id, date);
CREATE INDEX ix_download_stats_daily_date ON download_stats_daily (date);
CREATE INDEX ix_download_stats_daily_post_date ON download_stats_daily (post_id, date);
CREATE INDEX ix_download_stats_daily_post_id ON download_stats_daily (post_id);

ALTER TABLE site_events
    ADD CONSTRAINT site_events_pkey PRIMARY KEY (id);
CREATE INDEX ix_site_events_country_code ON site_events (country_code);
CREATE INDEX ix_site_events_created ON site_events (created_at DESC);
CREATE INDEX ix_site_events_created_at ON site_events (created_at);
CREATE INDEX ix_site_events_device_type ON site_events (device_type);
CREATE INDEX ix_site_events_event_type ON site_events (event_type);
CREATE INDEX ix_site_events_id ON site_events (id);
CREATE INDEX ix_site_events_type_created ON site_events (event_type, created_at DESC);
CREATE INDEX ix_site_events_user_id ON site_events (user_id);
CREATE INDEX ix_site_events_visitor_ip_hash ON site_events (visitor_ip_hash);

ALTER TABLE site_stats_daily
    ADD CONSTRAINT site_stats_daily_pkey PRIMARY KEY (id),
    ADD CONSTRAINT site_stats_daily_date_key UNIQUE (date);
CREATE UNIQUE INDEX ix_site_stats_daily_date ON site_stats_daily (date);

ALTER TABLE vault_sharding_stats_daily
    ADD CONSTRAINT vault_sharding_stats_daily_pkey PRIMARY KEY (id),
    ADD CONSTRAINT uq_vault_sharding_stats_daily UNIQUE NULLS NOT DISTINCT (date, asset_class, shard_level, post_id);
CREATE INDEX ix_vault_sharding_stats_daily_date ON vault_sharding_stats_daily (date);
CREATE INDEX ix_vault_sharding_stats_daily_post_id ON vault_sharding_stats_daily (post_id);


-- Foreign keys: all of one column, none deferrable. users and posts refer to each other, and
-- comments and blog_post_comments refer to themselves.

ALTER TABLE users
    ADD CONSTRAINT fk_users_avatar_source_post_id_posts FOREIGN KEY (avatar_source_post_id) REFERENCES posts (id) ON DELETE SET NULL;

ALTER TABLE auth_identities
    ADD CONSTRAINT auth_identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);

ALTER TABLE refresh_tokens
    ADD CONSTRAINT refresh_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);

ALTER TABLE email_verification_tokens
    ADD CONSTRAINT email_verification_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);

ALTER TABLE password_reset_tokens
    ADD CONSTRAINT password_reset_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);

ALTER TABLE badge_grants
    ADD CONSTRAINT badge_grants_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);

ALTER TABLE reputation_history
    ADD CONSTRAINT reputation_history_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);

ALTER TABLE category_follows
    ADD CONSTRAINT category_follows_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);

ALTER TABLE follows
    ADD CONSTRAINT follows_follower_id_fkey FOREIGN KEY (follower_id) REFERENCES users (id),
    ADD CONSTRAINT follows_following_id_fkey FOREIGN KEY (following_id) REFERENCES users (id);

ALTER TABLE user_blocks
    ADD CONSTRAINT user_blocks_blocked_id_fkey FOREIGN KEY (blocked_id) REFERENCES users (id) ON DELETE CASCADE,
    ADD CONSTRAINT user_blocks_blocker_id_fkey FOREIGN KEY (blocker_id) REFERENCES users (id) ON DELETE CASCADE;

ALTER TABLE posts
    ADD CONSTRAINT posts_license_id_fkey FOREIGN KEY (license_id) REFERENCES licenses (id) ON DELETE SET NULL,
    ADD CONSTRAINT posts_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users (id);

ALTER TABLE post_files
    ADD CONSTRAINT post_files_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE;

ALTER TABLE post_lineage
    ADD CONSTRAINT post_lineage_child_post_id_fkey FOREIGN KEY (child_post_id) REFERENCES posts (id) ON DELETE CASCADE,
    ADD CONSTRAINT post_lineage_parent_post_id_fkey FOREIGN KEY (parent_post_id) REFERENCES posts (id) ON DELETE SET NULL;

ALTER TABLE retired_artworks
    ADD CONSTRAINT retired_artworks_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE SET NULL;

ALTER TABLE playlist_posts
    ADD CONSTRAINT playlist_posts_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE;

ALTER TABLE playlist_items
    ADD CONSTRAINT playlist_items_artwork_post_id_fkey FOREIGN KEY (artwork_post_id) REFERENCES posts (id) ON DELETE CASCADE,
    ADD CONSTRAINT playlist_items_playlist_post_id_fkey FOREIGN KEY (playlist_post_id) REFERENCES posts (id) ON DELETE CASCADE;

ALTER TABLE playlists
    ADD CONSTRAINT playlists_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users (id);

ALTER TABLE user_highlights
    ADD CONSTRAINT user_highlights_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE,
    ADD CONSTRAINT user_highlights_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);

ALTER TABLE batch_download_requests
    ADD CONSTRAINT batch_download_requests_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;

ALTER TABLE comments
    ADD CONSTRAINT comments_author_id_fkey FOREIGN KEY (author_id) REFERENCES users (id),
    ADD CONSTRAINT comments_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES comments (id),
    ADD CONSTRAINT comments_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts (id);

ALTER TABLE comment_likes
    ADD CONSTRAINT comment_likes_comment_id_fkey FOREIGN KEY (comment_id) REFERENCES comments (id) ON DELETE CASCADE,
    ADD CONSTRAINT comment_likes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;

ALTER TABLE reactions
    ADD CONSTRAINT reactions_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts (id),
    ADD CONSTRAINT reactions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);

ALTER TABLE social_notifications
    ADD CONSTRAINT social_notifications_actor_id_fkey FOREIGN KEY (actor_id) REFERENCES users (id) ON DELETE SET NULL,
    ADD CONSTRAINT social_notifications_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE,
    ADD CONSTRAINT social_notifications_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;

ALTER TABLE blog_posts
    ADD CONSTRAINT blog_posts_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users (id);

ALTER TABLE blog_post_comments
    ADD CONSTRAINT blog_post_comments_author_id_fkey FOREIGN KEY (author_id) REFERENCES users (id),
    ADD CONSTRAINT blog_post_comments_blog_post_id_fkey FOREIGN KEY (blog_post_id) REFERENCES blog_posts (id),
    ADD CONSTRAINT blog_post_comments_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES blog_post_comments (id);

ALTER TABLE blog_post_reactions
    ADD CONSTRAINT blog_post_reactions_blog_post_id_fkey FOREIGN KEY (blog_post_id) REFERENCES blog_posts (id),
    ADD CONSTRAINT blog_post_reactions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);

ALTER TABLE blog_post_view_events
    ADD CONSTRAINT blog_post_view_events_blog_post_id_fkey FOREIGN KEY (blog_post_id) REFERENCES blog_posts (id) ON DELETE CASCADE,
    ADD CONSTRAINT blog_post_view_events_viewer_user_id_fkey FOREIGN KEY (viewer_user_id) REFERENCES users (id) ON DELETE SET NULL;

ALTER TABLE blog_post_stats_daily
    ADD CONSTRAINT blog_post_stats_daily_blog_post_id_fkey FOREIGN KEY (blog_post_id) REFERENCES blog_posts (id) ON DELETE CASCADE;

ALTER TABLE admin_notes
    ADD CONSTRAINT admin_notes_created_by_fkey FOREIGN KEY (created_by) REFERENCES users (id),
    ADD CONSTRAINT admin_notes_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts (id);

ALTER TABLE audit_logs
    ADD CONSTRAINT audit_logs_actor_id_fkey FOREIGN KEY (actor_id) REFERENCES users (id);

ALTER TABLE reports
    ADD CONSTRAINT reports_reporter_id_fkey FOREIGN KEY (reporter_id) REFERENCES users (id);

ALTER TABLE violations
    ADD CONSTRAINT violations_moderator_id_fkey FOREIGN KEY (moderator_id) REFERENCES users (id),
    ADD CONSTRAINT violations_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);

ALTER TABLE players
    ADD CONSTRAINT players_current_post_id_fkey FOREIGN KEY (current_post_id) REFERENCES posts (id),
    ADD CONSTRAINT players_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users (id);

ALTER TABLE player_tokens
    ADD CONSTRAINT player_tokens_player_id_fkey FOREIGN KEY (player_id) REFERENCES players (id) ON DELETE CASCADE;

ALTER TABLE player_command_logs
    ADD CONSTRAINT player_command_logs_player_id_fkey FOREIGN KEY (player_id) REFERENCES players (id) ON DELETE SET NULL;

ALTER TABLE view_events
    ADD CONSTRAINT view_events_player_id_fkey FOREIGN KEY (player_id) REFERENCES players (id) ON DELETE SET NULL,
    ADD CONSTRAINT view_events_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE,
    ADD CONSTRAINT view_events_viewer_user_id_fkey FOREIGN KEY (viewer_user_id) REFERENCES users (id) ON DELETE SET NULL;

ALTER TABLE post_stats_daily
    ADD CONSTRAINT post_stats_daily_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE;

ALTER TABLE post_stats_cache
    ADD CONSTRAINT post_stats_cache_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE;

ALTER TABLE download_stats_daily
    ADD CONSTRAINT download_stats_daily_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE;

ALTER TABLE site_events
    ADD CONSTRAINT site_events_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL;

ALTER TABLE vault_sharding_stats_daily
    ADD CONSTRAINT vault_sharding_stats_daily_post_id_fkey FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE;
