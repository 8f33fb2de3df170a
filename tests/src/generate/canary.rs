//! Recognisable values in sensitive columns, so that a dump of what should be anonymous can be
//! searched for anything that came through.
//!
//! With canaries on, every column whose class is `personal`, `secret` or `private_content` carries
//! one in every second row at least, in a form that the column's type and use allow; and public
//! texts carry e-mail addresses, telephone numbers, IP addresses and credentials to be scrubbed.

use super::world::World;
use fastrand::Rng;
use uuid::Uuid;

/// What a canary in a text column begins with; a number follows.
const WORD: &str = "CANARY";
/// Every IPv4 address that is a canary begins so.
const ADDRESS_V4: &str = "77.123.";
/// Every IPv6 address that is a canary begins so.
const ADDRESS_V6: &str = "2a02:7712:";
/// Every UUID that is a canary begins so.
const UUID_HEAD: &str = "ca4a5700-";
/// Every certificate serial number that is a canary begins so.
const SERIAL: &str = "31415926535";
/// Every telephone number in a public text begins so.
const PHONE: &str = "+49 170 77123";
/// The microseconds of `players.last_seen_at`.
const SEEN_MICROSECONDS: &str = ".271828";
/// The microseconds of `users.banned_until`.
const BANNED_MICROSECONDS: &str = ".314159";
/// A country that does not exist.
const COUNTRY: &str = "QX";
/// What a canary among six-character codes begins with.
const CODE: &str = "CNR";

/// Texts none of which may occur in a dump of an anonymised database, in a report, a journal or on
/// a command line. Compare without regard to case.
pub fn needles() -> Vec<&'static str> {
    vec![
        WORD,
        ADDRESS_V4,
        ADDRESS_V6,
        UUID_HEAD,
        SERIAL,
        PHONE,
        SEEN_MICROSECONDS,
        BANNED_MICROSECONDS,
    ]
}

/// The needles that occur in a text, for the message of a failed test.
pub fn found_in(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    needles()
        .into_iter()
        .filter(|needle| text.contains(&needle.to_lowercase()))
        .collect()
}

/// How the canaries of one column look.
#[derive(Debug, Clone)]
pub struct Canary {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// A LIKE pattern (without regard to case) that the column's text form matches exactly when it
    /// holds a canary. Codes and countries are too short to be searched for in a dump; these
    /// patterns are the way to find them.
    pub like: String,
}

/// The canaries of every sensitive column.
pub fn canaries() -> Vec<Canary> {
    let mut list = Vec::new();
    for (table, column) in super::classes::sensitive_columns() {
        let like = match (table.as_str(), column.as_str()) {
            (_, "country_code") => COUNTRY.to_owned(),
            (_, "otp_code" | "registration_code") => format!("{CODE}%"),
            (_, "author_ip" | "user_ip" | "reporter_ip") => format!("{ADDRESS_V4}%"),
            ("players", "player_key") => format!("{UUID_HEAD}%"),
            ("players", "last_seen_at") => format!("%{SEEN_MICROSECONDS}%"),
            ("players", "cert_serial_number") => format!("{SERIAL}%"),
            ("users", "banned_until") => format!("%{BANNED_MICROSECONDS}%"),
            _ => format!("%{WORD}%"),
        };
        list.push(Canary {
            table,
            column,
            like,
        });
    }
    list
}

impl World {
    /// Whether row `n` of a table carries canaries: every second one.
    pub fn canary_row(&self, n: u64) -> bool {
        self.spec.canaries && n % 2 == 0
    }

    /// A private text: a canary in every second row, otherwise what `usual` says.
    pub fn private(
        &self,
        table: &str,
        column: &str,
        n: u64,
        usual: impl FnOnce() -> String,
    ) -> String {
        if self.canary_row(n) {
            format!("{WORD}-{table}-{column}-{n}")
        } else {
            usual()
        }
    }

    /// A private e-mail address.
    pub fn private_email(
        &self,
        table: &str,
        column: &str,
        n: u64,
        usual: impl FnOnce() -> String,
    ) -> String {
        if self.canary_row(n) {
            format!("canary-{table}-{column}-{n}@kleinpost-mail.net")
        } else {
            usual()
        }
    }

    /// A bcrypt hash of 60 characters; nobody knows the password.
    pub fn bcrypt(&self, n: u64) -> String {
        if self.canary_row(n) {
            return format!("$2b$12$CANARYauthidentitiessecrethash{n:0>23}");
        }
        let mut rng = self.rng("bcrypt", n);
        let body: String = (0..53).map(|_| rng.alphanumeric()).collect();
        format!("$2b$12${body}")
    }

    /// A hash in 64 hex digits.
    pub fn private_hash(&self, table: &str, column: &str, n: u64, of: u64) -> String {
        self.private(table, column, n, || {
            let (a, b) = (self.hash(column, of), self.hash(table, of));
            format!("{a:016x}{b:016x}{:016x}{:016x}", a ^ b, !a)
        })
    }

    /// An address of somebody who was not logged in: IPv4, or sometimes IPv6.
    pub fn private_address(&self, rng: &mut Rng, n: u64) -> String {
        if n % 5 == 3 {
            self.address_v6(rng, n)
        } else {
            self.address_v4(rng, n)
        }
    }

    /// An IPv4 address.
    pub fn address_v4(&self, rng: &mut Rng, n: u64) -> String {
        let (c, d) = (n / 250 % 256, 1 + n % 250);
        if self.spec.canaries {
            format!("{ADDRESS_V4}{c}.{d}")
        } else {
            format!("84.{}.{}.{}", rng.u8(..), rng.u8(..), rng.u8(1..255))
        }
    }

    /// An IPv6 address.
    pub fn address_v6(&self, rng: &mut Rng, n: u64) -> String {
        if self.spec.canaries {
            format!("{ADDRESS_V6}{:x}::{:x}", n / 65_536, n % 65_536)
        } else {
            format!("2a01:4f8:{:x}::{:x}", rng.u16(..), rng.u16(..))
        }
    }

    /// A country of a visitor.
    pub fn private_country(&self, rng: &mut Rng, n: u64) -> Option<&'static str> {
        if self.canary_row(n) {
            return Some(COUNTRY);
        }
        let place = rng.usize(0..super::words::COUNTRIES.len() + 2);
        super::words::COUNTRIES.get(place).copied()
    }

    /// A code of six characters that a person types in.
    pub fn private_code(&self, n: u64, digits: bool) -> String {
        if self.spec.canaries {
            return format!("{CODE}{:03X}", n % 4096);
        }
        if digits {
            return format!("{:06}", self.hash("code", n) % 1_000_000);
        }
        format!("{:06X}", (n * 7_919_113 + 4_242) % 16_777_216)
    }

    /// The secret key of a device, or the random one that it would have.
    pub fn private_key(&self, n: u64) -> Uuid {
        if self.canary_row(n) {
            let low = 0x4000_8000_0000_0000_0000_u128 | u128::from(n);
            Uuid::from_u128((0xca4a_5700_u128 << 96) | low)
        } else {
            self.uuid("player_key", n)
        }
    }

    /// A certificate's serial number in decimal.
    pub fn private_serial(&self, n: u64) -> String {
        if self.canary_row(n) {
            format!("{SERIAL}{n:08}")
        } else {
            format!("{}{n}", self.hash("serial", n))
        }
    }

    /// An instant with microseconds that mark it, or without.
    pub fn marked_time(&self, seconds: i64, microseconds: &str) -> String {
        let time = jiff::Timestamp::from_second(seconds).expect("generated times are in range");
        let mut text = time.to_string();
        if self.spec.canaries {
            text.insert_str(text.len() - 1, microseconds);
        }
        text
    }

    /// When a device was last seen.
    pub fn seen_time(&self, seconds: i64) -> String {
        self.marked_time(seconds, SEEN_MICROSECONDS)
    }

    /// When a ban ends.
    pub fn ban_time(&self, seconds: i64) -> String {
        self.marked_time(seconds, BANNED_MICROSECONDS)
    }
}
