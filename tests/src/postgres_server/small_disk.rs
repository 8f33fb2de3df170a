//! A server whose databases lie on a disk that can be full.

use super::PostgresServer;
use super::cluster::attempt;
use std::process::Command;

/// Puts a tmpfs of `$1` bytes over the databases and starts the server, in a mount namespace that
/// goes with its last process: nothing stays mounted, whatever happens to the test.
const START: &str = "
mkdir -p \"$2/small\"
mount -t tmpfs -o size=\"$1\" tmpfs \"$2/small\"
cp -a \"$2/data/base/.\" \"$2/small/\"
chown --reference=\"$2/data/base\" \"$2/small\"
chmod 0700 \"$2/small\"
mount --bind \"$2/small\" \"$2/data/base\"
exec runuser -u postgres -- \"$3\" --pgdata \"$2/data\" --log \"$2/log\" --wait --silent start";

impl PostgresServer {
    /// Stops the server and starts it with its databases on a disk that has `free` bytes left.
    ///
    /// # Panics
    ///
    /// When the tests do not run as root, who alone can mount a disk.
    pub fn restart_on_small_disk(&self, free: u64) {
        self.stop();
        let directory = self.directory.path().display().to_string();
        let size = self.bytes_of_databases() + free;
        let programs = self.binaries.join("pg_ctl").display().to_string();
        let started = attempt(Command::new("unshare").args([
            "--mount",
            "--propagation",
            "private",
            "--",
            "sh",
            "-ec",
            START,
            "sh",
            &size.to_string(),
            &directory,
            &programs,
        ]));
        if let Err(cause) = started {
            panic!("cannot start PostgreSQL on a small disk (it takes root): {cause}");
        }
    }

    /// Gives that disk so many bytes more, while the server runs.
    ///
    /// # Panics
    ///
    /// When the server does not run on a small disk.
    pub fn enlarge_small_disk(&self, more: u64) {
        let size = self.bytes_of_databases() + more;
        let small = self.directory.path().join("small");
        let pid = self.pid().to_string();
        let done = attempt(
            Command::new("nsenter")
                .args(["--mount", "--target", &pid, "--", "mount", "-o"])
                .arg(format!("remount,size={size}"))
                .arg(small),
        );
        if let Err(cause) = done {
            panic!("cannot enlarge the small disk: {cause}");
        }
    }

    /// What the databases take on disk, as the kernel counts it.
    fn bytes_of_databases(&self) -> u64 {
        let mut command = Command::new("du");
        command
            .args(["--summarize", "--block-size=1"])
            .arg(self.data().join("base"));
        let output = command.output().expect("du is part of every system");
        let text = String::from_utf8_lossy(&output.stdout);
        let bytes = text
            .split_whitespace()
            .next()
            .and_then(|word| word.parse().ok());
        bytes.expect("du begins with a number")
    }
}
