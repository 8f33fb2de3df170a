//! Gives the library a number that changes with whatever the generated worlds are made of, so that
//! a kept world is not taken for one that today's sources would make.

use std::hash::{DefaultHasher, Hasher};
use std::path::PathBuf;

const MADE_OF: [&str; 3] = ["src/generate", "src/postgres_server", "makapix"];

fn main() {
    let mut hasher = DefaultHasher::new();
    for folder in MADE_OF {
        println!("cargo::rerun-if-changed={folder}");
        let entries = std::fs::read_dir(folder).expect("a folder of this crate");
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.expect("a folder of this crate").path())
            .collect();
        files.sort();
        for file in files {
            hasher.write(&std::fs::read(&file).expect("a file of this crate"));
        }
    }
    println!("cargo::rustc-env=MADE_OF={:x}", hasher.finish());
}
