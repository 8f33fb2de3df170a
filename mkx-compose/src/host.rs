//! The machine's size.

use mkx_contract::record::site::Host;
use mkx_contract::{Failure, Result};

/// Processors that this process may use, and the machine's memory.
///
/// # Errors
/// Exit 4 where the kernel does not say.
pub fn detect() -> Result<Host> {
    let cpus = std::thread::available_parallelism()
        .map_err(|error| Failure::peer(format!("cannot count the processors: {error}")))?;
    let memory = rustix::system::sysinfo();
    Ok(Host {
        cpus: cpus.get() as f64,
        memory_bytes: memory.totalram * u64::from(memory.mem_unit),
    })
}
