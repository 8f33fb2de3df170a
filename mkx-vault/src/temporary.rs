//! The names of files that are not whole yet: `.NAME.mkx-SIXTEEN HEX DIGITS.tmp`, in the folder
//! of the file that they become.

use mkx_contract::record::manifest::COMPONENT_LIMIT_BYTES;
use rustix::fs::{AtFlags, FileType};

use mkx_contract::Result;

use crate::tree::{self, Root};

const MARK: &str = ".mkx-";
const END: &str = ".tmp";
const DIGITS: usize = 16;

/// Makes the temporary names of one run.
#[derive(Clone, Copy)]
pub struct Namer {
    run: u32,
}

impl Namer {
    /// Names that no other run makes, but by a chance of one in four thousand million.
    pub fn new() -> Namer {
        // Without random numbers the process id still tells two runs apart.
        let run = getrandom::u32().unwrap_or_else(|_| std::process::id());
        Namer { run }
    }

    /// The temporary name of the manifest's file number `index`, which is called `name`.
    pub fn name(self, name: &str, index: u32) -> String {
        let room = COMPONENT_LIMIT_BYTES - 1 - MARK.len() - DIGITS - END.len();
        let cut = (0..=room.min(name.len()))
            .rev()
            .find(|&at| name.is_char_boundary(at))
            .unwrap_or(0);
        format!(".{}{MARK}{:08x}{index:08x}{END}", &name[..cut], self.run)
    }
}

/// True for a name that [`Namer::name`] could have made.
pub fn is_ours(name: &str) -> bool {
    let Some(rest) = name.strip_prefix('.').and_then(|n| n.strip_suffix(END)) else {
        return false;
    };
    let Some(at) = rest.rfind(MARK) else {
        return false;
    };
    let digits = &rest[at + MARK.len()..];
    let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    at > 0 && digits.len() == DIGITS && digits.bytes().all(is_digit)
}

/// Removes what a run that died has left behind. The caller holds the site's lock, so no run is
/// alive whose files these are.
pub fn sweep(target: &Root) -> Result<u64> {
    let mut removed = 0;
    tree::walk(target, &mut |folder, item| {
        if item.kind == FileType::RegularFile && is_ours(item.name) {
            rustix::fs::unlinkat(folder, item.name, AtFlags::empty())?;
            removed += 1;
        }
        Ok(())
    })?;
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_we_make_are_ours() {
        let namer = Namer::new();
        assert!(is_ours(&namer.name("a.png", 7)));
        let long = namer.name(&"ä".repeat(127), 7);
        assert!(long.len() <= COMPONENT_LIMIT_BYTES && is_ours(&long));
        for other in [
            "a.png",
            "a.png.123.reshard-tmp",
            ".a.png.mkx-0123.tmp",
            ".a.png.mkx-0123456789ABCDEF.tmp",
            ".mkx-0123456789abcdef.tmp",
            "a.mkx-0123456789abcdef.tmp",
            ".a.mkx-0123456789abcdef.tmp2",
        ] {
            assert!(!is_ours(other), "{other}");
        }
        assert!(is_ours(".a.mkx-0123456789abcdef.tmp"));
    }
}
