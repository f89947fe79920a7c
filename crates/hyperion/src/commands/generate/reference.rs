//! `docs/cli.md`, from the definition of the command line.

use clap::{Arg, Command};

use crate::cli::definition;
use crate::exit::MEANINGS;

/// Writes the reference.
pub(super) fn markdown() -> String {
    let mut root = definition();
    root.build();
    let mut text = String::from(
        "# Command line\n\n<!-- Written by `hyperion generate cli`; change the words in `crates/hyperion/src/commands/`. -->\n\n",
    );
    if let Some(about) = root.get_long_about().or(root.get_about()) {
        text.push_str(&format!("{about}\n\n"));
    }
    text.push_str("Data goes to standard output, talk to standard error. With `--format json` a command writes what the API\nanswers, with `--format jsonl` one value on each line. Ids can be shortened to their last six or more digits.\n\n");
    text.push_str("## Exit status\n\n| status | meaning |\n| --- | --- |\n");
    for (exit, meaning) in MEANINGS {
        text.push_str(&format!("| {} | {meaning} |\n", exit.code()));
    }
    text.push_str("\n## Options of every command\n\n");
    text.push_str(&options(
        root.get_arguments()
            .filter(|argument| argument.is_global_set()),
    ));
    for command in visible(&root) {
        section(
            command,
            &format!("hyperion {}", command.get_name()),
            2,
            &mut text,
        );
    }
    text
}

fn section(command: &Command, path: &str, level: usize, text: &mut String) {
    let about = command
        .get_long_about()
        .or(command.get_about())
        .map(ToString::to_string);
    text.push_str(&format!(
        "\n{} `{path}`\n\n{}\n",
        "#".repeat(level),
        about.unwrap_or_default().trim_end()
    ));
    let subcommands = visible(command).count() > 0;
    if !subcommands || command.get_after_help().is_some() {
        let usage = command.clone().render_usage().to_string();
        let usage = usage
            .trim_start_matches("Usage: ")
            .lines()
            .map(str::trim)
            .collect::<Vec<_>>()
            .join("\n");
        text.push_str(&format!("\n```text\n{usage}\n```\n"));
        let options = options(
            command
                .get_arguments()
                .filter(|argument| !argument.is_global_set()),
        );
        if !options.is_empty() {
            text.push_str(&format!("\n{options}"));
        }
    }
    if let Some(examples) = command.get_after_help().map(ToString::to_string) {
        let examples = examples.trim_start_matches("Examples:\n").lines();
        let lines: Vec<_> = examples
            .map(|line| format!("$ {}", line.trim_start()))
            .collect();
        text.push_str(&format!("\n```console\n{}\n```\n", lines.join("\n")));
    }
    for inner in visible(command) {
        section(
            inner,
            &format!("{path} {}", inner.get_name()),
            level + 1,
            text,
        );
    }
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
}

fn options<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let mut text = String::new();
    for argument in arguments {
        if matches!(argument.get_id().as_str(), "help" | "version") || argument.is_hide_set() {
            continue;
        }
        let values = argument
            .get_value_names()
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string);
        let values: Vec<_> = values.collect();
        let takes_value = argument.get_action().takes_values();
        let name = match (argument.get_long(), argument.get_short()) {
            (Some(long), short) => {
                let short = short.map(|short| format!("-{short}, ")).unwrap_or_default();
                let value = if takes_value {
                    format!(" {}", values.join(" "))
                } else {
                    String::new()
                };
                format!("{short}--{long}{value}")
            }
            (None, _) => values.join(" "),
        };
        let help = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let possible: Vec<_> = argument
            .get_possible_values()
            .iter()
            .map(|value| value.get_name().to_owned())
            .collect();
        let possible = if takes_value && !possible.is_empty() {
            format!(" ({})", possible.join(", "))
        } else {
            String::new()
        };
        let default: Vec<_> = argument
            .get_default_values()
            .iter()
            .map(|value| value.to_string_lossy())
            .collect();
        let default = if takes_value && !default.is_empty() {
            format!("; default {}", default.join(", "))
        } else {
            String::new()
        };
        text.push_str(&format!("- `{name}`: {help}{possible}{default}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_names_every_command_and_status() {
        let text = markdown();
        for line in [
            "## `hyperion request`",
            "### `hyperion approval approve`",
            "| 75 | it waits for a person |",
        ] {
            assert!(text.contains(line), "{line}");
        }
        assert!(!text.contains("hyperion generate\n"));
    }
}
