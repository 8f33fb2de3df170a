//! Site documents that come with the tool.

use clap::ValueEnum;
use mkx_contract::record::site::Host;
use serde_json::{Map, Value, json};

/// An application whose site is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// Makapix Club: makapix.club and development.makapix.club
    Makapix,
}

impl Preset {
    /// The site document for a machine of this size.
    pub fn site(self, host: &Host) -> Value {
        let text = match self {
            Preset::Makapix => include_str!("../presets/makapix.json"),
        };
        let mut site: Map<String, Value> =
            serde_json::from_str(text).expect("a preset is a JSON object");
        site.insert(
            "host".into(),
            json!({ "cpus": host.cpus, "memory_bytes": host.memory_bytes }),
        );
        Value::Object(site)
    }

    /// The site as a test has it: a machine of four processors, under `/srv`.
    #[cfg(test)]
    pub fn tested(self) -> mkx_contract::Site {
        let host = Host {
            cpus: 4.0,
            memory_bytes: 1 << 33,
        };
        let text = self.site(&host).to_string();
        mkx_contract::record::site::read(&text, "preset", std::path::Path::new("/srv"))
            .expect("a preset is a site document")
    }

    /// What a person does before the site can be used.
    pub fn next_steps(self) -> &'static [&'static str] {
        match self {
            Preset::Makapix => &[
                "next: make the role that production is read with, in production's database: CREATE ROLE mkx_reader LOGIN; GRANT pg_read_all_data TO mkx_reader; \\password mkx_reader",
                "next: put its password into secrets/ea-reader-password beside the site document, mode 0600",
                "next: mkx-sample policy init --preset makapix, then mkx-compose site",
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_preset_is_a_valid_site_document() {
        let host = Host {
            cpus: 4.0,
            memory_bytes: 8 << 30,
        };
        for preset in Preset::value_variants() {
            let text = preset.site(&host).to_string();
            let site =
                mkx_contract::record::site::read(&text, "preset", Path::new("/srv/mkx")).unwrap();
            assert_eq!(site.host(), host);
        }
    }
}
