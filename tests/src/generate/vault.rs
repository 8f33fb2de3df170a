//! Writes the vault that a generated database speaks of: all the files its rows name, and the
//! things that lie about in a vault without a row.

use super::files;
use mkx_contract::{Failure, Result};
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, NoTls, Row};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use uuid::Uuid;

const WRITERS: usize = 2;

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// Files.
    pub files: u64,
    /// Their size together.
    pub bytes: u64,
}

struct File {
    path: String,
    key: Uuid,
    format: String,
    size: usize,
}

/// Every query gives: path below the root, the key its bytes follow from, format, size in bytes.
/// The first are the artworks, so that a limited vault has what most rows refer to.
const NAMED_BY_ROWS: &[(&str, &str)] = &[
    (
        "artwork",
        "SELECT storage_shard || '/' || storage_key || '.' || format, storage_key::text, \
         format, file_bytes FROM posts JOIN post_files ON post_id = posts.id ORDER BY posts.id",
    ),
    (
        "upscaled previews",
        "SELECT storage_shard || '/' || storage_key || '_upscaled.webp', storage_key::text, \
         'upscaled', file_bytes * 2 FROM posts JOIN post_files ON post_id = posts.id \
         WHERE is_native AND posts.id % 5 < 3 ORDER BY posts.id",
    ),
    (
        "twins at legacy paths",
        "SELECT format('%s/%s/%s/%s.%s', substr(digest, 1, 2), substr(digest, 3, 2), \
         substr(digest, 5, 2), storage_key, format), storage_key::text, format, file_bytes \
         FROM (SELECT id, storage_key, encode(sha256(storage_key::text::bytea), 'hex') AS digest \
         FROM posts WHERE length(storage_shard) = 5 AND id % 4 = 0) moved \
         JOIN post_files ON post_id = moved.id ORDER BY moved.id",
    ),
    (
        "avatars",
        "SELECT DISTINCT substring(url from '(avatar/.*)$'), \
         substring(url from '([0-9a-f-]{36})[.]'), substring(url from '[.]([a-z]+)$'), \
         800 + ascii(md5(url)) * 30 FROM (SELECT avatar_url AS url FROM users UNION ALL \
         SELECT actor_avatar_url FROM social_notifications) urls \
         WHERE url LIKE '%/avatar/%' ORDER BY 1",
    ),
    (
        "blog images",
        "SELECT substring(url from '(blog_image/.*)$'), \
         substring(url from '([0-9a-f-]{36})[.]'), substring(url from '[.]([a-z]+)$'), \
         2000 + ascii(md5(url)) * 90 FROM blog_posts, unnest(image_urls) AS url ORDER BY 1",
    ),
    (
        "layers",
        "SELECT 'mkpx/' || storage_shard || '/' || storage_key || '.mkpx', storage_key::text, \
         'mkpx', mkpx_file_bytes FROM posts WHERE mkpx_file_bytes IS NOT NULL ORDER BY id",
    ),
    (
        "batch downloads",
        "SELECT file_path, id::text, 'zip', file_size_bytes::integer \
         FROM batch_download_requests WHERE file_path IS NOT NULL ORDER BY id",
    ),
    (
        "retired artworks",
        "SELECT storage_shard || '/' || storage_key || '.' || format, storage_key::text, format, \
         1500 FROM retired_artworks, unnest(formats) AS format ORDER BY id, format",
    ),
];

/// Files that no row names, as path and format.
const UNNAMED: &[(&str, &str)] = &[
    ("00/00/6a1c3c1e-0000-4000-8000-00000000dead.png", "png"),
    (
        "00/01/6a1c3c1e-0000-4000-8000-00000000beef.png.4711.reshard-tmp",
        "png",
    ),
    ("lost+found/#131074", "bin"),
    ("README-ops.txt", "txt"),
];

/// Writes the files below `root`; after `limit` of them it stops.
pub fn write(
    url: &str,
    root: &Path,
    limit: Option<u64>,
    say: &(dyn Fn(&str) + Sync),
) -> Result<Written> {
    let mut client = Client::connect(url, NoTls)
        .map_err(|error| Failure::peer(format!("cannot connect to the database: {error}")))?;
    let bytes = AtomicU64::new(0);
    let files = std::thread::scope(|scope| {
        let (senders, writers): (Vec<_>, Vec<_>) = (0..WRITERS)
            .map(|_| {
                let (sender, receiver) = sync_channel::<File>(256);
                (sender, scope.spawn(|| write_all(root, receiver, &bytes)))
            })
            .unzip();
        let files = name_files(&mut client, &senders, limit, say);
        drop(senders);
        for writer in writers {
            writer.join().expect("a writer does not panic")?;
        }
        files
    })?;
    Ok(Written {
        files,
        bytes: bytes.into_inner(),
    })
}

fn name_files(
    client: &mut Client,
    senders: &[SyncSender<File>],
    limit: Option<u64>,
    say: &(dyn Fn(&str) + Sync),
) -> Result<u64> {
    let mut files = 0;
    for (path, format) in UNNAMED {
        let file = File {
            path: (*path).into(),
            key: Uuid::from_u128(files.into()),
            format: (*format).into(),
            size: 900,
        };
        if senders[0].send(file).is_err() {
            return Ok(files);
        }
        files += 1;
    }
    for (kind, query) in NAMED_BY_ROWS {
        let before = files;
        let unreadable = |error: postgres::Error| {
            Failure::peer(format!("cannot read the names of {kind}: {error}"))
        };
        let mut rows = client
            .query_raw::<_, &str, _>(*query, [])
            .map_err(unreadable)?;
        while let Some(row) = rows.next().map_err(unreadable)? {
            let sender = &senders[files as usize % WRITERS];
            // a writer that is gone has failed; joining it says why
            if limit.is_some_and(|limit| files >= limit) || sender.send(file(&row)).is_err() {
                return Ok(files);
            }
            files += 1;
        }
        say(&format!("{kind} {}", files - before));
    }
    Ok(files)
}

fn file(row: &Row) -> File {
    let key: String = row.get(1);
    let size: i32 = row.get(3);
    File {
        path: row.get(0),
        key: Uuid::parse_str(&key).unwrap_or_default(),
        format: row.get(2),
        size: size as usize,
    }
}

fn write_all(root: &Path, files: Receiver<File>, bytes: &AtomicU64) -> Result<()> {
    for file in files {
        let path = root.join(&file.path);
        let content = files::bytes(file.key, &file.format, file.size);
        bytes.fetch_add(content.len() as u64, Ordering::Relaxed);
        place(&path, &content).map_err(|error| {
            Failure::peer(format!("cannot write \"{}\": {error}", path.display()))
        })?;
    }
    Ok(())
}

fn place(path: &PathBuf, content: &[u8]) -> io::Result<()> {
    match std::fs::write(path, content) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            std::fs::write(path, content)
        }
        other => other,
    }
}
