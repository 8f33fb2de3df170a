//! The built programs of the workspace, started as a person would start them.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A program of the workspace with its arguments and environment.
#[derive(Debug)]
pub struct Tool {
    command: Command,
    stdin: Vec<u8>,
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
        let mut command = Command::new(binary(name));
        command.env_clear();
        for kept in ["PATH", "HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        Tool {
            command,
            stdin: Vec::new(),
        }
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

    /// Runs it to its end.
    pub fn run(self) -> Finished {
        self.spawn().wait()
    }

    /// Starts it.
    pub fn spawn(mut self) -> Running {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a built program starts");
        let mut input = child.stdin.take().expect("its standard input is a pipe");
        let bytes = self.stdin;
        // a program may end without reading all of it
        std::thread::spawn(move || input.write_all(&bytes).ok());
        Running { child: Some(child) }
    }
}

/// A program that runs; it is killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
}

impl Running {
    fn child(&mut self) -> &mut Child {
        self.child.as_mut().expect("it was not waited for yet")
    }

    /// Its process id.
    pub fn pid(&mut self) -> u32 {
        self.child().id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        let state = self.child().try_wait();
        state.expect("the system knows its children").is_some()
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub fn kill(mut self) -> Finished {
        // it may have ended by itself just now
        self.child().kill().ok();
        self.wait()
    }

    /// Asks it to end as Ctrl-C does.
    pub fn interrupt(&mut self) {
        let pid = rustix::process::Pid::from_child(self.child());
        rustix::process::kill_process(pid, rustix::process::Signal::INT)
            .expect("a child that runs takes a signal");
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Finished {
        use std::os::unix::process::ExitStatusExt;
        let child = self.child.take().expect("it is waited for once");
        let output = child.wait_with_output().expect("its output can be read");
        let status = output.status;
        Finished {
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
    }
}
