# rustc, cargo, clippy, nextest.
new rust && {
    put main.rs <<< 'fn main() {
    let total = 1 + ;
    println!("{total}");
}'
    record rustc-syntax rustc 'rustc main.rs'
    put main.rs <<< 'fn area(side: u32) -> u32 {
    side * side
}

fn main() {
    println!("{}", area("four"));
}'
    record rustc-type rustc 'rustc main.rs'
    put main.rs <<< 'fn main() {
    let config = String::from("a");
    let taken = config;
    println!("{config} {taken}");
}'
    record rustc-borrow rustc 'rustc main.rs'
    put main.rs <<< 'unsafe extern "C" { fn not_anywhere(); }
fn main() { unsafe { not_anywhere() } }'
    record rustc-link rustc 'rustc main.rs'
    put Cargo.toml <<< '[package]
name = "shop"
version = "0.1.0"
edition = "2024"'
    put src/lib.rs <<< 'use serde::Deserialize;
use crate::cart::Cart;

pub fn open() -> Cart { Cart::default() }'
    record cargo-unresolved cargo 'cargo build'
    record cargo-json cargo 'cargo build --message-format json 2>/dev/null | tee report > /dev/null; exit ${PIPESTATUS[0]}'
    report cargo.jsonl
    put src/lib.rs <<< '//! Prices.

/// Adds up.
pub fn total(prices: &[u32]) -> u32 {
    prices.iter().skip(1).sum()
}

pub fn first(prices: &[u32]) -> u32 {
    prices.first().copied().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_adds_up() {
        assert_eq!(total(&[1, 2, 3]), 6, "all of them");
    }

    #[test]
    fn there_is_a_first() {
        assert_eq!(first(&[]), 0);
    }

    #[test]
    fn a_file_is_read() {
        std::fs::read_to_string("prices.csv").expect("the price list");
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(total(&[]), 0);
    }

    #[test]
    #[ignore = "slow"]
    fn it_is_fast() {}
}'
    # One after the other: what fails first is recorded first, every time.
    record cargo-test cargo 'cargo test -- --test-threads 1'
    record cargo-test-colour cargo 'cargo --color always test -- --color always --test-threads 1'
    record cargo-test-backtrace cargo 'RUST_BACKTRACE=1 cargo test there_is_a_first'
    mkdir -p /srv/project/.config; printf '[profile.ci.junit]\npath = "junit.xml"\n' > /srv/project/.config/nextest.toml
    record nextest-failing nextest 'cargo nextest run --profile ci -j 1 --no-fail-fast'
    cp "$(find /srv -name junit.xml | head -1)" /srv/project/report && report nextest-junit.xml
    record nextest-slow nextest 'mkdir -p tests; printf "#[test]\nfn waits() { std::thread::sleep(std::time::Duration::from_secs(60)); }\n" > tests/slow.rs; printf "[profile.default]\nslow-timeout = { period = \"1s\", terminate-after = 1 }\n" > .config/nextest.toml; cargo nextest run --test slow; r=$?; rm -r tests; exit $r'
    put src/main.rs <<< 'fn pick(list: &[u32], at: usize) -> u32 {
    list[at]
}

fn main() {
    println!("{}", pick(&[1, 2, 3], std::env::args().count() + 6));
}'
    record rust-panic cargo 'RUST_BACKTRACE=1 cargo run -q'
    rm /srv/project/src/main.rs
    put src/lib.rs <<< 'pub fn half(number: u32) -> bool {
    let unused = 1;
    if number == number { true } else { false }
}'
    record clippy-deny clippy 'cargo clippy -q -- -D warnings'
    mkdir -p src; put src/part.rs <<< 'pub fn a( ) {}
'
    put src/lib.rs <<< 'pub mod part;

pub fn half(number: u32) -> u32 { number / 2 }
pub fn ok() {}
pub fn  twice(number: u32) -> u32 { number * 2 }'
    record rustfmt-check cargo 'cargo fmt --all --check -- --color never > report 2>&1; true'
    report rustfmt.txt
    put Cargo.toml <<< '[package]
name = "shop"
version = "0.1.0
edition = "2024"'
    record cargo-manifest cargo 'cargo build'
    put Cargo.toml <<< '[package]
name = "shop"
version = "0.1.0"
edition = "2024"
[dependencies]
serde = "99"'
    record cargo-no-version cargo 'cargo build'
    put Cargo.toml <<< '[package]
name = "shop"
version = "0.1.0"
edition = "2024"
[dependencies]
parts = { path = "../parts" }'
    record cargo-no-path cargo 'cargo build'
    rm /srv/project/Cargo.toml
    record cargo-no-manifest cargo 'cargo build'
}
