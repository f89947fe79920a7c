//! Maven and Gradle: the project's own wrapper before the machine's program; reports are those that Surefire and Gradle leave.

use hyperion_analyze::Format;

use super::Verb;
use super::plan::{self, Answer, Ask, Program, ReportAt, Step};
use super::seen::Seen;

pub(super) const MAVEN: &str = "maven";
pub(super) const GRADLE: &str = "gradle";

pub(super) fn maven_found_by(seen: &Seen) -> Vec<String> {
    seen.which(&["pom.xml"])
}

pub(super) fn gradle_found_by(seen: &Seen) -> Vec<String> {
    seen.which(&[
        "build.gradle",
        "build.gradle.kts",
        "settings.gradle",
        "settings.gradle.kts",
    ])
}

pub(super) fn maven(ask: &Ask<'_>) -> Answer {
    let program = if ask.seen.has("mvnw") {
        Program::Own("mvnw")
    } else {
        Program::Named("mvn")
    };
    let maven = |args: &[&str]| {
        plan::step(MAVEN, program, &["--batch-mode", "-Dstyle.color=never"])
            .args(args.iter().copied())
    };
    let has_plugin = |name: &str| ask.seen.text("pom.xml").contains(name);
    Ok(match ask.verb {
        Verb::Typecheck => maven(&["test-compile"]),
        Verb::Build => maven(&["package", "-DskipTests"]),
        Verb::Test => {
            let mut test = maven(&["--fail-at-end"]);
            if let Some(name) = ask.test_name()? {
                let name = name_of_java(name)?;
                // Modules without such a test are not at fault; Surefire calls it so from 3.0 on, and otherwise before.
                test = test.args([
                    format!("-Dtest={name}"),
                    "-DfailIfNoTests=false".to_owned(),
                    "-Dsurefire.failIfNoSpecifiedTests=false".to_owned(),
                ]);
            }
            test.args(["test"]).answers(
                Format::Junit,
                ReportAt::Project {
                    folder: "target/surefire-reports",
                    begins: "TEST-",
                },
            )
        }
        Verb::Lint if has_plugin("maven-checkstyle-plugin") => {
            maven(&["checkstyle:check"]).notes(ask.note_no_files("Checkstyle"))
        }
        Verb::Lint => return Err("pom.xml names no maven-checkstyle-plugin".to_owned()),
        Verb::FormatCheck if has_plugin("spotless-maven-plugin") => {
            maven(&["spotless:check"]).notes(ask.note_no_files("Spotless"))
        }
        Verb::FormatCheck => return Err("pom.xml names no spotless-maven-plugin".to_owned()),
    })
}

pub(super) fn gradle(ask: &Ask<'_>) -> Answer {
    let program = if ask.seen.has("gradlew") {
        Program::Own("gradlew")
    } else {
        Program::Named("gradle")
    };
    // A daemon would be ended with the call: it carries the call's mark.
    let gradle = |args: &[&str]| -> Step {
        plan::step(GRADLE, program, &["--console=plain", "--no-daemon"]).args(args.iter().copied())
    };
    let builds = ["build.gradle", "build.gradle.kts"].map(|name| ask.seen.text(name));
    let has_plugin = |name: &str| builds.iter().any(|text| text.contains(name));
    Ok(match ask.verb {
        Verb::Typecheck => gradle(&["testClasses"]),
        Verb::Build => gradle(&["assemble"]),
        Verb::Test => {
            let mut test = gradle(&["--continue", "test"]);
            if let Some(name) = ask.test_name()? {
                test = test.args(["--tests", name_of_java(name)?]);
            }
            test.answers(
                Format::Junit,
                ReportAt::Project {
                    folder: "build/test-results/test",
                    begins: "TEST-",
                },
            )
        }
        Verb::Lint => gradle(&["check", "-x", "test"]).notes(ask.note_no_files("Gradle")),
        Verb::FormatCheck if has_plugin("spotless") => {
            gradle(&["spotlessCheck"]).notes(ask.note_no_files("Spotless"))
        }
        Verb::FormatCheck => return Err("the build names no plugin `spotless`".to_owned()),
    })
}

/// Lets through what names classes and methods: Maven reads `${…}` in what it is given, and both have wrappers in shell.
fn name_of_java(name: &str) -> Result<&str, String> {
    let fits = |c: char| c.is_alphanumeric() || "_.*?#,+".contains(c);
    if name.chars().all(fits) {
        return Ok(name);
    }
    Err(format!(
        "the pattern {name:?} is no name of classes and methods, such as `ShopTest`, `org.example.*` or `ShopTest#addsUp`"
    ))
}
