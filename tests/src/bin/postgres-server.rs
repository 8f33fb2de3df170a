//! Starts a private PostgreSQL server, prints its directory, and keeps it until stdin ends.

use std::io::{Read, Write};

use mkx_tests::postgres_server::PostgresServer;

fn main() -> std::io::Result<()> {
    let server = PostgresServer::start();
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", server.socket_directory().display())?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
