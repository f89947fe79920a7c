//! What runs other programs in folders of a repository, and says whose words each line is: turbo, pnpm, lerna, nx, yarn and
//! npm workspaces, make and ninja.

use std::collections::BTreeMap;

/// The most prefixes that one output may have.
const MAX_PREFIXES: usize = 500;
/// The most folders that are entered within each other.
const MAX_ENTERED: usize = 100;

/// Where the program ran that wrote a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In this folder; `below` is what it is relative to the folder where all began.
    Folder {
        /// As it was written, mostly absolute.
        folder: String,
        /// Relative to where the first of them began.
        below: Option<String>,
    },
    /// In the folder of a package of this name, or at this path.
    Package(String),
    /// In the folder of a package of Go with this import path.
    GoPackage(String),
}

/// Lines of one package, or those of none.
#[derive(Debug, Default)]
pub(super) struct Section<'t> {
    /// The package, where its name stood before each line.
    pub(super) package: Option<String>,
    /// The lines, without that name.
    pub(super) lines: Vec<&'t str>,
    /// Where each stands in the output, from 0.
    pub(super) numbers: Vec<usize>,
}

/// Takes the lines apart that several packages wrote at the same time; first comes what no package wrote.
pub(super) fn sections<'t>(lines: &[&'t str]) -> Vec<Section<'t>> {
    let known = prefixes(lines);
    let mut sections = vec![Section::default()];
    let mut at_of: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, &line) in lines.iter().enumerate() {
        let found = split(line).and_then(|(prefix, rest)| Some((known.get(prefix)?, rest)));
        let (at, rest) = match found {
            Some((package, rest)) => {
                let at = *at_of.entry(package).or_insert(sections.len());
                if at == sections.len() {
                    sections.push(Section {
                        package: Some(package.clone()),
                        ..Section::default()
                    });
                }
                (at, rest)
            }
            None => (0, line),
        };
        sections[at].lines.push(rest);
        sections[at].numbers.push(number);
    }
    sections
}

/// Splits a line at its first `: `; of a line with nothing behind, what is left of that.
fn split(line: &str) -> Option<(&str, &str)> {
    line.split_once(": ")
        .or_else(|| Some((line.strip_suffix(':')?, "")))
}

/// Finds what stands before lines for sure, and whose it is: only what a runner says of itself counts.
fn prefixes(lines: &[&str]) -> BTreeMap<String, String> {
    let is_turbo = lines.iter().any(|line| {
        let text = line.trim_start();
        ["• Packages in scope", "• Running ", "Tasks:", "turbo "]
            .iter()
            .any(|start| text.starts_with(start))
    });
    let mut known = BTreeMap::new();
    for line in lines {
        if known.len() >= MAX_PREFIXES {
            break;
        }
        let found = of_turbo(line, is_turbo)
            .or_else(|| of_pnpm(line))
            .or_else(|| of_yarn(line))
            .or_else(|| of_lerna(line));
        known.extend(found);
    }
    known
}

/// Reads `web:build: cache miss, executing …` and `@acme/web:build: ERROR: command finished with error`.
fn of_turbo(line: &str, is_turbo: bool) -> Option<(String, String)> {
    let (prefix, rest) = split(line)?;
    let (package, task) = prefix.split_once(':')?;
    let begins = |starts: &[&str]| starts.iter().any(|start| rest.starts_with(start));
    let says = is_turbo
        || begins(&["cache hit", "cache miss", "cache bypass", "> ", "$ "])
        || begins(&["ERROR: command finished", "command finished with error"]);
    (is_name(package) && is_task(task) && says).then(|| (prefix.to_owned(), package.to_owned()))
}

/// Reads `packages/web build$ tsc` and `packages/web build: Failed`.
fn of_pnpm(line: &str) -> Option<(String, String)> {
    let prefix = match line.split_once("$ ") {
        Some((prefix, _)) => prefix,
        None => match split(line)? {
            (prefix, "Failed" | "Done") => prefix,
            _ => return None,
        },
    };
    let (folder, task) = prefix.split_once(' ')?;
    (is_name(folder) && is_task(task)).then(|| (prefix.to_owned(), folder.to_owned()))
}

/// Reads `[web]: Process exited (exit code 1)`.
fn of_yarn(line: &str) -> Option<(String, String)> {
    let (prefix, rest) = split(line)?;
    let package = prefix.strip_prefix('[')?.strip_suffix(']')?;
    let says = rest.starts_with("Process started") || rest.starts_with("Process exited");
    (is_name(package) && says).then(|| (prefix.to_owned(), package.to_owned()))
}

/// Reads `web: > web@1.0.0 build`, `lerna ERR! npm run build exited 1 in 'web'` and `✖  nx run web:build`.
fn of_lerna(line: &str) -> Option<(String, String)> {
    let package = if line.starts_with("lerna ") {
        line.rsplit_once(" in '")?.1.trim_end_matches(['\'', ':'])
    } else if let Some((_, task)) = line.split_once("nx run ") {
        task.split(':').next()?
    } else {
        let (package, rest) = split(line)?;
        npm_header(rest)?;
        package
    };
    is_name(package).then(|| (package.to_owned(), package.to_owned()))
}

fn is_name(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '/' | '.' | '_' | '-');
    name.len() <= 200 && name.contains(char::is_alphanumeric) && name.chars().all(letters)
}

fn is_task(task: &str) -> bool {
    task.len() <= 100
        && task.starts_with(|c: char| c.is_ascii_alphabetic())
        && task
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-' | '.'))
}

/// Reads `> web@1.0.0 build`, `> nx run web:build` and rush's `==[ web ]==…`: the lines below are of this package.
pub(super) fn header(line: &str) -> Option<&str> {
    let nx = line.trim_start().strip_prefix("> nx run ");
    let nx = nx.and_then(|task| task.split(':').next());
    let rush = || line.strip_prefix("==[ ")?.split(' ').next();
    nx.or_else(|| npm_header(line)).or_else(rush)
}

fn npm_header(line: &str) -> Option<&str> {
    let (name, rest) = line.strip_prefix("> ")?.rsplit_once('@')?;
    let numbered = rest.starts_with(|c: char| c.is_ascii_digit());
    (is_name(name) && numbered && rest.contains(' ')).then_some(name)
}

/// The folders that make, or ninja, is in.
#[derive(Debug, Default)]
pub(super) struct Entered {
    folders: Vec<String>,
}

impl Entered {
    /// Follows `make[1]: Entering directory '/project/src'`, and tells whether the line was one.
    pub(super) fn follow(&mut self, line: &str) -> bool {
        let Some((who, rest)) = line.split_once(": ") else {
            return false;
        };
        let program = who.split('[').next().unwrap_or(who);
        if !matches!(program, "make" | "gmake" | "ninja") {
            return false;
        }
        let quoted = |text: &str| text.trim_matches(['\'', '`', '"', '‘', '’']).to_owned();
        if let Some(folder) = rest.strip_prefix("Entering directory ") {
            if self.folders.len() < MAX_ENTERED {
                self.folders.push(quoted(folder));
            }
            return true;
        }
        let Some(folder) = rest.strip_prefix("Leaving directory ") else {
            return false;
        };
        let folder = quoted(folder);
        // Those that work side by side leave in any order.
        if let Some(at) = self.folders.iter().rposition(|entered| *entered == folder) {
            self.folders.remove(at);
        }
        true
    }

    /// Says where it is now.
    pub(super) fn origin(&self) -> Option<Origin> {
        let (first, last) = (self.folders.first()?, self.folders.last()?);
        let below = last.strip_prefix(first.as_str());
        Some(Origin::Folder {
            folder: last.clone(),
            below: below.map(|rest| rest.trim_start_matches('/').to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(Option<String>, String)> {
        let lines: Vec<&str> = text.lines().collect();
        let sections = sections(&lines).into_iter();
        sections
            .filter(|section| !section.lines.is_empty())
            .map(|section| (section.package, section.lines.join("|")))
            .collect()
    }

    // Only what a runner says of itself makes a prefix of what stands before a colon.
    #[test]
    fn packages_that_write_at_the_same_time_are_told_apart() {
        let of = |package: &str, lines: &str| (Some(package.to_owned()), lines.to_owned());
        for (text, package) in [
            ("a:build: cache miss, executing 1\na:build: x\n", "a"),
            ("packages/a build$ tsc\npackages/a build: x\n", "packages/a"),
            ("[a]: x\n[a]: Process exited (exit code 1)\n", "a"),
            (
                "@b/a: x\nlerna ERR! npm run build exited 1 in '@b/a'\n",
                "@b/a",
            ),
            ("a: > a@1.0.0 build\na: x\n", "a"),
        ] {
            let all = found(text);
            let own = all
                .iter()
                .find(|(found, _)| found.as_deref() == Some(package));
            assert!(
                own.is_some_and(|(_, lines)| lines.split('|').any(|line| line == "x")),
                "{text}: {all:?}"
            );
        }
        assert_eq!(
            found("a:build: > a@1.0.0 build\nb:build: cache hit\na:build: one\nb:build: two\n"),
            [of("a", "> a@1.0.0 build|one"), of("b", "cache hit|two")]
        );
        let plain = "src/a.c:3:4: error: x\nstd::bad_alloc: y\ncat: a: No such file or directory\n";
        assert_eq!(found(plain).len(), 1);
    }
}
