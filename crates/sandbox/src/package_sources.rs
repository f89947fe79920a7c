//! Where package clients get their packages from, as a person's settings say, without what signs the person in.
//!
//! A private HOME has none of those settings, so a machine behind a mirror would reach nothing. Of each file only what is known to be
//! harmless is kept: keys of a short list, and no address with a name or password in it.

/// A file of settings, relative to HOME, and what of its text is kept.
pub type SettingsFile = (&'static str, fn(&str) -> String);

/// The files that are looked at.
pub const PACKAGE_SOURCES: &[SettingsFile] = &[
    (".npmrc", npm),
    (".config/pip/pip.conf", pip),
    (".pip/pip.conf", pip),
    (".m2/settings.xml", maven),
];

const NPM_KEYS: &[&str] = &[
    "registry",
    "strict-ssl",
    "cafile",
    "proxy",
    "https-proxy",
    "noproxy",
];
const PIP_KEYS: &[&str] = &[
    "index-url",
    "extra-index-url",
    "trusted-host",
    "cert",
    "timeout",
];

fn npm(text: &str) -> String {
    let is_kept = |line: &&str| {
        let known = |key: &str| {
            NPM_KEYS.contains(&key) || (key.starts_with('@') && key.ends_with(":registry"))
        };
        setting(line).is_some_and(|(key, value)| known(key) && is_plain(value))
    };
    lines(text, is_kept)
}

fn pip(text: &str) -> String {
    let is_kept = |line: &&str| {
        let is_section = line.starts_with('[') && line.ends_with(']');
        is_section
            || setting(line).is_some_and(|(key, value)| PIP_KEYS.contains(&key) && is_plain(value))
    };
    lines(text, is_kept)
}

fn maven(text: &str) -> String {
    let mirrors = text
        .split_once("<mirrors>")
        .and_then(|(_, rest)| rest.split_once("</mirrors>"))
        .map(|(mirrors, _)| mirrors.trim())
        .filter(|mirrors| is_plain(mirrors));
    mirrors.map_or_else(String::new, |mirrors| {
        format!("<settings>\n<mirrors>\n{mirrors}\n</mirrors>\n</settings>\n")
    })
}

fn setting(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once('=')?;
    Some((key.trim(), value.trim()))
}

/// Whether a value has no name, password or variable in it.
fn is_plain(value: &str) -> bool {
    !value.contains(['@', '$'])
}

fn lines(text: &str, is_kept: impl Fn(&&str) -> bool) -> String {
    let kept = text.lines().map(str::trim).filter(is_kept);
    kept.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // X6: what signs in stays outside.
    #[test]
    fn sources_are_kept_and_what_signs_in_is_not() {
        let npmrc = "registry=https://npm.example.org/\n@team:registry = https://team.example.org\n//npm.example.org/:_authToken=s3cret\n_auth=s3cret\nhttps-proxy=http://me:s3cret@proxy:1\nregistry=https://${TOKEN}.example.org\nemail=me@example.org\n";
        assert_eq!(
            npm(npmrc),
            "registry=https://npm.example.org/\n@team:registry = https://team.example.org\n"
        );
        let conf = "[global]\nindex-url = https://pypi.example.org/simple\nextra-index-url = https://me:s3cret@pypi.example.org\n    https://s3cret@second\npassword = s3cret\n";
        assert_eq!(
            pip(conf),
            "[global]\nindex-url = https://pypi.example.org/simple\n"
        );
        let settings = "<settings><servers><password>s3cret</password></servers>\n<mirrors>\n<mirror><url>https://m.example.org</url></mirror>\n</mirrors></settings>";
        assert_eq!(
            maven(settings),
            "<settings>\n<mirrors>\n<mirror><url>https://m.example.org</url></mirror>\n</mirrors>\n</settings>\n"
        );
        assert_eq!(
            maven(&settings.replace("https://", "https://me:s3cret@")),
            ""
        );
    }
}
