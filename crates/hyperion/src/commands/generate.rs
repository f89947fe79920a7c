//! `hyperion generate`: the files in `docs/` that the program writes about itself.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;

use crate::context::Cx;
use crate::exit::Exit;
use crate::settings;

mod reference;

/// What can be written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// JSON Schemas of the wire types
    Schemas,
    /// The OpenAPI document
    Openapi,
    /// Who may make which call
    WhoMayCall,
    /// The tables of states
    States,
    /// The reference of the command line
    Cli,
    /// The reference of the settings
    Config,
    /// The points at which tests kill the program
    FailPoints,
}

/// Write generated documentation
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to write
    #[arg(value_enum)]
    kind: Kind,
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(crate) fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let folder = cx.current_dir().join(args.out);
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    match args.kind {
        Kind::Schemas => {
            for (name, schema) in hyperion_api::schemas::all() {
                let text = serde_json::to_string_pretty(&schema)?;
                write(&folder, &format!("{name}.json"), &format!("{text}\n"))?;
            }
        }
        Kind::Openapi => {
            let text = serde_json::to_string_pretty(hyperion_server::openapi())?;
            write(&folder, "openapi.json", &format!("{text}\n"))?;
        }
        Kind::WhoMayCall => write(&folder, "who-may-call.md", &hyperion_server::who_may_call())?,
        Kind::States => write(
            &folder,
            "states.md",
            &hyperion_model::states_doc::states_markdown(),
        )?,
        Kind::Cli => write(&folder, "cli.md", &reference::markdown())?,
        Kind::Config => write(&folder, "configuration.md", &settings::documentation())?,
        Kind::FailPoints => write(&folder, "fail-points.md", &hyperion_fault::table())?,
    }
    Ok(Exit::Done)
}

fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))
}
