//! Which PostgreSQL a server or a client program is.

use std::fmt;

use postgres::GenericClient;

/// A release, as servers number it (`server_version_num`): 16.11 is 160011.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub i32);

impl Release {
    /// A server's.
    ///
    /// # Errors
    /// The server's own.
    pub fn of(client: &mut impl GenericClient) -> Result<Release, postgres::Error> {
        let number = "SELECT current_setting('server_version_num')::integer";
        Ok(Release(client.query_one(number, &[])?.get(0)))
    }

    /// The major version: what a client program must not be older than.
    pub fn major(self) -> i32 {
        self.0 / 10_000
    }

    /// What a client program says to `--version`: `pg_dump (PostgreSQL) 16.11 (Debian …)`.
    pub fn parse(words: &str) -> Option<Release> {
        let (_, rest) = words.split_once("(PostgreSQL) ")?;
        let number = |text: &str| {
            let digits = text.find(|c: char| !c.is_ascii_digit());
            text[..digits.unwrap_or(text.len())].parse::<i32>().ok()
        };
        let major = number(rest)?;
        // "17devel" and "17beta1" have no minor number
        let minor = rest.split_once('.').and_then(|(_, minor)| number(minor));
        Some(Release(major * 10_000 + minor.unwrap_or(0)))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major(), self.0 % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &str, expected: Option<&str>) {
        let found = Release::parse(words).map(|release| release.to_string());
        assert_eq!(found.as_deref(), expected, "{words}");
    }

    #[test]
    fn programs_say_their_release() {
        check("pg_dump (PostgreSQL) 16.11\n", Some("16.11"));
        check(
            "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n",
            Some("15.18"),
        );
        check("pg_restore (PostgreSQL) 18beta1\n", Some("18.0"));
        check("pg_dump (EnterpriseDB) 16.1\n", None);
        check("", None);
    }
}
