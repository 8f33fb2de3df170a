//! Policies that come with the tool.

use mkx_contract::{Failure, Result};

/// Name and text of each.
const PRESETS: [(&str, &str); 1] = [("makapix", include_str!("../../presets/makapix.json"))];

/// The text of a preset.
///
/// # Errors
/// Exit 2 where there is none of that name.
pub fn text(name: &str) -> Result<&'static str> {
    let mut presets = PRESETS.iter();
    let preset = presets.find(|(preset, _)| *preset == name);
    preset.map(|(_, text)| *text).ok_or_else(|| {
        Failure::usage(format!("cannot find the preset {name:?}")).hint(
            "there is: --preset makapix; without --preset the policy is drafted from the database",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{PolicyFile, text as layout};

    #[test]
    fn every_preset_is_a_policy_in_the_layout_that_drafts_have() {
        for (name, text) in PRESETS {
            let file = PolicyFile::parse(text, name).unwrap();
            assert_eq!(layout(&file.policy), text, "{name}");
        }
    }
}
