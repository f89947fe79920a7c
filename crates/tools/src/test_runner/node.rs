//! Node: the project's own `vitest`, `jest`, `eslint`, `tsc` and `prettier`, and its scripts through npm, pnpm, yarn or bun.

use hyperion_analyze::Format;
use serde_json::Value;

use super::Verb;
use super::argument::Pattern;
use super::plan::{self, Answer, Ask, Program, ReportAt, Step};
use super::seen::Seen;

pub(super) const NAME: &str = "node";

/// What eslint and prettier look at.
const CODE: &[&str] = &[
    ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".vue", ".svelte",
];
const FORMATTED: &[&str] = &[
    ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".vue", ".svelte", ".json",
    ".css", ".scss", ".less", ".html", ".md", ".mdx", ".yaml", ".yml",
];

pub(super) fn found_by(seen: &Seen) -> Vec<String> {
    let mut found = seen.which(&["package.json"]);
    if !found.is_empty() {
        found.extend(seen.which(&[
            "package-lock.json",
            "pnpm-lock.yaml",
            "yarn.lock",
            "bun.lock",
            "bun.lockb",
        ]));
    }
    found
}

/// What a project's manifest says.
struct Manifest<'a> {
    seen: &'a Seen,
    value: Value,
}

impl Manifest<'_> {
    fn has_script(&self, name: &str) -> bool {
        let script = self.value["scripts"][name].as_str();
        // What `npm init` writes says only that there are none.
        script.is_some_and(|text| !text.is_empty() && !text.contains("no test specified"))
    }

    fn needs(&self, package: &str) -> bool {
        ["dependencies", "devDependencies", "peerDependencies"]
            .iter()
            .any(|kind| self.value[kind][package].is_string())
    }

    fn manager(&self) -> &'static str {
        let named = self.value["packageManager"].as_str().unwrap_or_default();
        let known = ["npm", "pnpm", "yarn", "bun"];
        let is_it = |name: &&&str| named.starts_with(&format!("{name}@"));
        if let Some(name) = known.iter().find(is_it) {
            return name;
        }
        [
            ("pnpm-lock.yaml", "pnpm"),
            ("yarn.lock", "yarn"),
            ("bun.lock", "bun"),
            ("bun.lockb", "bun"),
        ]
        .into_iter()
        .find(|(lock, _)| self.seen.has(lock))
        .map_or("npm", |(_, manager)| manager)
    }

    /// A script, through the package manager.
    fn script(&self, name: &str) -> Step {
        plan::step(NAME, Program::Named(self.manager()), &["run", name])
    }

    /// One of the project's own programs.
    fn own(&self, path: &'static str) -> Step {
        if self.seen.has(".pnp.cjs") {
            // Yarn keeps them elsewhere, and knows where.
            let name = path.rsplit('/').next().unwrap_or(path);
            return plan::step(NAME, Program::Named("yarn"), &["run", name]);
        }
        plan::step(NAME, Program::Own(path), &[])
    }

    fn first_script(&self, names: &[&str]) -> Option<Step> {
        let found = names.iter().find(|name| self.has_script(name));
        found.map(|name| self.script(name))
    }

    fn begins(&self, files: &[&str]) -> bool {
        !self.seen.which(files).is_empty()
    }
}

pub(super) fn step(ask: &Ask<'_>) -> Answer {
    let value = match serde_json::from_str(ask.seen.text("package.json")) {
        Ok(value) => value,
        Err(error) => return Err(format!("package.json cannot be read: {error}")),
    };
    let manifest = Manifest {
        seen: ask.seen,
        value,
    };
    match ask.verb {
        Verb::Typecheck => typecheck(&manifest),
        Verb::Lint => lint(ask, &manifest),
        Verb::Test => test(ask, &manifest),
        Verb::Build => manifest
            .first_script(&["build"])
            .ok_or_else(|| "package.json has no script `build`".to_owned()),
        Verb::FormatCheck => format_check(ask, &manifest),
    }
}

fn typecheck(manifest: &Manifest<'_>) -> Answer {
    // Before tsc itself: a project with files of another kind, as Vue's, has to say how.
    let scripts = [
        "typecheck",
        "type-check",
        "types:check",
        "check:types",
        "tsc",
    ];
    if let Some(script) = manifest.first_script(&scripts) {
        return Ok(script.answers(Format::Tsc, ReportAt::Output));
    }
    if manifest.seen.has("tsconfig.json") {
        return Ok(manifest
            .own("node_modules/.bin/tsc")
            .args(["--noEmit", "--pretty", "false", "--project", "."])
            .answers(Format::Tsc, ReportAt::Output));
    }
    Err("there is neither a tsconfig.json nor a script `typecheck`".to_owned())
}

fn lint(ask: &Ask<'_>, manifest: &Manifest<'_>) -> Answer {
    let configured = manifest.begins(&[
        "eslint.config.js",
        "eslint.config.mjs",
        "eslint.config.cjs",
        "eslint.config.ts",
        ".eslintrc",
        ".eslintrc.js",
        ".eslintrc.cjs",
        ".eslintrc.json",
        ".eslintrc.yml",
        ".eslintrc.yaml",
    ]);
    if configured || manifest.needs("eslint") {
        let report = ask.report("eslint.json");
        return Ok(manifest
            .own("node_modules/.bin/eslint")
            .args(["--format", "json", "--output-file", &report])
            .args(ask.files_or_all(CODE)?)
            .answers(Format::EslintJson, ReportAt::File(report)));
    }
    manifest
        .first_script(&["lint"])
        .map(|script| script.notes(ask.note_no_files("the script `lint`")))
        .ok_or_else(|| "there is neither a configuration of eslint nor a script `lint`".to_owned())
}

fn test(ask: &Ask<'_>, manifest: &Manifest<'_>) -> Answer {
    let runner = if manifest.needs("vitest") {
        let report = ask.report("vitest.json");
        let vitest = manifest
            .own("node_modules/.bin/vitest")
            .args(["run", "--reporter=default", "--reporter=json"])
            .args([format!("--outputFile={report}")]);
        Some((vitest, report))
    } else if manifest.needs("jest") {
        let report = ask.report("jest.json");
        let jest = manifest
            .own("node_modules/.bin/jest")
            .args(["--ci", "--json"])
            .args([format!("--outputFile={report}")]);
        Some((jest, report))
    } else {
        None
    };
    if let Some((runner, report)) = runner {
        let runner = match &ask.wanted.pattern {
            None => runner,
            Some(Pattern::Name(name)) => runner.args([format!("--testNamePattern={name}")]),
            Some(Pattern::File(file)) if file.ends_with(".py") || file.contains("::") => {
                return Err(format!("{file} is no file of JavaScript or TypeScript"));
            }
            // Not behind `--`, where vitest looks for no files; a file never begins with `-`.
            Some(Pattern::File(file)) => runner.args([file]),
        };
        return Ok(runner.answers(Format::JestJson, ReportAt::File(report)));
    }
    let script = manifest.first_script(&["test"]).ok_or_else(|| {
        "there is neither vitest nor jest among its packages, nor a script `test`".to_owned()
    })?;
    if ask.wanted.pattern.is_some() {
        return Err("the script `test` takes no pattern: leave it out".to_owned());
    }
    Ok(script)
}

fn format_check(ask: &Ask<'_>, manifest: &Manifest<'_>) -> Answer {
    let configured = manifest.begins(&[
        ".prettierrc",
        ".prettierrc.json",
        ".prettierrc.yml",
        ".prettierrc.yaml",
        ".prettierrc.js",
        ".prettierrc.cjs",
        ".prettierrc.mjs",
        ".prettierrc.toml",
        "prettier.config.js",
        "prettier.config.cjs",
        "prettier.config.mjs",
    ]);
    if configured || manifest.needs("prettier") || manifest.value["prettier"].is_object() {
        return Ok(manifest
            .own("node_modules/.bin/prettier")
            .args(["--check", "--no-color", "--ignore-unknown"])
            .args(ask.files_or_all(FORMATTED)?)
            .answers(Format::Unformatted, ReportAt::Output));
    }
    let scripts = [
        "format:check",
        "format-check",
        "check:format",
        "fmt:check",
        "prettier:check",
    ];
    manifest
        .first_script(&scripts)
        .map(|script| script.notes(ask.note_no_files("the script")))
        .ok_or_else(|| {
            "there is neither a configuration of prettier nor a script `format:check`".to_owned()
        })
}
