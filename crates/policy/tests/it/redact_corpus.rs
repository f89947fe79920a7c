//! What looks like a secret and is none, each with the reason why it is left alone.
//!
//! A false alarm refuses honest work or hides what somebody has to read, so a new rule has to get past all of this.

use std::fs;
use std::path::Path;

use hyperion_policy::Redactor;

use crate::redact::{ALNUM, HEX, noise};

fn corpus() -> Vec<(&'static str, String)> {
    let hex = |seed, len| noise(seed, len, HEX);
    let base64 = |seed, len| noise(seed, len, ALNUM);
    let mut all: Vec<(&'static str, String)> = Vec::new();
    let mut add = |why, text: String| all.push((why, text));
    for seed in [2, 31, 777] {
        add(
            "a commit's id is public, and forty digits are no token of anybody",
            format!("commit {}", hex(seed, 40)),
        );
        add(
            "the same, as git shows a range",
            format!("Updating {}..{}", hex(seed, 7), hex(seed + 1, 7)),
        );
        add(
            "a blob's id",
            format!("100644 blob {}\tsrc/lib.rs", hex(seed, 40)),
        );
        add(
            "a digest says what something is, not who may",
            format!("FROM rust@sha256:{}", hex(seed, 64)),
        );
        add(
            "npm's lock file",
            format!("      \"integrity\": \"sha512-{}==\"", base64(seed, 86)),
        );
        add(
            "yarn's lock file",
            format!("  integrity sha512-{}==", base64(seed, 86)),
        );
        add(
            "pnpm's lock file",
            format!(
                "    resolution: {{integrity: sha512-{}==}}",
                base64(seed, 86)
            ),
        );
        add(
            "cargo's lock file",
            format!("checksum = \"{}\"", hex(seed, 64)),
        );
        add(
            "go's",
            format!("golang.org/x/net v0.17.0/go.mod h1:{}=", base64(seed, 43)),
        );
        add(
            "poetry's",
            format!(
                "    {{file = \"a-1.0.whl\", hash = \"sha256:{}\"}},",
                hex(seed, 64)
            ),
        );
        add("pip's", format!("    --hash=sha256:{}", hex(seed, 64)));
        add(
            "a picture in a page",
            format!(
                "<img src=\"data:image/png;base64,iVBORw0KGgo{}\">",
                base64(seed, 5000)
            ),
        );
        add(
            "a font in a style sheet",
            format!("url(data:font/woff2;base64,d09GMgAB{})", base64(seed, 3000)),
        );
        add(
            "a source map",
            format!(
                "//# sourceMappingURL=data:application/json;base64,{}",
                base64(seed, 800)
            ),
        );
        add(
            "a file named after its content",
            format!("dist/app.{}.js  dist/{}.css", hex(seed, 8), hex(seed, 20)),
        );
        add("an entity's tag", format!("ETag: W/\"{}\"", hex(seed, 32)));
        add(
            "a key's fingerprint is for everybody to compare",
            format!("ED25519 key fingerprint is SHA256:{}.", base64(seed, 43)),
        );
        add(
            "a public key",
            format!(
                "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ{} ada@laptop",
                base64(seed, 300)
            ),
        );
        add(
            "a certificate holds a public key",
            format!(
                "-----BEGIN CERTIFICATE-----\nMII{}\n-----END CERTIFICATE-----",
                base64(seed, 400)
            ),
        );
        add(
            "and so does this",
            format!(
                "-----BEGIN PUBLIC KEY-----\nMFkw{}\n-----END PUBLIC KEY-----",
                base64(seed, 120)
            ),
        );
        add(
            "a trace's id goes through every log",
            format!("trace_id={} span_id={}", hex(seed, 32), hex(seed, 16)),
        );
        add(
            "an address in memory",
            format!("object at 0x{}", hex(seed, 12)),
        );
        add(
            "a machine image's name",
            format!("ami-0{} vpc-0{}", hex(seed, 16), hex(seed, 16)),
        );
        add(
            "a cache's key is made of what is public",
            format!("Cache restored from key: cargo-Linux-{}", hex(seed, 64)),
        );
        add(
            "Rust's mangled names",
            format!("main::main::h{}", hex(seed, 16)),
        );
        add(
            "a compiler's file names",
            format!("target/debug/deps/shop-{}", hex(seed, 16)),
        );
    }
    for (why, text) in [
        (
            "an id names something; who knows it may still do nothing",
            "request_id: 0190b7c4-6f2e-7a31-9d52-3f1c8a4be901",
        ),
        (
            "the documented example of a key",
            "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
        ),
        (
            "and of its secret",
            "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ),
        (
            "a resource's name",
            "arn:aws:iam::123456789012:role/deploy-production-eu-central-1",
        ),
        (
            "a documented placeholder",
            "export OPENAI_API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ),
        (
            "the beginning of every token of a kind",
            "tokens begin with eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        ),
        (
            "a key that is published on purpose",
            "pk_live is Stripe's publishable key, pk_test its sister",
        ),
        (
            "names that begin like a token",
            "re_compile_patterns_for_matching_lines_in_text(pat.search.something.else.that.is.long.enough)",
        ),
        (
            "a style's name",
            "class=\"sk-loading-spinner-with-a-long-name ico-arrow-right-circle-outline\"",
        ),
        (
            "a setting's name",
            "fo1_backup_schedule_interval_seconds_default_value_of_cluster",
        ),
        (
            "a variable's name in capitals",
            "SQUARE_EAAAccessTokenHeaderNameForRequests",
        ),
        (
            "a reference to a secret is none",
            "password: ${{ secrets.DEPLOY_PASSWORD_V2 }}",
        ),
        (
            "nor is where one is kept",
            "secretKeyRef: {name: db-credentials-production-2, key: password}",
        ),
        (
            "nor is a command that reads one",
            "TOKEN=$(vault kv get -field=token secret/ci/deploy-2024)",
        ),
        (
            "a hash cannot be turned back",
            "password_hash: $2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        ),
        (
            "a limit on tokens",
            "max_tokens=16384 prompt_tokens=3127 total_tokens=19511",
        ),
        (
            "what a parser calls a token",
            "unexpected token: expected `;`, found `Identifier_2024_08`",
        ),
        ("a keyboard's key", "key: ArrowUp, keyCode: 38, key=\"F12\""),
        ("a map's key", "key = \"user:0190b7c4:profile:settings:v2\""),
        ("a primary key", "primary_key: order_item_2024_partition_07"),
        (
            "a person's address",
            "author = \"Ada Lovelace <ada.1815@example.org>\"",
        ),
        (
            "an address with a user and no password",
            "ssh://git@example.org:2222/team/repo.git",
        ),
        (
            "an address of npm's scope",
            "https://cdn.example.org/npm/@scope/package@1.2.3/dist/index.js",
        ),
        (
            "how a test signs in where nothing is kept",
            "postgres://postgres:postgres@localhost:5432/test",
        ),
        ("a rule written down", "regex = '(ghp|gho)_[0-9a-zA-Z]{36}'"),
        (
            "a masked secret",
            "token=ghp_****************************abcd",
        ),
    ] {
        add(why, text.to_owned());
    }
    all
}

// C8: what is no secret is neither refused nor hidden.
#[test]
fn what_only_looks_like_a_secret_is_left_alone() {
    let redactor = Redactor::new(["a-secret-that-is-held"]);
    for (why, text) in corpus() {
        assert_eq!(redactor.scan(&text), [], "{why}: {text}");
        // Also where tools colour it, and where it stands in a string.
        for text in [
            format!("\x1b[32m{text}\x1b[0m"),
            serde_json::Value::String(text.clone()).to_string(),
            format!("    {text},"),
        ] {
            assert_eq!(redactor.scan(&text), [], "{why}: {text}");
        }
    }
}

// What compilers, package managers and test runners really write holds none either.
#[test]
fn outputs_of_real_tools_are_left_alone() {
    let outputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../analyze/tests/outputs");
    let redactor = Redactor::default();
    let mut read = 0;
    for folder in ["recorded", "reports"] {
        for entry in fs::read_dir(outputs.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            assert_eq!(redactor.scan(&text), [], "{}", path.display());
            read += 1;
        }
    }
    assert!(read > 150);
}

// A token behind a colour, an encoded sign or an escape is a token.
#[test]
fn what_stands_before_a_token_does_not_hide_it() {
    let token = format!("{}_{}", "ghp", noise(4, 36, ALNUM));
    let redactor = Redactor::default();
    for before in [
        "\x1b[32m",
        "\x1b[1;31m",
        "token%3D",
        "\\u003d",
        "\\n",
        "\"",
        "(",
        "=",
        "/",
    ] {
        let text = format!("a {before}{token}\x1b[0m b");
        assert_eq!(
            redactor.redact(&text),
            format!("a {before}[redacted:github-token]\x1b[0m b"),
            "{before:?}"
        );
    }
    // In the middle of a word nothing begins.
    assert_eq!(redactor.scan(&format!("x{token}")), []);
}

// C8: what is held is found in every form that it is written in.
#[test]
fn a_held_secret_is_found_however_it_is_written() {
    use base64::Engine as _;
    let secret = "p@ss/w\"rd & <more>+2024";
    let redactor = Redactor::new([secret]);
    let json = serde_json::json!({ "a": secret }).to_string();
    let nested = serde_json::json!({ "log": json }).to_string();
    let engine = base64::engine::general_purpose::STANDARD;
    let basic = engine.encode(format!("ada:{secret}"));
    for (text, hidden) in [
        (secret.to_owned(), "w\"rd"),
        (json, "w\\\"rd"),
        (nested, "w\\\\\\\"rd"),
        (
            "p%40ss%2Fw%22rd%20%26%20%3Cmore%3E%2B2024".to_owned(),
            "w%22rd",
        ),
        (
            "p%40ss%2fw%22rd%20%26%20%3cmore%3e%2b2024".to_owned(),
            "w%22rd",
        ),
        ("p%40ss%2Fw%22rd+%26+%3Cmore%3E%2B2024".to_owned(), "w%22rd"),
        (
            "<v>p@ss/w&quot;rd &amp; &lt;more&gt;+2024</v>".to_owned(),
            "w&quot;rd",
        ),
        (format!("x {basic} y"), &basic[8..24]),
    ] {
        let clean = redactor.redact(&text);
        assert!(
            clean.contains("[redacted:known]") && !clean.contains(hidden),
            "{text}: {clean}"
        );
    }
}

#[test]
fn a_finding_says_where_and_the_same_secret_is_told_again() {
    let token = |seed| format!("{}_{}", "ghp", noise(seed, 36, ALNUM));
    let text = format!("one\nzwö {}\n  {}\n{}", token(1), token(2), token(1));
    let found = Redactor::default().scan(&text);
    let places: Vec<_> = found
        .iter()
        .map(|found| (found.line, found.column))
        .collect();
    assert_eq!(places, [(2, 5), (3, 3), (4, 1)]);
    assert_eq!(found[0].fingerprint, found[2].fingerprint);
    assert_ne!(found[0].fingerprint, found[1].fingerprint);
    assert!(found.iter().all(|found| found.fingerprint.len() == 4));
}
