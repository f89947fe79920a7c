//! `hyperion mcp install`

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::jsonc;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::view;

/// The largest configuration that is edited.
const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What this program is called.
const NAME: &str = "hyperion";
/// Names the home.
const HOME_VARIABLE: &str = "HYPERION_HOME";

/// Make servers known to an agent, in the agent's own configuration
///
/// Shows what would change and asks; comments and whatever else is there stay. The project's file is edited where the agent has one; codex
/// has one for the person.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion mcp install claude-code
  hyperion mcp install claude-code --server git --server control
  hyperion mcp install vscode --root ../web --yes")]
pub(super) struct InstallArgs {
    /// The agent
    #[arg(value_enum, value_name = "AGENT")]
    agent: Agent,
    /// The folder that the agent works in
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// The server; may be given several times
    #[arg(
        long = "server",
        value_enum,
        value_name = "SERVER",
        default_value = "filesystem"
    )]
    servers: Vec<Server>,
    /// The server's name in the configuration, where only one is made known [default: hyperion-files, hyperion-git, hyperion-tests, hyperion-control]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Write it without asking
    #[arg(long)]
    yes: bool,
    /// Only show what would change
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

/// Agents whose configuration is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Agent {
    /// Claude Code: .mcp.json
    ClaudeCode,
    /// Codex: config.toml in CODEX_HOME, or in ~/.codex
    Codex,
    /// OpenCode: opencode.json
    Opencode,
    /// Gemini CLI: .gemini/settings.json
    Gemini,
    /// Cursor: .cursor/mcp.json
    Cursor,
    /// Visual Studio Code: .vscode/mcp.json
    Vscode,
}

/// Servers that an agent can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Server {
    /// The files of the folder
    Filesystem,
    /// Branches and commits in a clone of the folder's repository, and handing them in
    Git,
    /// The project's own tools in the folder: types, lint, tests, build, formatting
    TestRunner,
    /// Plan, queue and approvals of the folder's repository
    Control,
}

impl Server {
    /// Its name in a configuration, where nobody chose one.
    const fn known_as(self) -> &'static str {
        match self {
            Self::Filesystem => "hyperion-files",
            Self::Git => "hyperion-git",
            Self::TestRunner => "hyperion-tests",
            Self::Control => "hyperion-control",
        }
    }

    /// How it is started for a folder.
    const fn arguments(self, folder: &str) -> [&str; 4] {
        match self {
            Self::Filesystem => ["mcp", "filesystem", "--root", folder],
            Self::Git => ["mcp", "git", "--repo", folder],
            Self::TestRunner => ["mcp", "test-runner", "--root", folder],
            Self::Control => ["mcp", "control", "--repo", folder],
        }
    }
}

pub(super) async fn run(args: InstallArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let root = cx.current_dir().join(&args.root);
    let root = root
        .canonicalize()
        .with_context(|| format!("find the folder {}", root.display()))?;
    let name_of = |server: Server| args.name.as_deref().unwrap_or(server.known_as());
    if args.name.is_some() && args.servers.len() > 1 {
        let what = "one name was given for several servers";
        return Err(Failure::new(Exit::Usage, what)
            .hint("leave --name out, or make them known one by one")
            .into());
    }
    if let Some(name) = args.name.as_ref().filter(|name| !is_plain(name)) {
        let what = format!("{name:?} is no name for a server");
        return Err(Failure::new(Exit::Usage, what)
            .hint("use letters, digits, `-` and `_`")
            .into());
    }
    let path = config_path(cx, args.agent, &root)?;
    // Behind a link is the file that the person keeps: it stays one.
    let path = path.canonicalize().unwrap_or(path);
    let before = read(&path)?;
    let started = Started {
        program: text(&program(cx)?)?,
        home: home(cx)?.as_deref().map(text).transpose()?,
        root: text(&root)?,
    };
    let mut after = before.clone();
    for server in &args.servers {
        let edited = edit(args.agent, &after, name_of(*server), &started, *server);
        after = edited.map_err(|why| {
            Failure::new(
                Exit::Usage,
                format!("{} was left alone: {why}", path.display()),
            )
            .hint("mend it, or add the server by hand: docs/tools.md shows how")
        })?;
    }
    if after == before {
        cx.output
            .say(&format!("{} has it already.", path.display()));
        return Ok(Exit::Done);
    }
    let shown = path.display().to_string();
    let diff = similar::TextDiff::from_lines(&before, &after);
    let diff = diff.unified_diff().header(&shown, &shown).to_string();
    cx.output.say_as_it_is(&view::diff::whole(&diff));
    if args.dry_run {
        return Ok(Exit::Done);
    }
    if !args.yes {
        match cx.output.ask("Write it? [y]es / [n]o: ").await.as_deref() {
            Some("y" | "yes") => {}
            Some(_) => {
                cx.output.say("Nothing was written.");
                return Ok(Exit::Done);
            }
            None => {
                return Err(Failure::new(Exit::Usage, "there is nobody to ask")
                    .hint("say --yes to write what is shown")
                    .into());
            }
        }
    }
    write(&path, &before, &after)?;
    cx.output.say(&format!(
        "Wrote {shown}. The agent sees it when it starts again."
    ));
    Ok(Exit::Done)
}

/// How a server is started.
struct Started {
    program: String,
    /// The home that it is told, where it is not the one that it would find by itself.
    home: Option<String>,
    root: String,
}

fn text(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::usage(format!("the path {} is not UTF-8", path.display())))
}

/// Names this program: by its bare name where that is found on the `PATH`, which holds after an update and on another machine.
fn program(cx: &Cx) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find out where this program is")?;
    let path = cx.variables().get("PATH").unwrap_or_default();
    Ok(if is_found_as(NAME, &own, path) {
        NAME.into()
    } else {
        own
    })
}

/// Whether the first program of that name on a `PATH` is this very file.
fn is_found_as(name: &str, own: &Path, path: &OsStr) -> bool {
    let is_program = |file: &PathBuf| {
        fs::metadata(file)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let mut found = std::env::split_paths(path).map(|folder| folder.join(name));
    found
        .find(is_program)
        .is_some_and(|found| match (found.canonicalize(), own.canonicalize()) {
            (Ok(found), Ok(own)) => found == own,
            (_, _) => false,
        })
}

/// Gives the home, where `HYPERION_HOME` names another one than the default.
fn home(cx: &Cx) -> anyhow::Result<Option<PathBuf>> {
    if cx.variables().get("HYPERION_HOME").is_none() {
        return Ok(None);
    }
    let home = cx.locations()?.home;
    // Without HOME there is no default.
    let default = cx.default_locations().map(|locations| locations.home);
    Ok(Some(home).filter(|home| default.ok().as_ref() != Some(home)))
}

fn is_plain(name: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    !name.is_empty() && name.len() <= 64 && name.chars().all(fits)
}

fn config_path(cx: &Cx, agent: Agent, root: &Path) -> anyhow::Result<PathBuf> {
    Ok(match agent {
        Agent::ClaudeCode => root.join(".mcp.json"),
        Agent::Opencode => root.join("opencode.json"),
        Agent::Gemini => root.join(".gemini/settings.json"),
        Agent::Cursor => root.join(".cursor/mcp.json"),
        Agent::Vscode => root.join(".vscode/mcp.json"),
        Agent::Codex => {
            let folder = match cx.variables().get("CODEX_HOME") {
                Some(folder) => PathBuf::from(folder),
                None => {
                    let home = cx.variables().get("HOME").context("find HOME")?;
                    PathBuf::from(home).join(".codex")
                }
            };
            folder.join("config.toml")
        }
    })
}

fn read(path: &Path) -> anyhow::Result<String> {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        Ok(found) if found.len() > CONFIG_BYTES_MAX => {
            let what = format!("{} is too large to be a configuration", path.display());
            return Err(Failure::new(Exit::Usage, what).into());
        }
        Ok(_) => {}
    }
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

/// Writes the file whole, unless somebody wrote it while the person looked.
fn write(path: &Path, before: &str, after: &str) -> anyhow::Result<()> {
    if read(path)? != before {
        let what = format!("{} was changed meanwhile", path.display());
        return Err(Failure::new(Exit::Conflict, what)
            .hint("run it again")
            .into());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    let mode = fs::metadata(path).map_or(0o644, |found| found.permissions().mode() & 0o7777);
    hyperion_host::write_atomic(path, after.as_bytes(), mode)
        .with_context(|| format!("write {}", path.display()))
}

/// Gives the configuration with the server in it; all else has to mean what it meant.
fn edit(
    agent: Agent,
    before: &str,
    name: &str,
    started: &Started,
    server: Server,
) -> Result<String, String> {
    let Started {
        program,
        home,
        root,
    } = started;
    let args = server.arguments(root);
    let (outer, environment, mut server) = match agent {
        Agent::Codex => return edit_toml(before, name, program, &args, home.as_deref()),
        Agent::ClaudeCode | Agent::Gemini | Agent::Cursor => (
            "mcpServers",
            "env",
            json!({"command": program, "args": args}),
        ),
        Agent::Vscode => (
            "servers",
            "env",
            json!({"type": "stdio", "command": program, "args": args}),
        ),
        Agent::Opencode => {
            let command: Vec<&str> = std::iter::once(program.as_str()).chain(args).collect();
            (
                "mcp",
                "environment",
                json!({"type": "local", "command": command, "enabled": true}),
            )
        }
    };
    if let Some(home) = home {
        server[environment] = json!({HOME_VARIABLE: home});
    }
    let words = |error: jsonc::JsoncError| error.to_string();
    let mut wanted = jsonc::value(before).map_err(words)?;
    if wanted[outer].get(name) == Some(&server) {
        return Ok(before.to_owned());
    }
    let after = jsonc::set(before, outer, name, &server).map_err(words)?;
    if wanted[outer].is_null() {
        wanted[outer] = json!({});
    }
    wanted[outer][name] = server;
    same(&jsonc::value(&after).map_err(words)?, &wanted)?;
    Ok(after)
}

fn same(found: &Value, wanted: &Value) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    Err("it is written in a way that cannot be edited safely".to_owned())
}

fn edit_toml(
    before: &str,
    name: &str,
    program: &str,
    args: &[&str],
    home: Option<&str>,
) -> Result<String, String> {
    let mut document: toml_edit::DocumentMut = before
        .parse()
        .map_err(|error: toml_edit::TomlError| format!("it is not TOML: {}", error.message()))?;
    let servers = document.entry("mcp_servers").or_insert_with(|| {
        let mut table = toml_edit::Table::new();
        table.set_implicit(true);
        toml_edit::Item::Table(table)
    });
    let servers = servers
        .as_table_like_mut()
        .ok_or_else(|| "`mcp_servers` is not a table".to_owned())?;
    let has_it = servers.get(name).is_some_and(|server| {
        let found = server.get("args").and_then(toml_edit::Item::as_array);
        let found: Option<Vec<_>> =
            found.map(|array| array.iter().filter_map(|v| v.as_str()).collect());
        let found_home = server.get("env").and_then(|env| env.get(HOME_VARIABLE));
        server.get("command").and_then(toml_edit::Item::as_str) == Some(program)
            && found.as_deref() == Some(args)
            && found_home.and_then(toml_edit::Item::as_str) == home
    });
    if has_it {
        return Ok(before.to_owned());
    }
    let server = servers
        .entry(name)
        .or_insert_with(|| toml_edit::Item::Table(toml_edit::Table::new()));
    let server = server
        .as_table_like_mut()
        .ok_or_else(|| format!("`mcp_servers.{name}` is not a table"))?;
    server.insert("command", toml_edit::value(program));
    let list: toml_edit::Array = args.iter().copied().collect();
    server.insert("args", toml_edit::value(list));
    if home.is_some() || server.contains_key("env") {
        let environment = server
            .entry("env")
            .or_insert_with(|| toml_edit::value(toml_edit::InlineTable::new()))
            .as_table_like_mut()
            .ok_or_else(|| format!("`mcp_servers.{name}.env` is not a table"))?;
        match home {
            Some(home) => environment.insert(HOME_VARIABLE, toml_edit::value(home)),
            None => environment.remove(HOME_VARIABLE),
        };
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited_for(agent: Agent, before: &str, home: Option<&str>) -> String {
        let started = Started {
            program: "/bin/hyperion".into(),
            home: home.map(str::to_owned),
            root: "/srv/web".into(),
        };
        let edit = |before: &str| edit(agent, before, "files", &started, Server::Filesystem);
        let after = edit(before).unwrap();
        assert_eq!(edit(&after).unwrap(), after);
        after
    }

    fn edited(agent: Agent, before: &str) -> String {
        edited_for(agent, before, None)
    }

    // T5: an agent's server works in the home of whoever made it known.
    #[test]
    fn another_home_is_kept_in_each_agents_own_place() {
        for (agent, place) in [
            (Agent::Cursor, "/mcpServers/files/env/HYPERION_HOME"),
            (Agent::Vscode, "/servers/files/env/HYPERION_HOME"),
            (Agent::Opencode, "/mcp/files/environment/HYPERION_HOME"),
        ] {
            let written = edited_for(agent, "", Some("/h"));
            let value = jsonc::value(&written).unwrap();
            assert_eq!(value.pointer(place), Some(&json!("/h")), "{written}");
        }
        let codex = edited_for(Agent::Codex, "", Some("/h"));
        insta::assert_snapshot!(codex, @r#"
        [mcp_servers.files]
        command = "/bin/hyperion"
        args = ["mcp", "filesystem", "--root", "/srv/web"]
        env = { HYPERION_HOME = "/h" }
        "#);
        let moved = edited_for(Agent::Codex, &codex, Some("/other"));
        assert_eq!(moved, codex.replace("/h\"", "/other\""));
        assert!(!edited(Agent::Codex, &codex).contains("HYPERION_HOME"));
    }

    #[test]
    fn the_bare_name_is_written_where_it_is_this_very_program() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str, mode: u32| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            file
        };
        let own = place("own/hyperion", 0o755);
        place("other/hyperion", 0o755);
        place("text/hyperion", 0o644);
        fs::create_dir_all(folder.path().join("linked")).unwrap();
        std::os::unix::fs::symlink(&own, folder.path().join("linked/hyperion")).unwrap();
        let is_found = |folders: &[&str]| {
            let path = std::env::join_paths(folders.iter().map(|name| folder.path().join(name)));
            is_found_as(NAME, &own, &path.unwrap())
        };
        assert!(is_found(&["none", "text", "own", "other"]) && is_found(&["linked"]));
        assert!(!is_found(&["other", "own"]) && !is_found(&["text"]));
    }

    // T5: each agent's own shape; done twice it is done once.
    #[test]
    fn every_agent_gets_its_own_shape() {
        insta::assert_snapshot!(edited(Agent::ClaudeCode, ""), @r#"
        {
          "mcpServers": {
            "files": {
              "args": ["mcp", "filesystem", "--root", "/srv/web"],
              "command": "/bin/hyperion"
            }
          }
        }
        "#);
        insta::assert_snapshot!(edited(Agent::Opencode, "{}"), @r#"
        {
          "mcp": {
            "files": {
              "command": ["/bin/hyperion", "mcp", "filesystem", "--root", "/srv/web"],
              "enabled": true,
              "type": "local"
            }
          }
        }
        "#);
        let vscode = edited(Agent::Vscode, "{\n\t// mine\n\t\"servers\": {}\n}\n");
        assert!(
            vscode
                .starts_with("{\n\t// mine\n\t\"servers\": {\n\t\t\"files\": {\n\t\t\t\"args\": ["),
            "{vscode}"
        );
        assert!(
            vscode.ends_with("\t\t\t\"type\": \"stdio\"\n\t\t}\n\t}\n}\n"),
            "{vscode}"
        );
        insta::assert_snapshot!(edited(Agent::Codex, "# mine\nmodel = \"x\" # best\n\n[mcp_servers.other]\ncommand = \"y\"\n"), @r#"
        # mine
        model = "x" # best

        [mcp_servers.other]
        command = "y"

        [mcp_servers.files]
        command = "/bin/hyperion"
        args = ["mcp", "filesystem", "--root", "/srv/web"]
        "#);
        assert_eq!(edited(Agent::Gemini, ""), edited(Agent::Cursor, ""));
    }

    #[test]
    fn what_cannot_be_edited_is_left_alone_and_said() {
        let refused = |agent, before| {
            let started = Started {
                program: "/h".into(),
                home: None,
                root: "/r".into(),
            };
            edit(agent, before, "files", &started, Server::Filesystem).unwrap_err()
        };
        insta::assert_snapshot!(refused(Agent::Cursor, "{"), @"it is not JSON: Unterminated object on line 1 column 2");
        insta::assert_snapshot!(refused(Agent::Cursor, r#"{"mcpServers": []}"#), @r#""mcpServers" is not an object"#);
        insta::assert_snapshot!(refused(Agent::Codex, "mcp_servers = 1"), @"`mcp_servers` is not a table");
    }
}
