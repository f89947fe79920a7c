//! The redactor: what it finds, what it leaves alone, and that it does so twice the same.
//!
//! Every sample is put together here, so that this file holds nothing that looks like a secret.

use std::borrow::Cow;

use hyperion_policy::Redactor;
use proptest::prelude::*;

/// Letters and digits that look random and are not: the same for a seed.
pub(crate) fn noise(seed: u64, len: usize, alphabet: &str) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            alphabet[usize::try_from(state >> 33).unwrap() % alphabet.len()]
        })
        .collect()
}

pub(crate) const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
pub(crate) const HEX: &str = "0123456789abcdef";

/// One secret of each kind: rule, text before, secret, text after.
pub(crate) fn positives(seed: u64) -> Vec<(&'static str, String, String, String)> {
    let alnum = |len| noise(seed, len, ALNUM);
    let hex = |len| noise(seed, len, HEX);
    let upper = |len| noise(seed, len, UPPER);
    let block = |label: &str| {
        let lines: Vec<String> = (0..4).map(|at| noise(seed + at, 64, ALNUM)).collect();
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----",
            lines.join("\n")
        )
    };
    let start = format!("{}{}", "ey", "J");
    let jwt = format!("{start}{}.{start}{}.{}", alnum(30), alnum(40), alnum(43));
    let plain: Vec<(&'static str, String)> = vec![
        ("aws-access-key", format!("{}{}", "AKIA", upper(16))),
        ("github-token", format!("{}_{}", "ghp", alnum(36))),
        (
            "github-token",
            format!("{}_{}_{}", "github_pat", alnum(22), alnum(59)),
        ),
        ("gitlab-token", format!("{}-{}", "glpat", alnum(20))),
        (
            "slack-token",
            format!(
                "{}-{}-{}-{}",
                "xoxb",
                "17653285531",
                "17653285532",
                alnum(24)
            ),
        ),
        ("stripe-key", format!("{}_{}_{}", "sk", "live", alnum(24))),
        ("google-key", format!("{}{}", "AIza", alnum(35))),
        (
            "anthropic-key",
            format!("{}-{}-{}", "sk-ant", "api03", alnum(80)),
        ),
        ("openai-key", format!("{}-{}", "sk-proj", alnum(48))),
        ("openai-key", format!("{}-{}", "sk", alnum(48))),
        ("npm-token", format!("{}_{}", "npm", alnum(36))),
        (
            "pypi-token",
            format!("{}-{}{}", "pypi", "AgEIcHlwaS5vcmc", alnum(70)),
        ),
        ("huggingface-token", format!("{}_{}", "hf", alnum(34))),
        (
            "sendgrid-key",
            format!("{}.{}.{}", "SG", alnum(22), alnum(43)),
        ),
        ("digitalocean-token", format!("{}_{}", "dop_v1", hex(64))),
        (
            "telegram-token",
            format!("{}:{}{}", "5762391044", "AA", alnum(33)),
        ),
        ("jwt", jwt),
        (
            "private-key",
            block(&format!("{} {}", "RSA PRIVATE", "KEY")),
        ),
        (
            "private-key",
            block(&format!("{} {}", "OPENSSH PRIVATE", "KEY")),
        ),
        ("private-key", block(&format!("{} {}", "PRIVATE", "KEY"))),
        (
            "private-key",
            block(&format!("{} {} BLOCK", "PGP PRIVATE", "KEY")),
        ),
    ];
    let mut all: Vec<(&'static str, String, String, String)> = plain
        .into_iter()
        .flat_map(|(rule, secret)| {
            [
                ("", ""),
                ("see ", " there"),
                ("KEY=", "\n"),
                ("{\"a\":\"", "\"}"),
                ("\\n", "\\n"),
            ]
            .map(|(before, after)| (rule, before.to_owned(), secret.clone(), after.to_owned()))
        })
        .collect();
    let mut named = |rule, before: &str, secret: String, after: &str| {
        all.push((rule, before.to_owned(), secret, after.to_owned()));
    };
    let chosen = || format!("Zu9!{}", alnum(8));
    named("password", "password = \"", chosen(), "\"");
    named("password", "DB_PASSWORD='", chosen(), "'");
    named("password", "{\"password\": \"", chosen(), "\"}");
    named("password", "{\\\"password\\\": \\\"", chosen(), "\\\"}");
    named("password", "let db_password: &str = \"", chosen(), "\";");
    named(
        "password",
        "<password>",
        format!("Zu9{}", alnum(9)),
        "</password>",
    );
    named(
        "password",
        "mysql --password ",
        format!("Zu9{}", alnum(9)),
        " -h db",
    );
    named("token", "api_key: ", alnum(32), "");
    named("token", "export API_TOKEN=", alnum(40), "\n");
    named("token", "clientSecret: '", alnum(32), "',");
    named("token", "const API_KEY: string = \"", alnum(32), "\";");
    named("token", "token = Some(\"", alnum(32), "\".into())");
    named(
        "token",
        "https://a.test.org/x?access_token=",
        alnum(32),
        "&b=1",
    );
    named("token", "aws_secret_access_key = ", alnum(40), "");
    named("token", "\"SECRET_KEY_BASE\", \"", hex(64), "\"");
    named("high-entropy", "hmac_key = \"", alnum(64), "\"");
    named("high-entropy", "HMAC_KEY=", alnum(64), "\n");
    named("authorization", "Authorization: Bearer ", alnum(40), "\r\n");
    named("authorization", "authorization: Basic ", alnum(24), "\r\n");
    named(
        "connection-string",
        "postgres://app:",
        alnum(16),
        "@db.internal:5432/app",
    );
    named("connection-string", "redis://:", alnum(20), "@cache:6379/0");
    all
}

// C8: what adds a secret is found, whatever surrounds it.
#[test]
fn every_kind_of_secret_is_found_and_taken_out() {
    let redactor = Redactor::default();
    for seed in [3, 17, 99, 12345] {
        for (rule, before, secret, after) in positives(seed) {
            let text = format!("{before}{secret}{after}");
            let found = redactor.scan(&text);
            let rules: Vec<&str> = found.iter().map(|found| found.rule).collect();
            assert_eq!(rules, [rule], "{text}");
            assert_eq!(
                &text[found[0].start..found[0].end],
                secret,
                "{rule}: {text}"
            );
            assert_eq!(
                redactor.redact(&text),
                format!("{before}[redacted:{rule}]{after}")
            );
        }
    }
}

// False alarms refuse honest work, so they matter as much as what is missed.
#[test]
fn ordinary_text_is_left_alone() {
    let hex40 = noise(5, 40, HEX);
    let hex64 = noise(6, 64, HEX);
    let base64 = noise(7, 88, ALNUM);
    let image = noise(8, 4000, ALNUM);
    let uuid = "0190b7c4-6f2e-7a31-9d52-3f1c8a4be901";
    let texts = [
        format!("commit {hex40}"),
        format!("index {}..{} 100644", &hex40[..10], &hex40[10..20]),
        format!("landed as {hex40} on main"),
        format!("sha256:{hex64}"),
        format!("\"payload_digest\": \"sha256:{hex64}\""),
        format!("token digest: sha256:{hex64}"),
        format!("checksum = \"{hex64}\""),
        format!("\"integrity\": \"sha512-{base64}==\","),
        format!("resolved \"https://npm.example.org/left-pad/-/left-pad-1.3.0.tgz#{hex40}\""),
        format!("github.com/a/b v1.2.3 h1:{}=", &base64[..43]),
        format!("src=\"data:image/png;base64,{image}\""),
        format!("id: {uuid}"),
        format!("\"token_id\": \"{uuid}\""),
        format!("session_token: {uuid}"),
        format!("idempotency_key = \"{}\"", &base64[..40]),
        format!(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} me@laptop",
            &base64[..43]
        ),
        format!("public_key = \"{}\"", &base64[..44]),
        format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----"),
        format!(
            "if text.starts_with(\"-----BEGIN RSA PRIVATE {}-----\") {{",
            "KEY"
        ),
        format!(
            "-----BEGIN PRIVATE {0}-----\n...\n-----END PRIVATE {0}-----",
            "KEY"
        ),
        format!("{}{}", "AKIA", "IOSFODNN7EXAMPLE"),
        format!("{}_{}", "ghp", "x".repeat(36)),
        format!("{}-ant-{}", "sk", "...".repeat(10)),
    ];
    let fixed = [
        "password = \"changeme\"",
        "password: \"<your password>\"",
        "password = os.environ[\"DB_PASSWORD\"]",
        "let password = std::env::var(\"DATABASE_PASSWORD_2024\")?;",
        "PASSWORD=${DB_PASSWORD}",
        "api_key: ${{ secrets.API_KEY_V2_PRODUCTION }}",
        "api_key = \"YOUR_API_KEY_HERE_12345\"",
        "token = generate_token(32, Alphabet::Base62)",
        "let token = tokens[index_2 + 1].clone();",
        "const token = await getAccessTokenV2();",
        "self.token = settings.auth_token_v2.to_owned()",
        "\"max_tokens\": 4096,",
        "token_type: Bearer",
        "tokenizer: cl100k_base_multilingual_v2",
        "password_hash = \"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$aGFzaGhhc2g\"",
        "fn password(&self) -> &str { &self.password }",
        "<label for=\"password\">Enter your new Password (8+ characters)</label>",
        "t(\"forms.password.label\", \"Passwort eingeben\")",
        "secretName: my-app-database-credentials",
        "key: value-with-dashes-and-more-dashes-12",
        "keyboard shortcut: Ctrl+Shift+P opens everything",
        "author: \"Jane Doe <jane.doe1984@mail.test>\"",
        "primary_key = \"user_account_identifier_1\"",
        "postgres://postgres:postgres@localhost:5432/test",
        "postgres://user:password@db/app",
        "mysql://app:${DB_PASS}@db/app",
        "https://example.org/@scope/package@1.2.3",
        "git@github.com:rust-lang/rust.git",
        "ssh://git@host.test:22/repo.git",
        "http://localhost:8080/path?token=<token>",
        "Authorization: Bearer $TOKEN",
        "Authorization: Bearer <token>",
        "the bearer of bad news and basic authentication",
        "disk-usage task-list risk-assessment",
        "import { secretsManagerClientFactory2 } from './secrets'",
        "password: String,",
        "pub password: Option<SecretString>,",
        "assert_ne!(token, other_token);",
        "fn sign(private_key: ed25519.Ed25519PrivateKey, data: bytes)",
        "class _X25519PrivateKey(X25519PrivateKey):",
        "isinstance(key, (Ed25519PrivateKey, Ed25519PublicKey))",
        "nid_key = self._lib.NID_pbe_WithSHA1And3_Key_TripleDES_CBC",
        "pub const PrivateKeyHelloKspKey: X509CertificateTemplatePrivateKeyFlag = 1048576i32;",
        "pub Token: D3DKMT_PRESENTHISTORYTOKEN_0,",
        "xoxb- is how a bot's token begins; ghp_ is another",
        "",
    ];
    let redactor = Redactor::default();
    for text in texts.iter().map(String::as_str).chain(fixed) {
        assert_eq!(redactor.scan(text), [], "{text}");
        assert!(matches!(redactor.redact(text), Cow::Borrowed(_)));
    }
}

// Hyperion's own lock file, rules and docs hold no secrets; a false alarm here would be ours.
#[test]
fn this_repository_is_clean() {
    let redactor = Redactor::default();
    for text in [
        include_str!("../../../../Cargo.lock"),
        include_str!("../../../../Cargo.toml"),
        include_str!("../../src/defaults.rs"),
        include_str!("../../src/redact/format.rs"),
        include_str!("../../src/redact/tokens.rs"),
        include_str!("../../src/redact/assignment.rs"),
        include_str!("redact.rs"),
    ] {
        let lines: Vec<_> = redactor
            .scan(text)
            .iter()
            .map(|found| text.lines().nth(found.line as usize - 1))
            .collect();
        assert_eq!(lines, []);
    }
}

#[test]
fn a_finding_says_where_and_never_what() {
    let secret = format!("{}_{}", "ghp", noise(1, 36, ALNUM));
    let text = format!("one\ntwo\nthree {secret}\nfour\n{secret}");
    let found = Redactor::default().scan(&text);
    assert_eq!(
        found.iter().map(|found| found.line).collect::<Vec<_>>(),
        [3, 5]
    );
    assert!(!format!("{found:?}").contains(&secret));
    let redactor = Redactor::new([secret.as_str()]);
    assert!(!format!("{redactor:?}").contains(&secret));
    assert_eq!(redactor.scan(&text)[0].rule, "known");
}

#[test]
fn a_known_secret_is_found_as_json_and_urls_write_it() {
    let redactor = Redactor::new(["tab\there/and \"quotes\"", "short"]);
    assert_eq!(
        redactor.redact("x tab\there/and \"quotes\" y"),
        "x [redacted:known] y"
    );
    assert_eq!(
        redactor.redact(r#"{"a":"tab\there/and \"quotes\""}"#),
        r#"{"a":"[redacted:known]"}"#
    );
    assert_eq!(
        redactor.redact("?q=tab%09here%2Fand%20%22quotes%22"),
        "?q=[redacted:known]"
    );
    assert_eq!(
        redactor.redact("too short to look for"),
        "too short to look for"
    );
    // A secret that looks like the marker must not eat markers for ever.
    let odd = Redactor::new(["redacted"]);
    assert_eq!(odd.redact("it was redacted"), "it was [redacted:known]");
    assert_eq!(
        odd.redact("it was [redacted:known]"),
        "it was [redacted:known]"
    );
    // A marker of a rule that does not exist hides nothing.
    let forged = Redactor::new(["deadbeefcafe"]);
    assert_eq!(
        forged.redact("[redacted:deadbeefcafe]"),
        "[redacted:[redacted:known]]"
    );
}

#[test]
fn json_is_redacted_by_the_names_of_its_members() {
    let token = noise(4, 32, ALNUM);
    let mut value = serde_json::json!({
        "title": "Clamp the retry delay",
        "api_key": token,
        "nested": [{"password": format!("Zu9!{}", noise(4, 8, ALNUM)), "n": 1}],
        "log": format!("token={token} done"),
        "digest": format!("sha256:{}", noise(4, 64, HEX)),
        format!("{}_{}", "ghp", noise(4, 36, ALNUM)): true,
    });
    let redactor = Redactor::default();
    assert!(redactor.redact_json(&mut value));
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap(), @r#"
    {
      "[redacted:github-token]": true,
      "api_key": "[redacted:token]",
      "digest": "sha256:c164620cd333e66a417b67dcfab24eb63b00e2b935c61756ea4b1de59990bc97",
      "log": "token=[redacted:token] done",
      "nested": [
        {
          "n": 1,
          "password": "[redacted:password]"
        }
      ],
      "title": "Clamp the retry delay"
    }
    "#);
    assert!(
        !redactor.redact_json(&mut value),
        "the second time there is nothing left"
    );
}

// A long line of half-secrets must not take long: the work is bounded by the text.
#[test]
pub(crate) fn hostile_text_is_read_in_linear_time() {
    let redactor = Redactor::new([noise(2, 20, ALNUM)]);
    for part in [
        "sk-ant-",
        "eyJ",
        "eyJ-",
        "eyJ.",
        "token=",
        "://a:b",
        "AKIA",
        "password: \"",
        "-----BEGIN PRIVATE ",
        "-----BEGIN PRIVATE KEY-----\n",
        "MIICXAIBAAKBgQ",
        "MIICXAIBAAKBgQ\n",
    ] {
        let text = part.repeat(100_000 / part.len());
        let once = redactor.redact(&text).into_owned();
        assert_eq!(redactor.redact(&once), once, "{part}");
    }
}

/// Text made of what the rules look for, put together at random.
pub(crate) fn hostile_text() -> impl Strategy<Value = String> {
    let secrets: Vec<String> = positives(7)
        .into_iter()
        .map(|(_, _, secret, _)| secret)
        .collect();
    let bits = prop_oneof![
        4 => "[ -~]{0,12}",
        2 => proptest::sample::select(secrets),
        2 => proptest::sample::select(vec![
            "password = \"", "token: ", "://u:", "@host", "-----BEGIN ", "PRIVATE KEY-----", "\\n", "\n",
            "[redacted:", "[redacted:known]", "eyJ", "sk-", "AKIA", "Bearer ", "\"", "=", "ü", "\u{1f600}",
        ]).prop_map(str::to_owned),
    ];
    proptest::collection::vec(bits, 0..12).prop_map(|bits| bits.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn redacting_twice_is_redacting_once(text in hostile_text(), known in "[a-z\\[\\]:]{6,9}") {
        let redactor = Redactor::new([known.as_str(), "redacted:"]);
        let once = redactor.redact(&text).into_owned();
        prop_assert_eq!(redactor.redact(&once), once.as_str());
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let redactor = Redactor::default();
        let once = redactor.redact(&text).into_owned();
        prop_assert_eq!(redactor.redact(&once), once.as_str());
    }

    // C8: whatever stands around it, a planted secret does not survive.
    #[test]
    fn a_planted_secret_never_survives(
        before in "[ -~\\n]{0,40}[ \\n\"'=(,]", after in "[ \\n\"')],?[ -~\\n]{0,40}", seed in 1u64..5000, which in 0usize..21,
    ) {
        let (_, _, secret, _) = positives(seed).swap_remove(5 * which);
        let clean = Redactor::default().redact(&format!("{before}{secret}{after}")).into_owned();
        prop_assert!(!clean.contains(&secret), "{}", clean);
    }

    #[test]
    fn a_known_secret_never_survives(before in ".{0,30}", after in ".{0,30}", secret in "[!-~]{8,40}") {
        let clean = Redactor::new([secret.as_str()]).redact(&format!("{before}{secret}{after}")).into_owned();
        prop_assert!(!clean.contains(&secret), "{}", clean);
    }
}
