//! The words of the generated site: names, titles, talk, and the things people should not have
//! typed into a public text.

use super::world::{World, chance, pick};
use fastrand::Rng;

const FIRST: [&str; 24] = [
    "pixel", "tiny", "neon", "dusty", "mossy", "lunar", "retro", "quiet", "amber", "cobalt",
    "frosty", "velvet", "paper", "copper", "static", "misty", "sunny", "hollow", "jade", "rusty",
    "silver", "woolly", "cosmic", "salty",
];
const SECOND: [&str; 24] = [
    "fox", "cat", "knight", "robot", "garden", "tower", "comet", "whale", "mushroom", "lantern",
    "dragon", "island", "cactus", "raven", "teapot", "castle", "turtle", "river", "ghost", "moth",
    "beetle", "harbour", "forest", "planet",
];
const TALK: [&str; 16] = [
    "love the palette",
    "the dithering on the left is lovely",
    "how many colours is this?",
    "this runs on my 64x64 panel all day",
    "the second frame flickers a little",
    "great silhouette",
    "reminds me of an old handheld game",
    "may I remix this?",
    "the water is so good",
    "what did you draw this with?",
    "tiny but it reads from across the room",
    "this belongs on the front page",
    "the shading sells it",
    "needs a bit more contrast",
    "my kid wants this one on the fridge",
    "perfect loop",
];
const ODD: [&str; 10] = [
    "🦊🎨✨ 16×16",
    "שלום פיקסל",
    "مرحبا بالبكسل",
    "ドット絵の森",
    "ﬁ ligature and e\u{301}",
    "👩\u{200d}🎨 at work",
    "\u{202e}right to left\u{202c}",
    "tab\tand\nnew line",
    "back\\slash 'quote' \"double\"",
    "Ünïcödé ßtraße",
];
/// Reactions; some are more than one code point.
pub const EMOJI: [&str; 8] = ["❤️", "🔥", "👏", "😍", "👍", "🎨", "👩\u{200d}🎨", "⭐"];
/// Tags of artworks.
pub const HASHTAGS: [&str; 14] = [
    "pixelart",
    "landscape",
    "character",
    "animation",
    "1bit",
    "gameboy",
    "isometric",
    "food",
    "animals",
    "space",
    "horror",
    "nsfw",
    "日本",
    "abstract",
];
/// Countries of visitors.
pub const COUNTRIES: [&str; 10] = ["DE", "US", "BR", "JP", "FR", "GB", "PL", "IN", "ES", "MX"];
/// What visitors come with.
pub const DEVICES: [&str; 5] = ["desktop", "mobile", "tablet", "player", "bot"];
/// Where mail of the generated people goes; addresses there are nobody's.
pub const MAIL_DOMAINS: [&str; 4] = [
    "kleinpost-mail.net",
    "pixelpost-mail.net",
    "brushbox-mail.org",
    "tinyletter-mail.art",
];

/// Two words.
pub fn name(rng: &mut Rng) -> String {
    format!("{}{}", pick(rng, &FIRST), pick(rng, &SECOND))
}

/// A title, sometimes an odd one.
pub fn title(rng: &mut Rng) -> String {
    if chance(rng, 0.04) {
        return pick(rng, &ODD).to_owned();
    }
    format!("{} {}", pick(rng, &FIRST), pick(rng, &SECOND))
}

/// One to a few sentences, rarely a very long text, sometimes odd characters.
pub fn prose(rng: &mut Rng) -> String {
    let sentences = if chance(rng, 0.003) {
        rng.usize(60..120)
    } else {
        rng.usize(1..4)
    };
    let mut text = String::new();
    for place in 0..sentences {
        if place > 0 {
            text.push_str(". ");
        }
        text.push_str(pick(rng, &TALK));
    }
    if chance(rng, 0.06) {
        text.push(' ');
        text.push_str(pick(rng, &ODD));
    }
    text
}

/// Public text in which, with a small probability, somebody left a way to reach them: an e-mail
/// address, an IP address, a telephone number, a URL with credentials.
pub fn public_text(
    world: &World,
    rng: &mut Rng,
    place: (&str, &str),
    n: u64,
    probability: f64,
) -> String {
    let mut text = prose(rng);
    let always = world.spec.canaries && n < 12;
    if chance(rng, probability) || always {
        let kind = if always { n % 5 } else { rng.u64(0..5) };
        text.push(' ');
        text.push_str(&contact(world, rng, place, n, kind));
    }
    text
}

/// Something that anonymisation has to find inside a public text.
pub fn contact(
    world: &World,
    rng: &mut Rng,
    (table, column): (&str, &str),
    n: u64,
    kind: u64,
) -> String {
    let canaries = world.spec.canaries;
    match kind {
        0 if canaries => format!("write to canary-{table}-{column}-{n}@kleinpost-mail.net please"),
        0 => format!(
            "write to {}.{n}@{} please",
            name(rng),
            pick(rng, &MAIL_DOMAINS)
        ),
        1 if canaries => format!("call +49 170 77123{:02}", n % 100),
        1 => format!("call +49 151 2{:07}", rng.u32(0..9_999_999)),
        2 => format!(
            "my panel is at {} if you want a look",
            world.address_v4(rng, n)
        ),
        3 => format!("or over v6, {}", world.address_v6(rng, n)),
        _ if canaries => {
            format!("files: https://anna:CANARY-{table}-{column}-{n}@files.pixelpost-mail.net/a")
        }
        _ => format!(
            "files: https://anna:{}{n}@files.pixelpost-mail.net/a",
            name(rng)
        ),
    }
}
