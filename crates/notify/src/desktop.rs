//! A notification on the desktop, by the program that every desktop of Linux has for it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use hyperion_host::{Exit, Launch, Limits, run};

use crate::message::{Kind, Message};

/// The program.
const PROGRAM: &str = "notify-send";
/// How long it may take: it waits for the desktop where that does not answer.
const LIMITS: Limits = Limits {
    wall: Duration::from_secs(5),
    output_max: 4096,
};
/// How many things a notification names; more do not fit.
const LINES_MAX: usize = 4;

/// A desktop that can be told something.
#[derive(Debug, Clone)]
pub struct Desktop {
    program: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

impl Desktop {
    /// Looks for the program in the `PATH` of an environment, which also says where the desktop is.
    pub fn find(environment: &[(OsString, OsString)]) -> Option<Self> {
        let path = environment.iter().find(|(name, _)| name == "PATH");
        let folders = std::env::split_paths(&path?.1);
        let program = folders
            .map(|folder| folder.join(PROGRAM))
            .find(|program| program.is_absolute() && program.is_file())?;
        Some(Self {
            program,
            environment: environment.to_vec(),
        })
    }

    /// Shows a message, or says why not.
    pub fn show(&self, message: &Message) -> Result<(), String> {
        let is_urgent = message
            .items
            .first()
            .is_some_and(|item| item.kind <= Kind::Expiring);
        let urgency = if is_urgent { "critical" } else { "normal" };
        let mut launch = Launch::new(&self.program, "/")
            .args(["--app-name=Hyperion", "--urgency", urgency, "--"])
            .arg(&message.title)
            .arg(body(message));
        launch.env.clone_from(&self.environment);
        let outcome = run(&launch, &LIMITS).map_err(|error| error.to_string())?;
        match outcome.exit {
            Exit::Code(0) => Ok(()),
            Exit::TimedOut => Err(format!("{PROGRAM} did not end: no desktop answers")),
            _ => Err(format!("{PROGRAM}: {}", outcome.stderr.text().trim())),
        }
    }
}

/// Words what stands below the title; a desktop may read markup in it.
fn body(message: &Message) -> String {
    let shown = message.items.iter().take(LINES_MAX);
    let mut lines: Vec<_> = match message.items.len() {
        0 | 1 => Vec::new(),
        _ => shown.map(|item| item.title.clone()).collect(),
    };
    let rest = message.items.len().saturating_sub(LINES_MAX) + message.more;
    if lines.len() == LINES_MAX && rest > 0 {
        lines.push(format!("and {rest} more"));
    }
    lines.push(message.command.clone());
    let text = lines.join("\n");
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::message::Item;

    #[test]
    fn the_program_is_given_title_and_body_and_its_complaint_is_passed_on() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(PROGRAM);
        let shown = folder.path().join("shown");
        let script = format!("#!/bin/sh\nprintf '%s|' \"$@\" > {}\n", shown.display());
        let install = |script: &str| {
            std::fs::write(&program, script).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        install(&script);
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let environment = [("PATH".into(), path.into())];
        let desktop = Desktop::find(&environment).unwrap();
        let item = Item {
            kind: Kind::NeedsMe,
            seq: 3,
            subject: "approval".to_owned(),
            id: "a".to_owned(),
            request_id: None,
            title: "<b>land</b> it".to_owned(),
            command: "hyperion approval show a".to_owned(),
        };
        let message = Message::new("m".to_owned(), String::new(), vec![item.clone(), item]);
        desktop.show(&message).unwrap();
        insta::assert_snapshot!(std::fs::read_to_string(shown).unwrap(), @"
        --app-name=Hyperion|--urgency|critical|--|2 wait for you|&lt;b&gt;land&lt;/b&gt; it
        &lt;b&gt;land&lt;/b&gt; it
        hyperion approval list|
        ");
        install("#!/bin/sh\necho 'no display' >&2; exit 1\n");
        assert_eq!(
            desktop.show(&message).unwrap_err(),
            "notify-send: no display"
        );
        assert!(Desktop::find(&[("PATH".into(), "/nowhere".into())]).is_none());
    }
}
