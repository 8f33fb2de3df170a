//! What the generated site is computed from: every row is a pure function of the seed and of its
//! place in its table, so nothing is kept in memory and any table can be written on its own.

use fastrand::Rng;
use uuid::Uuid;

/// The instant at which the generated site is looked at (2026-09-01, UTC), so that the same seed
/// gives the same bytes on every day.
pub const NOW: i64 = 1_788_220_800;
/// The instant at which the site opened (2024-10-01, UTC).
pub const OPENED: i64 = 1_727_740_800;
/// Seconds in a day.
pub const DAY: i64 = 86_400;

/// The user who owns the site; the only one with the role `owner`.
pub const OWNER: u64 = 0;
/// The account that imported an archive and holds a large share of all posts.
pub const IMPORTER: u64 = 4;

/// What to generate.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Accounts; everything else follows from it, about 88 rows an account.
    pub users: u64,
    /// The same seed gives the same database.
    pub seed: u64,
    /// Whether sensitive columns carry recognisable values, see [`super::canary`].
    pub canaries: bool,
    /// The share of posts that belong to the one importing account.
    pub import_share: f64,
    /// The domain of the site; the vault is at `vault.` below it.
    pub domain: String,
}

impl Spec {
    /// A site of `users` accounts with the usual proportions and no canaries.
    pub fn new(users: u64, seed: u64) -> Self {
        Spec {
            users,
            seed,
            canaries: false,
            import_share: 0.3,
            domain: "makapix.club".into(),
        }
    }

    /// The same with recognisable values in every sensitive column.
    pub fn with_canaries(self) -> Self {
        Spec {
            canaries: true,
            ..self
        }
    }
}

/// A site: the specification and the numbers that follow from it.
#[derive(Debug)]
pub struct World {
    /// What was asked for.
    pub spec: Spec,
    /// Accounts.
    pub users: u64,
    /// Posts, artworks and playlists together.
    pub posts: u64,
    /// Display devices.
    pub players: u64,
    /// Blog posts.
    pub blog_posts: u64,
    step: u64,
    step_back: u64,
}

impl World {
    /// The site that a specification describes; at least 20 accounts.
    pub fn new(spec: &Spec) -> Self {
        let users = spec.users.max(20);
        let mut step = (users * 61 / 100) | 1;
        while greatest_common_divisor(step, users) != 1 {
            step += 2;
        }
        World {
            spec: spec.clone(),
            users,
            posts: users * 2,
            players: (users * 8 / 100).max(8),
            blog_posts: (users / 50).max(6),
            step,
            step_back: inverse(step, users),
        }
    }

    /// A random source of its own for one entity.
    pub fn rng(&self, domain: &str, index: u64) -> Rng {
        Rng::with_seed(self.hash(domain, index))
    }

    /// A number of its own for one entity.
    pub fn hash(&self, domain: &str, index: u64) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ self.spec.seed.rotate_left(17);
        for byte in domain.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        scatter(hash ^ scatter(index))
    }

    /// A random (version 4) UUID of its own for one entity.
    pub fn uuid(&self, domain: &str, index: u64) -> Uuid {
        let high = self.hash(domain, index);
        let low = scatter(high ^ 0x5851_f42d_4c95_7f2d);
        let bytes = ((u128::from(high) << 64) | u128::from(low)).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// The account at a place in the order of activity, the most active first.
    pub fn user_at_rank(&self, rank: u64) -> u64 {
        (rank * self.step + 7) % self.users
    }

    /// The place of an account in the order of activity.
    pub fn rank_of_user(&self, user: u64) -> u64 {
        (user + self.users - 7 % self.users) % self.users * self.step_back % self.users
    }

    /// Somebody, active people far more often than others.
    pub fn somebody(&self, rng: &mut Rng) -> u64 {
        let place = rng.f64();
        self.user_at_rank(((self.users as f64 * place * place * place) as u64).min(self.users - 1))
    }

    /// How much more active than the average an account is (mean 1, heavy tail).
    pub fn activity(&self, user: u64) -> f64 {
        tail(self.rank_of_user(user), self.users)
    }

    /// How much more popular than the average a post is (mean 1, heavy tail).
    pub fn popularity(&self, post: u64) -> f64 {
        tail(self.hash("popularity", post) % self.posts, self.posts)
    }

    /// The id of an account; ids have gaps, as after years of deletions.
    pub fn user_id(&self, user: u64) -> i64 {
        (1 + user + user / 9 + 3 * (user / 40)) as i64
    }

    /// The id of a post; ids have gaps.
    pub fn post_id(&self, post: u64) -> i64 {
        (1 + post + post / 5 + 11 * (post / 100)) as i64
    }

    /// An id between [`Self::post_id`] of two neighbours, which no post has.
    pub fn missing_post_id(&self, post: u64) -> i64 {
        self.post_id(post / 5 * 5 + 4) + 1
    }

    /// When an account was made; never before an account with a lower id.
    pub fn user_created(&self, user: u64) -> i64 {
        OPENED + ((NOW - OPENED - 2 * DAY) as u64 * user / self.users) as i64
    }

    /// How often something happens that has the mean `mean`.
    pub fn times(&self, rng: &mut Rng, mean: f64) -> u64 {
        (mean + rng.f64()) as u64
    }

    /// An absolute URL in the vault.
    pub fn vault_url(&self, path: &str) -> String {
        format!("https://vault.{}/{path}", self.spec.domain)
    }
}

/// The public short form of a number: five characters, different for different numbers.
pub fn sqid(id: i64) -> String {
    const ALPHABET: &[u8; 55] = b"k7QmZ3txBwJ5fVsN2yLcHr8PgDdX6TnWvK4jqRzMhFbGpYSCuUaeEA9";
    const SPACE: u64 = 55 * 55 * 55 * 55 * 55;
    let mut rest = (id as u64 * 271_828_183 + 31_415_927) % SPACE;
    let mut text = String::with_capacity(5);
    for _ in 0..5 {
        text.push(char::from(ALPHABET[(rest % 55) as usize]));
        rest /= 55;
    }
    text
}

/// True with the given probability.
pub fn chance(rng: &mut Rng, probability: f64) -> bool {
    rng.f64() < probability
}

/// One of several.
pub fn pick<'a, T: ?Sized>(rng: &mut Rng, choices: &[&'a T]) -> &'a T {
    choices[rng.usize(..choices.len())]
}

/// An instant between two others.
pub fn between(rng: &mut Rng, from: i64, to: i64) -> i64 {
    from + rng.i64(0..(to - from).max(1))
}

fn tail(rank: u64, of: u64) -> f64 {
    0.4 * (of as f64 / (rank + 1) as f64).powf(0.6)
}

fn scatter(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

/// The number that undoes a multiplication by `step` modulo `of`.
fn inverse(step: u64, of: u64) -> u64 {
    let (mut old, mut new) = (step as i128, of as i128);
    let (mut old_factor, mut factor) = (1_i128, 0_i128);
    while new != 0 {
        let quotient = old / new;
        (old, new) = (new, old - quotient * new);
        (old_factor, factor) = (factor, old_factor - quotient * factor);
    }
    old_factor.rem_euclid(of as i128) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_users_are_each_others_inverse() {
        for users in [20, 100, 2_000, 50_021] {
            let world = World::new(&Spec::new(users, 1));
            for user in 0..users.min(500) {
                assert_eq!(world.user_at_rank(world.rank_of_user(user)), user);
            }
        }
    }

    #[test]
    fn missing_ids_belong_to_nobody() {
        let world = World::new(&Spec::new(500, 1));
        let ids: Vec<i64> = (0..world.posts).map(|post| world.post_id(post)).collect();
        assert!(ids.is_sorted());
        for post in 0..world.posts {
            assert!(!ids.contains(&world.missing_post_id(post)));
        }
    }

    #[test]
    fn short_ids_differ() {
        let mut seen: Vec<String> = (1..20_000).map(sqid).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 19_999);
    }
}
