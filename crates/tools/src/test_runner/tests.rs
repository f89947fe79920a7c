//! Which tool chains are found, what is run for each verb, and what a caller cannot make a program do.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::time::Duration;

use hyperion_api::Problem;
use hyperion_host::Root;

use super::*;
use crate::{Access, Limits, Overseer, Place, Planned};

/// Denies what is called `denied`.
struct Rules;

impl Overseer for Rules {
    fn judge(&self, path: &str, _: Access) -> Result<(), Problem> {
        if path.contains("denied") {
            return Err(Problem::new("path.denied", format!("{path} is denied")));
        }
        Ok(())
    }

    fn before_write(&self, _: &Planned<'_>) -> Result<(), Problem> {
        unreachable!("nothing is written")
    }

    fn recorded(&self) -> Result<(), Problem> {
        unreachable!("nothing is written")
    }

    fn mask(&self, _: &str) -> Option<String> {
        None
    }

    fn seal(&self, sha256: &str) -> String {
        sha256.to_owned()
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

struct Scene {
    folder: tempfile::TempDir,
    root: Root,
    limits: Limits,
}

impl Scene {
    fn new(files: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for path in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        Self {
            root: Root::open(folder.path()).unwrap(),
            folder,
            limits: Limits::default(),
        }
    }

    fn place(&self) -> Place<'_> {
        Place {
            root: &self.root,
            limits: &self.limits,
            overseer: &Rules,
        }
    }

    fn wanted(&self, files: &[&str], pattern: Option<&str>) -> Result<Wanted, Problem> {
        let files: Vec<_> = files.iter().map(|path| (*path).to_owned()).collect();
        Wanted::read(&self.place(), Some(&files), pattern)
    }
}

fn nothing_else(_: &str) -> bool {
    false
}

/// What is run for each verb, one line a step, and what is left out.
fn told(files: &[(&str, &str)], wanted: &Wanted) -> String {
    let seen = Seen::of(files);
    let mut out = String::new();
    for verb in Verb::ALL {
        let planned = plan(verb, &seen, wanted, "/reports", &nothing_else);
        match planned {
            Ok(plan) => {
                for step in &plan.steps {
                    writeln!(out, "{}: {}", verb.name(), shown(&step.command())).unwrap();
                }
                for left in &plan.not_run {
                    writeln!(
                        out,
                        "{}: {} - {}",
                        verb.name(),
                        left.tool_chain,
                        left.reason
                    )
                    .unwrap();
                }
            }
            Err(problem) => writeln!(out, "{}: {}", verb.name(), problem.detail).unwrap(),
        }
    }
    out
}

fn all(files: &[(&str, &str)]) -> String {
    told(files, &Wanted::default())
}

// T3: each tool chain is known by its files, and asked in the format that it has for machines.
#[test]
fn each_tool_chain_has_a_command_for_each_verb() {
    insta::assert_snapshot!(all(&[("Cargo.toml", "")]), @"
    typecheck: cargo check --workspace --all-targets --message-format json
    lint: cargo clippy --workspace --all-targets --message-format json
    test: cargo test --workspace --no-fail-fast --color never
    build: cargo build --workspace --message-format json
    formatCheck: cargo fmt --all --check -- --color never
    ");
    insta::assert_snapshot!(all(&[
        ("package.json", r#"{"devDependencies": {"vitest": "2", "eslint": "9", "prettier": "3"}, "scripts": {"build": "vite build"}}"#),
        ("tsconfig.json", "{}"),
        ("pnpm-lock.yaml", ""),
    ]), @"
    typecheck: node_modules/.bin/tsc --noEmit --pretty false --project .
    lint: node_modules/.bin/eslint --format json --output-file /reports/eslint.json -- .
    test: node_modules/.bin/vitest run --reporter=default --reporter=json --outputFile=/reports/vitest.json
    build: pnpm run build
    formatCheck: node_modules/.bin/prettier --check --no-color --ignore-unknown -- .
    ");
    insta::assert_snapshot!(all(&[
        ("package.json", r#"{"scripts": {"test": "node --test", "lint": "standard", "typecheck": "vue-tsc", "format:check": "x"}, "packageManager": "yarn@4.1.0"}"#),
        ("package-lock.json", ""),
    ]), @"
    typecheck: yarn run typecheck
    lint: yarn run lint
    test: yarn run test
    build: there is nothing to build with; node: package.json has no script `build`
    formatCheck: yarn run format:check
    ");
    insta::assert_snapshot!(all(&[
        ("package.json", r#"{"devDependencies": {"jest": "29"}, "scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#),
        (".pnp.cjs", ""),
    ]), @"
    typecheck: there is nothing to typecheck with; node: there is neither a tsconfig.json nor a script `typecheck`
    lint: there is nothing to lint with; node: there is neither a configuration of eslint nor a script `lint`
    test: yarn run jest --ci --json --outputFile=/reports/jest.json
    build: there is nothing to build with; node: package.json has no script `build`
    formatCheck: there is nothing to formatCheck with; node: there is neither a configuration of prettier nor a script `format:check`
    ");
    insta::assert_snapshot!(all(&[
        ("pyproject.toml", "[tool.ruff]\n[tool.mypy]\nfiles = \"src\"\n[tool.pytest.ini_options]\n"),
        (".venv/bin/ruff", ""),
    ]), @"
    typecheck: mypy --no-color-output --show-column-numbers
    lint: .venv/bin/ruff check --no-fix --force-exclude --output-format json --output-file /reports/ruff.json -- .
    test: pytest --color=no --junitxml=/reports/pytest.xml
    build: there is nothing to build with; python: a Python project is not built to be used
    formatCheck: .venv/bin/ruff format --check --force-exclude -- .
    ");
    insta::assert_snapshot!(all(&[("requirements.txt", "pytest-cov\nmypy==1\n")]), @"
    typecheck: mypy --no-color-output --show-column-numbers -- .
    lint: there is nothing to lint with; python: ruff is not set up: there is no ruff.toml, .ruff.toml, no [tool.ruff] in pyproject.toml, and no requirement of it
    test: pytest --color=no --junitxml=/reports/pytest.xml
    build: there is nothing to build with; python: a Python project is not built to be used
    formatCheck: there is nothing to formatCheck with; python: ruff is not set up: there is no ruff.toml, .ruff.toml, no [tool.ruff] in pyproject.toml, and no requirement of it
    ");
    insta::assert_snapshot!(all(&[("go.mod", "")]), @"
    typecheck: go vet ./...
    lint: go vet ./...
    test: go test -json ./...
    build: go build -o /dev/null ./...
    formatCheck: gofmt -l -- .
    ");
    insta::assert_snapshot!(all(&[("pom.xml", "<artifactId>spotless-maven-plugin</artifactId>"), ("mvnw", "")]), @"
    typecheck: mvnw --batch-mode -Dstyle.color=never test-compile
    lint: there is nothing to lint with; maven: pom.xml names no maven-checkstyle-plugin
    test: mvnw --batch-mode -Dstyle.color=never --fail-at-end test
    build: mvnw --batch-mode -Dstyle.color=never package -DskipTests
    formatCheck: mvnw --batch-mode -Dstyle.color=never spotless:check
    ");
    insta::assert_snapshot!(all(&[("build.gradle.kts", "plugins {}"), ("gradlew", "")]), @"
    typecheck: gradlew --console=plain --no-daemon testClasses
    lint: gradlew --console=plain --no-daemon check -x test
    test: gradlew --console=plain --no-daemon --continue test
    build: gradlew --console=plain --no-daemon assemble
    formatCheck: there is nothing to formatCheck with; gradle: the build names no plugin `spotless`
    ");
    insta::assert_snapshot!(all(&[("Makefile", "all: x\nlint:\ntest:\n")]), @"
    typecheck: there is nothing to typecheck with; make: the Makefile has no target `typecheck`, `type-check`, `types`
    lint: make lint
    test: make test
    build: make all
    formatCheck: there is nothing to formatCheck with; make: the Makefile has no target `format-check`, `fmt-check`, `check-format`, `check-fmt`, `formatcheck`
    ");
}

// T3: one root may have several; make is asked for what no other has.
#[test]
fn several_tool_chains_are_asked_one_after_the_other() {
    insta::assert_snapshot!(all(&[
        ("Cargo.toml", ""),
        ("package.json", r#"{"scripts": {"build": "x"}}"#),
        ("Makefile", "build:\ntest:\nlint:\n"),
    ]), @"
    typecheck: cargo check --workspace --all-targets --message-format json
    typecheck: node - there is neither a tsconfig.json nor a script `typecheck`
    typecheck: make - another tool chain has a tool for this
    lint: cargo clippy --workspace --all-targets --message-format json
    lint: node - there is neither a configuration of eslint nor a script `lint`
    lint: make - another tool chain has a tool for this
    test: cargo test --workspace --no-fail-fast --color never
    test: node - there is neither vitest nor jest among its packages, nor a script `test`
    test: make - another tool chain has a tool for this
    build: cargo build --workspace --message-format json
    build: npm run build
    build: make - another tool chain has a tool for this
    formatCheck: cargo fmt --all --check -- --color never
    formatCheck: node - there is neither a configuration of prettier nor a script `format:check`
    formatCheck: make - another tool chain has a tool for this
    ");
}

// T3: with nextest, that runs the tests.
#[test]
fn nextest_runs_the_tests_where_it_is_installed() {
    let seen = Seen::of(&[("Cargo.toml", "")]);
    let has = |name: &str| name == "cargo-nextest";
    let planned = plan(Verb::Test, &seen, &Wanted::default(), "/reports", &has).unwrap();
    insta::assert_snapshot!(shown(&planned.steps[0].command()), @"cargo nextest run --workspace --no-fail-fast --color never");
}

// T3: where there is nothing to run, what was looked for is told.
#[test]
fn nothing_to_run_is_refused_with_what_was_looked_for() {
    insta::assert_snapshot!(all(&[("README.md", "")]).lines().next().unwrap(), @"typecheck: there is nothing to typecheck with: no tool chain was found at the top of the root; looked for cargo (Cargo.toml); node (package.json); python (pyproject.toml, setup.py, setup.cfg, requirements.txt, pytest.ini, tox.ini); go (go.mod, go.work); maven (pom.xml); gradle (build.gradle(.kts), settings.gradle(.kts)); make (Makefile)");
    insta::assert_snapshot!(all(&[("Makefile", "x:\n"), ("package.json", "{")]), @"
    typecheck: there is nothing to typecheck with; node: package.json cannot be read: EOF while parsing an object at line 1 column 1; make: the Makefile has no target `typecheck`, `type-check`, `types`
    lint: there is nothing to lint with; node: package.json cannot be read: EOF while parsing an object at line 1 column 1; make: the Makefile has no target `lint`
    test: there is nothing to test with; node: package.json cannot be read: EOF while parsing an object at line 1 column 1; make: the Makefile has no target `test`, `tests`, `check`
    build: there is nothing to build with; node: package.json cannot be read: EOF while parsing an object at line 1 column 1; make: the Makefile has no target `build`, `all`
    formatCheck: there is nothing to formatCheck with; node: package.json cannot be read: EOF while parsing an object at line 1 column 1; make: the Makefile has no target `format-check`, `fmt-check`, `check-format`, `check-fmt`, `formatcheck`
    ");
}

// T3: files and patterns, as each tool takes them.
#[test]
fn files_and_patterns_are_arguments_of_their_own() {
    let scene = Scene::new(&[
        "src/a.py",
        "src/b.ts",
        "src/c.rs",
        "cmd/d.go",
        "e.txt",
        "test/f.test.ts",
    ]);
    let wanted = scene
        .wanted(&["src/a.py", "./src/b.ts", "src/c.rs", "cmd/d.go"], None)
        .unwrap();
    let mono = [
        ("Cargo.toml", "edition = \"2024\""),
        (
            "package.json",
            r#"{"devDependencies": {"jest": "29", "eslint": "9", "prettier": "3"}}"#,
        ),
        ("pyproject.toml", "ruff mypy"),
        ("go.mod", ""),
    ];
    insta::assert_snapshot!(told(&mono, &wanted), @"
    typecheck: cargo check --workspace --all-targets --message-format json
    typecheck: mypy --no-color-output --show-column-numbers -- .
    typecheck: go vet ./...
    typecheck: node - there is neither a tsconfig.json nor a script `typecheck`
    lint: cargo clippy --workspace --all-targets --message-format json
    lint: node_modules/.bin/eslint --format json --output-file /reports/eslint.json -- ./src/b.ts
    lint: ruff check --no-fix --force-exclude --output-format json --output-file /reports/ruff.json -- ./src/a.py
    lint: go vet ./cmd
    test: cargo test --workspace --no-fail-fast --color never
    test: node_modules/.bin/jest --ci --json --outputFile=/reports/jest.json
    test: pytest --color=no --junitxml=/reports/pytest.xml
    test: go test -json ./...
    build: cargo build --workspace --message-format json
    build: go build -o /dev/null ./...
    build: node - package.json has no script `build`
    build: python - a Python project is not built to be used
    formatCheck: rustfmt --check --color never --edition 2024 -- ./src/c.rs
    formatCheck: node_modules/.bin/prettier --check --no-color --ignore-unknown -- ./src/b.ts
    formatCheck: ruff format --check --force-exclude -- ./src/a.py
    formatCheck: gofmt -l -- ./cmd/d.go
    ");
    let wanted = scene
        .wanted(&["e.txt", "src"], Some("adds $(touch x) up"))
        .unwrap();
    insta::assert_snapshot!(told(&mono, &wanted), @"
    typecheck: cargo check --workspace --all-targets --message-format json
    typecheck: mypy --no-color-output --show-column-numbers -- .
    typecheck: go vet ./...
    typecheck: node - there is neither a tsconfig.json nor a script `typecheck`
    lint: cargo clippy --workspace --all-targets --message-format json
    lint: node_modules/.bin/eslint --format json --output-file /reports/eslint.json -- ./src
    lint: ruff check --no-fix --force-exclude --output-format json --output-file /reports/ruff.json -- ./src
    lint: go vet ./src/...
    test: cargo test --workspace --no-fail-fast --color never 'adds $(touch x) up'
    test: node_modules/.bin/jest --ci --json --outputFile=/reports/jest.json '--testNamePattern=adds $(touch x) up'
    test: pytest --color=no --junitxml=/reports/pytest.xml '-k=adds $(touch x) up'
    test: go test -json '-run=adds $(touch x) up' ./...
    build: cargo build --workspace --message-format json
    build: go build -o /dev/null ./...
    build: node - package.json has no script `build`
    build: python - a Python project is not built to be used
    formatCheck: cargo fmt --all --check -- --color never
    formatCheck: node_modules/.bin/prettier --check --no-color --ignore-unknown -- ./src
    formatCheck: ruff format --check --force-exclude -- ./src
    formatCheck: gofmt -l -- ./src
    ");
    let wanted = scene.wanted(&[], Some("test/f.test.ts")).unwrap();
    let seen = Seen::of(&mono);
    let planned = plan(Verb::Test, &seen, &wanted, "/reports", &nothing_else).unwrap();
    insta::assert_snapshot!(shown(&planned.steps[0].command()), @"node_modules/.bin/jest --ci --json --outputFile=/reports/jest.json test/f.test.ts");
    assert_eq!(planned.not_run.len(), 3, "{:?}", planned.not_run);
    let wanted = scene.wanted(&[], Some("src/a.py::test_x[1-2]")).unwrap();
    let planned = plan(Verb::Test, &seen, &wanted, "/reports", &nothing_else).unwrap();
    insta::assert_snapshot!(shown(&planned.steps[0].command()), @"pytest --color=no --junitxml=/reports/pytest.xml './src/a.py::test_x[1-2]'");
}

// T3, X2: nothing that a caller gives becomes an option, leaves the root, or is more than one line.
#[test]
fn what_could_be_an_option_or_leads_out_is_refused() {
    let scene = Scene::new(&["a.py", "--config", "dir/-o", "denied.py", "x/--config"]);
    symlink("/etc", scene.folder.path().join("link")).unwrap();
    let mut out = String::new();
    for pattern in [
        "--config=evil",
        "-k",
        " --x",
        "\u{a0}-x",
        "a\nb",
        "a\0b",
        "",
        "  ",
        "\u{1b}[2J",
        "../x.py",
        "/etc/x.py",
        "link/x.py",
        "denied.py",
        "--collect-only.py",
        &"x".repeat(1001),
    ] {
        let refused = scene.wanted(&[], Some(pattern)).unwrap_err();
        writeln!(
            out,
            "{}: {}",
            refused.code,
            refused.detail.chars().take(110).collect::<String>()
        )
        .unwrap();
    }
    for file in [
        "-o/tmp/x",
        "--config",
        "../a.py",
        "/etc/passwd",
        "link/passwd",
        "link",
        "a.py\n",
        "a\0",
        "missing.py",
        "denied.py",
        "",
        "./-o",
        "./--config",
        "a/../a.py",
    ] {
        let refused = scene.wanted(&[file], None).unwrap_err();
        writeln!(out, "{}: {}", refused.code, refused.detail).unwrap();
    }
    insta::assert_snapshot!(out, @r#"
    input.invalid: the pattern "--config=evil" begins with `-`, as an option does; options cannot be given
    input.invalid: the pattern "-k" begins with `-`, as an option does; options cannot be given
    input.invalid: the pattern " --x" begins with `-`, as an option does; options cannot be given
    input.invalid: the pattern "\u{a0}-x" begins with `-`, as an option does; options cannot be given
    input.invalid: the pattern "a\nb" has a control character, such as a line feed or NUL
    input.invalid: the pattern "a\0b" has a control character, such as a line feed or NUL
    input.invalid: the pattern "" is empty
    input.invalid: the pattern "  " is empty
    input.invalid: the pattern "\u{1b}[2J" has a control character, such as a line feed or NUL
    path.escapes: "../x.py" leads out of the root, or has an empty, `.` or `..` part
    path.escapes: "/etc/x.py" leads out of the root, or has an empty, `.` or `..` part
    path.escapes: a part of link/x.py is a symbolic link, and links are not followed
    path.denied: denied.py is denied
    input.invalid: the pattern "--collect-only.py" begins with `-`, as an option does; options cannot be given
    input.invalid: the pattern "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    input.invalid: a file's path "-o/tmp/x" begins with `-`, as an option does; options cannot be given
    input.invalid: a file's path "--config" begins with `-`, as an option does; options cannot be given
    path.escapes: "../a.py" leads out of the root, or has an empty, `.` or `..` part
    path.escapes: "/etc/passwd" leads out of the root, or has an empty, `.` or `..` part
    path.escapes: a part of link/passwd is a symbolic link, and links are not followed
    file.wrong_kind: link is a symbolic link, not a file
    input.invalid: a file's path "a.py\n" has a control character, such as a line feed or NUL
    input.invalid: a file's path "a\0" has a control character, such as a line feed or NUL
    file.missing: there is no missing.py
    path.denied: denied.py is denied
    input.invalid: a file's path "" is empty
    file.missing: there is no -o
    input.invalid: "--config" begins with `-`, as an option does
    path.escapes: "a/../a.py" leads out of the root, or has an empty, `.` or `..` part
    "#);
    // Harmless ones: what a shell would read is not read.
    for pattern in [
        "$(touch x)",
        "`id`",
        "a; b",
        "a|b",
        "x && y",
        "*",
        "'",
        "@file",
        "!x",
        "%X%",
    ] {
        let wanted = scene.wanted(&[], Some(pattern)).unwrap();
        assert_eq!(wanted.pattern, Some(Pattern::Name(pattern.to_owned())));
    }
    let many = vec!["a.py"; 501];
    assert_eq!(scene.wanted(&many, None).unwrap_err().code, "input.invalid");
    // A name that begins so further down is behind a folder, and no option.
    let wanted = scene.wanted(&["x/--config", "dir/-o"], None).unwrap();
    assert_eq!(wanted.files[0].argument(), "./x/--config");
    let absolute = scene.folder.path().join("a.py");
    let wanted = scene.wanted(&[absolute.to_str().unwrap()], None).unwrap();
    assert_eq!(wanted.files[0].path, "a.py");
}

// T3: what Maven or a wrapper in shell could read as more than a name is refused.
#[test]
fn patterns_of_java_are_names() {
    for files in [[("pom.xml", "")], [("build.gradle", "")]] {
        let seen = Seen::of(&files);
        let planned = |name: &str| {
            let wanted = Wanted {
                pattern: Some(Pattern::Name(name.to_owned())),
                ..Wanted::default()
            };
            plan(Verb::Test, &seen, &wanted, "/reports", &nothing_else)
        };
        for name in [
            "${env.HOME}",
            "$(id)",
            "`id`",
            "a b",
            "a;b",
            "a'b",
            "a\"b",
            "a\\b",
        ] {
            let problem = planned(name).unwrap_err();
            assert_eq!(problem.code, "tool.nothing_to_run", "{name}");
        }
        let args = planned("org.example.ShopTest#adds*").unwrap().steps[0].command();
        assert!(
            args.iter().any(|arg| arg.ends_with("ShopTest#adds*")),
            "{args:?}"
        );
    }
}

// T3: a folder is looked at through its handle; what may not be read is as good as absent.
#[test]
fn a_root_is_seen_with_its_own_programs() {
    let scene = Scene::new(&["Cargo.toml", "deep/package.json", "venv/bin/pytest"]);
    symlink("/etc/passwd", scene.folder.path().join("Makefile")).unwrap();
    let seen = Seen::look(&scene.place()).unwrap();
    assert!(seen.has("Cargo.toml") && !seen.has("package.json"));
    assert_eq!((seen.text("Cargo.toml"), seen.text("Makefile")), ("x", ""));
    assert!(seen.has_own("venv/bin/pytest") && !seen.has_own(".venv/bin/pytest"));
}

// T3, I2: what real tools wrote (recorded by `analyze`), read as it is after a run: whose fault it is, how many, and the first cause.
#[test]
fn what_real_tools_wrote_is_read_as_what_it_is() {
    let outputs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../analyze/tests/outputs");
    let recorded = |name: &str| std::fs::read_to_string(outputs.join(name)).unwrap();
    let projects: &[(&str, &str)] = &[
        ("Cargo.toml", ""),
        (
            "package.json",
            r#"{"devDependencies": {"jest": "29", "eslint": "9", "prettier": "3"}, "scripts": {"build": "tsc"}}"#,
        ),
        ("tsconfig.json", ""),
        ("pyproject.toml", "ruff mypy"),
        ("go.mod", ""),
        ("pom.xml", ""),
    ];
    let seen = Seen::of(projects);
    let wanted = Wanted::default();
    let mut out = String::new();
    for (verb, tool_chain, name, code) in [
        (Verb::Typecheck, "cargo", "reports/cargo.jsonl", 101),
        (Verb::Test, "cargo", "recorded/cargo-test.txt", 101),
        (Verb::Test, "cargo", "recorded/cargo-unresolved.txt", 101),
        (Verb::Test, "cargo", "recorded/cargo-no-version.txt", 101),
        (Verb::FormatCheck, "cargo", "reports/rustfmt.txt", 1),
        (Verb::Test, "node", "reports/jest.json", 1),
        (Verb::Test, "node", "reports/vitest.json", 1),
        (Verb::Test, "node", "recorded/jest-no-module.txt", 1),
        (Verb::Lint, "node", "reports/eslint.json", 1),
        (Verb::Lint, "node", "recorded/eslint-no-config.txt", 2),
        (Verb::Typecheck, "node", "recorded/tsc-type.txt", 2),
        (Verb::Build, "node", "recorded/npm-no-script.txt", 1),
        (Verb::Build, "node", "recorded/tsc-syntax.txt", 1),
        (Verb::FormatCheck, "node", "reports/prettier.txt", 2),
        (Verb::Test, "python", "reports/pytest-junit.xml", 1),
        (Verb::Test, "python", "recorded/pytest-no-file.txt", 4),
        (Verb::Lint, "python", "reports/ruff.json", 1),
        (Verb::Typecheck, "python", "recorded/mypy-type.txt", 1),
        (Verb::Typecheck, "python", "reports/mypy-passed.txt", 0),
        (Verb::FormatCheck, "python", "reports/ruff-format.txt", 2),
        (Verb::Test, "go", "reports/go.jsonl", 1),
        (Verb::Build, "go", "recorded/go-compile.txt", 2),
        (Verb::Typecheck, "go", "recorded/go-vet.txt", 2),
        (Verb::FormatCheck, "go", "reports/gofmt.txt", 2),
        (Verb::Test, "maven", "reports/surefire.xml", 1),
        (Verb::Test, "maven", "recorded/mvn-compile.txt", 1),
        (Verb::Test, "maven", "recorded/mvn-dependency.txt", 1),
    ] {
        let planned = plan(verb, &seen, &wanted, "/reports", &nothing_else).unwrap();
        let step = planned
            .steps
            .iter()
            .find(|step| step.tool_chain == tool_chain);
        let step = step.unwrap_or_else(|| panic!("{tool_chain} has nothing to {}", verb.name()));
        let mut left = Left::default();
        let is_file = matches!(step.report, ReportAt::File(_) | ReportAt::Project { .. });
        if is_file && name.starts_with("reports/") {
            left.reports.push(recorded(name));
        } else {
            left.stdout = recorded(name);
        }
        let read = read(verb, step, &wanted, "/project", Ended::Exited(code), &left);
        let run = read.into_run(step, 0, 0);
        let counts = run.counts.map_or("-".to_owned(), |counts| {
            format!(
                "{}/{}/{}/{}",
                counts.passed, counts.failed, counts.skipped, counts.warnings
            )
        });
        let first = run.problems.first().map_or("-".to_owned(), |first| {
            format!(
                "{} {}:{} {}",
                first.kind,
                first.file.as_deref().unwrap_or("-"),
                first.line.unwrap_or(0),
                first.message.chars().take(50).collect::<String>()
            )
        });
        writeln!(
            out,
            "{} {name}: {} {counts} | {first}",
            verb.name(),
            run.outcome.name()
        )
        .unwrap();
    }
    insta::assert_snapshot!(out, @r#"
    typecheck reports/cargo.jsonl: failed 0/2/0/0 | dependency src/lib.rs:1 unresolved import `serde`
    test recorded/cargo-test.txt: failed 1/3/1/0 | not_found src/lib.rs:28 the price list: Os { code: 2, kind: NotFound, mess
    test recorded/cargo-unresolved.txt: failed - | dependency src/lib.rs:1 unresolved import `serde`
    test recorded/cargo-no-version.txt: broke - | dependency -:0 failed to select a version for the requirement `se
    formatCheck reports/rustfmt.txt: failed 0/2/0/0 | compile src/lib.rs:1 it is not formatted
    test reports/jest.json: failed 1/3/0/0 | assertion total.test.js:4 expect(received).toBe(expected) // Object.is equal
    test reports/vitest.json: failed 1/3/1/0 | dependency src/other.test.js:0 Failed to load url ./absent.js (resolved id: ./abs
    test recorded/jest-no-module.txt: failed - | dependency other.test.js:1 Cannot find module 'gone-for-good' from 'other.tes
    lint reports/eslint.json: failed 0/4/0/1 | compile src/a.js:2 'wrong' is not defined.
    lint recorded/eslint-no-config.txt: broke - | not_found -:0 ESLint couldn't find an eslint.config.(js|mjs|cjs)
    typecheck recorded/tsc-type.txt: failed 0/3/0/0 | dependency src/cart.ts:1 Cannot find module './tax.js' or its corresponding
    build recorded/npm-no-script.txt: broke - | not_found -:0 Missing script: "biuld"
    build recorded/tsc-syntax.txt: failed - | syntax src/cart.ts:1 ',' expected.
    formatCheck reports/prettier.txt: failed 0/1/0/0 | compile src/odd.js:0 it is not formatted
    test reports/pytest-junit.xml: failed 1/5/1/0 | dependency tests/test_gone.py:1 ModuleNotFoundError: No module named 'shop.stock'
    test recorded/pytest-no-file.txt: broke - | not_found -:0 file or directory not found: tests/absent.py
    lint reports/ruff.json: failed 0/5/0/0 | compile bad.py:1 `os` imported but unused
    typecheck recorded/mypy-type.txt: failed 0/3/0/0 | dependency bad.py:1 Cannot find implementation or library stub for mod
    typecheck reports/mypy-passed.txt: passed 0/0/0/0 | -
    formatCheck reports/ruff-format.txt: failed 0/1/0/0 | compile odd.py:1 it is not formatted
    test reports/go.jsonl: failed 1/4/1/0 | assertion main_test.go:10 got 5, want 6
    build recorded/go-compile.txt: failed - | compile main.go:5 imported and not used: "os"
    typecheck recorded/go-vet.txt: failed - | type main.go:12 fmt.Printf format %d has arg "x" of wrong type str
    formatCheck reports/gofmt.txt: failed 0/1/0/0 | compile sub/b.go:0 it is not formatted
    test reports/surefire.xml: failed 1/2/1/0 | assertion org/example/ShopTest.java:8 expected:<6> but was:<7>
    test recorded/mvn-compile.txt: failed - | type src/main/java/org/example/Shop.java:5 incompatible types: java.lang.String cannot be con
    test recorded/mvn-dependency.txt: broke - | dependency -:0 Failed to execute goal on project shop: Could not
    "#);
}
