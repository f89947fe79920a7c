//! JUnit's XML: test cases, with a failure or an error inside.

use super::xml::{Event, Events};
use super::{Reader, Unreadable, malformed};

#[derive(Default)]
struct Case {
    name: String,
    class: String,
    file: Option<String>,
    skipped: bool,
    failed: Option<Failure>,
}

#[derive(Default)]
struct Failure {
    thrown: String,
    message: String,
    said: String,
}

pub(super) fn read(bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    let mut events = Events::new(text);
    let (mut case, mut inside, mut suites) = (None::<Case>, false, 0);
    let mut tool = "junit".to_owned();
    while let Some(event) = events.next()? {
        match event {
            Event::Start { name, attributes } => {
                let of = |key: &str| {
                    let found = attributes.iter().find(|(name, _)| *name == key);
                    found.map(|(_, value)| value.clone())
                };
                match name.as_str() {
                    "testsuites" | "testsuite" => {
                        suites += 1;
                        let says = of("name").unwrap_or_default();
                        let known = ["pytest", "vitest", "jest", "nextest"];
                        if let Some(runner) = known.iter().find(|runner| says.starts_with(**runner))
                        {
                            tool = (*runner).to_owned();
                        } else if attributes
                            .iter()
                            .any(|(_, value)| value.contains("surefire"))
                        {
                            tool = "surefire".to_owned();
                        }
                    }
                    "testcase" => {
                        case = Some(Case {
                            name: of("name").unwrap_or_default().trim().to_owned(),
                            class: of("classname").unwrap_or_default().trim().to_owned(),
                            file: of("file"),
                            ..Case::default()
                        });
                    }
                    "failure" | "error" => {
                        inside = true;
                        if let Some(case) = &mut case {
                            let failure = case.failed.get_or_insert_default();
                            if failure.message.is_empty() {
                                failure.message = of("message").unwrap_or_default();
                                failure.thrown = of("type").unwrap_or_default();
                            }
                        }
                    }
                    "skipped" => {
                        if let Some(case) = &mut case {
                            case.skipped = true;
                        }
                    }
                    _ => {}
                }
            }
            Event::Text(text) => {
                if let Some(failure) = case
                    .as_mut()
                    .filter(|_| inside)
                    .and_then(|case| case.failed.as_mut())
                {
                    failure.said.push_str(&text);
                }
            }
            Event::End { name } => match name.as_str() {
                "failure" | "error" => inside = false,
                "testcase" => {
                    if let Some(case) = case.take() {
                        end(case, &tool, reader);
                    }
                }
                _ => {}
            },
        }
    }
    if suites == 0 {
        return Err(malformed("there is no <testsuite>"));
    }
    Ok(())
}

fn end(case: Case, tool: &str, reader: &mut Reader<'_>) {
    let Some(failure) = case.failed else {
        if case.skipped {
            reader.report.skipped += 1;
        } else {
            reader.report.passed += 1;
        }
        return;
    };
    reader.report.failed += 1;
    // Class and name, unless one says the other again, as vitest and jest do.
    let name = if case.class.is_empty()
        || case.name.contains(&case.class)
        || case.class.contains(&case.name)
    {
        case.name
    } else {
        format!("{}.{}", case.class, case.name)
    };
    let first = failure
        .said
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let message = if failure.message.is_empty() {
        first
    } else {
        failure.message.lines().next().unwrap_or_default()
    };
    // pytest: what a fixture threw.
    let fixture = ["failed on setup with \"", "failed on teardown with \""];
    let message = fixture
        .iter()
        .find_map(|start| message.strip_prefix(start))
        .map_or(message, |inside| inside.trim_end_matches('"'));
    // `AssertionError: assert 3 == 4`: a name before the words.
    let (mut thrown, mut message) = (failure.thrown, message.to_owned());
    if let Some((name, rest)) = message.split_once(": ")
        && (name.ends_with("Error") || name.ends_with("Exception"))
        && !name.contains(' ')
    {
        thrown = name.to_owned();
        message = rest.to_owned();
    }
    let is_name = !thrown.is_empty() && !thrown.contains(' ');
    let thrown = is_name.then_some(thrown.as_str());
    // pytest names a file that cannot be collected by a class alone.
    if message == "collection failure" {
        let cause = failure
            .said
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("E  "));
        message = cause.map_or(message, |cause| cause.trim().to_owned());
    }
    let file = case.file.or_else(|| {
        let class = case.class;
        class.contains(['/', '\\']).then_some(class)
    });
    reader.test(
        tool,
        &name,
        thrown,
        &message,
        &failure.said,
        file.as_deref(),
    );
}
