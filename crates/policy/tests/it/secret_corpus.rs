//! How much of a list of secrets is found, and how much of a list of look-alikes is left alone.
//!
//! The lists hold patterns, and what they stand for is made up here: no file of this repository holds a secret.

use std::iter::successors;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hyperion_policy::Redactor;

use crate::redact::{ALNUM, HEX, noise};

const SECRETS: &str = include_str!("../corpus/secrets.txt");
const LOOKALIKES: &str = include_str!("../corpus/lookalikes.txt");

/// What a line of a list stands for: its text, and where in it the made-up part lies.
fn example(pattern: &str, seed: u64) -> (String, usize, usize) {
    let mut text = String::new();
    let (mut first, mut last) = (None, 0);
    let mut rest = pattern;
    let mut seed = seed.wrapping_mul(1_000_003);
    while let Some(at) = rest.find(['{', '\\']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("\\n") {
            text.push('\n');
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix("\\\\") {
            text.push('\\');
            rest = after;
            continue;
        }
        seed += 1;
        match made(rest, seed) {
            Some((part, after)) => {
                first.get_or_insert(text.len());
                text.push_str(&part);
                last = text.len();
                rest = after;
            }
            None => {
                text.push_str(&rest[..1]);
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    (text, first.unwrap_or(0), last)
}

/// Makes up what stands in braces at the beginning, and gives what follows it.
fn made(text: &str, seed: u64) -> Option<(String, &str)> {
    let inside = text.strip_prefix('{')?;
    if let Some(quoted) = inside.strip_prefix("b64:") {
        // The closing brace is the one that leaves none open.
        let depths = successors(Some((0, 1)), |(at, depth)| {
            let step = match quoted.as_bytes().get(*at)? {
                b'{' => 1,
                b'}' => -1,
                _ => 0,
            };
            Some((at + 1, depth + step))
        });
        let end = depths.into_iter().find(|(_, depth)| *depth == 0)?.0 - 1;
        let (plain, _, _) = example(&quoted[..end], seed);
        return Some((STANDARD.encode(plain), &quoted[end + 1..]));
    }
    let (name, after) = inside.split_once('}')?;
    let lower = "abcdefghijklmnopqrstuvwxyz0123456789";
    let base64 = format!("{ALNUM}+/");
    let part = match name {
        "guid" => {
            let mut part = 0;
            [8, 4, 4, 4, 12]
                .map(|len| {
                    part += 1;
                    noise(seed + part, len, HEX)
                })
                .join("-")
        }
        "pem" => (0..4)
            .map(|at| noise(seed + at, 64, &base64))
            .collect::<Vec<_>>()
            .join("\n"),
        "der" => {
            // PKCS 8 of an RSA key.
            let head = [0x30, 0x82, 0x02, 0x76, 2, 1, 0, 0x30, 0x0d, 6, 9];
            let tail = noise(seed, 623, ALNUM);
            STANDARD_NO_PAD.encode([&head[..], tail.as_bytes()].concat())
        }
        _ => {
            let (len, kind) = name.split_at(name.len().checked_sub(1)?);
            let before = match kind {
                "p" => "Zu9",
                "q" => "Zu9!",
                _ => "",
            };
            let alphabet = match kind {
                "a" | "p" | "q" => ALNUM,
                "h" => HEX,
                "l" => lower,
                "A" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
                "u" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
                "U" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                "b" => &base64,
                "d" => "0123456789",
                _ => return None,
            };
            format!("{before}{}", noise(seed, len.parse().ok()?, alphabet))
        }
    };
    Some((part, after))
}

fn patterns(list: &str) -> impl Iterator<Item = &str> {
    list.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

const SEEDS: [u64; 4] = [3, 17, 99, 12345];

// C8. The figures stand in docs/security.md.
#[test]
fn secrets_are_found_and_lookalikes_left_alone() {
    let redactor = Redactor::default();
    let mut missed = Vec::new();
    let mut formats = 0;
    for pattern in patterns(SECRETS) {
        formats += 1;
        for seed in SEEDS {
            let (text, first, last) = example(pattern, seed);
            let found = redactor.scan(&text);
            if !found
                .iter()
                .any(|found| found.start < last && first < found.end)
            {
                missed.push((pattern, text));
            }
        }
    }
    let mut wrong = Vec::new();
    let mut lookalikes = 0;
    for pattern in patterns(LOOKALIKES) {
        lookalikes += 1;
        for seed in SEEDS {
            let (text, _, _) = example(pattern, seed);
            if let Some(found) = redactor.scan(&text).into_iter().next() {
                wrong.push((pattern, found.rule, text[found.start..found.end].to_owned()));
            }
        }
    }
    let (missed_count, wrong_count) = (missed.len(), wrong.len());
    missed.dedup_by_key(|(pattern, _)| *pattern);
    wrong.dedup_by_key(|(pattern, ..)| *pattern);
    println!(
        "missed: {missed_count} of {formats} x {}: {missed:#?}",
        SEEDS.len()
    );
    println!(
        "wrong: {wrong_count} of {lookalikes} x {}: {wrong:#?}",
        SEEDS.len()
    );
    assert!(formats >= 150 && lookalikes >= 150);
    // Of the second list: `chpasswd`, `sudo -S`, `net use`, and a pair in a call.
    assert_eq!((missed_count, wrong_count), (4 * SEEDS.len(), 0));
}
