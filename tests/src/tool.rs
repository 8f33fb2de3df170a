//! The built programs of the workspace, started as a person would start them.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Every program of the workspace.
pub const TOOLS: [&str; 5] = [
    "mkx-caddy",
    "mkx-compose",
    "mkx-mqtt",
    "mkx-sample",
    "mkx-vault",
];

/// A program of the workspace with its arguments and environment.
#[derive(Debug)]
pub struct Tool {
    command: Command,
    stdin: Vec<u8>,
    is_read: bool,
}

/// What a finished program left.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; 128 + signal when a signal ended it.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// The most memory that it was seen to hold (resident), looked at every few milliseconds.
    pub peak_memory_bytes: u64,
}

impl Finished {
    /// Panics with what the program said unless it ended with this code.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "unexpected exit code\nstdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }
}

/// Where a program of the workspace was built: beside the test that runs.
///
/// # Panics
///
/// When it was not built; tests never go on without it.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    test.ancestors()
        .skip(1)
        .take(3)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| {
            panic!(
                "cannot find the program \"{name}\" near {}: build it first, with `cargo build --workspace`",
                test.display()
            )
        })
}

impl Tool {
    /// A program of the workspace, with an environment of its own: nothing of ours but `PATH` and
    /// `HOME`.
    pub fn new(name: &str) -> Self {
        Self::of(Command::new(binary(name)))
    }

    fn of(mut command: Command) -> Self {
        command.env_clear();
        for kept in ["PATH", "HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        Tool {
            command,
            stdin: Vec::new(),
            is_read: true,
        }
    }

    /// A script of the repository, which finds the workspace's programs on its `PATH`.
    ///
    /// It leads a process group of its own, so that [`Running::kill_all`] reaches what it started.
    pub fn script(name: &str) -> Self {
        use std::os::unix::process::CommandExt;
        let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts");
        let mut command = Command::new(PathBuf::from(scripts).join(name));
        command.process_group(0);
        let built = binary("mkx-sample");
        let built = built.parent().expect("a program is in a folder");
        let others = std::env::var("PATH").unwrap_or_default();
        Self::of(command).env("PATH", format!("{}:{others}", built.display()))
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the working directory.
    pub fn directory(mut self, directory: impl AsRef<std::path::Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Sets what it reads from its standard input; nothing unless given.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = input.into();
        self
    }

    /// Its standard output is a pipe whose reader has gone away before it starts.
    pub fn unread(mut self) -> Self {
        self.is_read = false;
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Finished {
        self.spawn().wait()
    }

    /// Starts it.
    pub fn spawn(mut self) -> Running {
        let stdout = if self.is_read {
            Stdio::piped()
        } else {
            pipe_without_reader()
        };
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .expect("a built program starts");
        let mut input = child.stdin.take().expect("its standard input is a pipe");
        let bytes = self.stdin;
        // a program may end without reading all of it
        std::thread::spawn(move || input.write_all(&bytes).ok());
        Running {
            stdout: child
                .stdout
                .take()
                .map_or_else(Listener::deaf, Listener::on),
            stderr: child
                .stderr
                .take()
                .map_or_else(Listener::deaf, Listener::on),
            child,
            peak_memory_bytes: 0,
        }
    }
}

/// The pipe to a program that has ended.
fn pipe_without_reader() -> Stdio {
    let mut reader = Command::new("true")
        .stdin(Stdio::piped())
        .spawn()
        .expect("every system has true");
    let writer = reader.stdin.take().expect("its standard input is a pipe");
    reader.wait().expect("true ends");
    writer.into()
}

/// What a stream said so far.
#[derive(Debug)]
struct Listener {
    heard: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    fn deaf() -> Self {
        Listener {
            heard: Arc::default(),
            thread: None,
        }
    }

    fn on(mut stream: impl Read + Send + 'static) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&heard);
        let thread = std::thread::spawn(move || {
            let mut part = [0; 16 * 1024];
            while let Ok(length @ 1..) = stream.read(&mut part) {
                let mut into = into.lock().expect("a listener does not panic");
                into.extend_from_slice(&part[..length]);
            }
        });
        Listener {
            heard,
            thread: Some(thread),
        }
    }

    fn so_far(&self) -> String {
        let heard = self.heard.lock().expect("a listener does not panic");
        String::from_utf8_lossy(&heard).into_owned()
    }

    fn all(&mut self) -> String {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("a listener does not panic");
        }
        self.so_far()
    }
}

/// A program that runs; it is killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Listener,
    stderr: Listener,
    peak_memory_bytes: u64,
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it said on stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// What it wrote to stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    /// Waits until its stderr contains a text; false when it ended before.
    ///
    /// # Panics
    ///
    /// After a minute.
    pub fn wait_for_stderr(&mut self, text: &str) -> bool {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let ended = self.has_ended();
            if self.stderr().contains(text) {
                return true;
            }
            if ended {
                return self.stderr.all().contains(text);
            }
            assert!(
                Instant::now() < deadline,
                "it did not say \"{text}\" but: {}",
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.look_at_memory();
        let state = self.child.try_wait();
        state.expect("the system knows its children").is_some()
    }

    fn look_at_memory(&mut self) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let kilobytes = status.ok().and_then(|status| {
            let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        });
        self.peak_memory_bytes = self.peak_memory_bytes.max(kilobytes.unwrap_or(0) * 1024);
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub fn kill(mut self) -> Finished {
        // it may have ended by itself just now
        self.child.kill().ok();
        self.wait()
    }

    /// Kills a script and all that it started as `kill -9` does, and waits until it is gone.
    pub fn kill_all(mut self) -> Finished {
        // it may have ended by itself just now
        self.signal_all(rustix::process::Signal::KILL).ok();
        self.child.kill().ok();
        self.wait()
    }

    /// Sends a signal to a script and all that it started.
    ///
    /// # Errors
    /// The system's, where nothing of it runs.
    pub fn signal_all(&mut self, signal: rustix::process::Signal) -> rustix::io::Result<()> {
        rustix::process::kill_process_group(rustix::process::Pid::from_child(&self.child), signal)
    }

    /// Asks it to end as `kill` does; what it started hears nothing.
    pub fn terminate(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .expect("a child that runs takes a signal");
    }

    /// Asks it to end as Ctrl-C does.
    pub fn interrupt(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT)
            .expect("a child that runs takes a signal");
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Finished {
        use std::os::unix::process::ExitStatusExt;
        while !self.has_ended() {
            std::thread::sleep(Duration::from_millis(3));
        }
        let status = self.child.wait().expect("it has ended");
        Finished {
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            stdout: self.stdout.all(),
            stderr: self.stderr.all(),
            peak_memory_bytes: self.peak_memory_bytes,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
