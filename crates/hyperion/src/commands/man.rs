//! `hyperion man`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap_mangen::Man;

use crate::cli::definition;
use crate::context::Cx;
use crate::exit::Exit;

/// Write the manual page, or all manual pages into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion man | man -l -
  hyperion man --out ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// The folder for one page a command
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.out {
        None => {
            let mut page = Vec::new();
            Man::new(definition()).render(&mut page)?;
            cx.output.data(&String::from_utf8(page)?);
        }
        Some(folder) => write_all(&cx.current_dir().join(folder))?,
    }
    Ok(Exit::Done)
}

fn write_all(folder: &Path) -> anyhow::Result<()> {
    let writing = || format!("write manual pages to {}", folder.display());
    std::fs::create_dir_all(folder).with_context(writing)?;
    clap_mangen::generate_to(definition(), folder).with_context(writing)
}

#[cfg(test)]
mod tests {
    use super::*;

    // W1
    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        write_all(folder.path()).unwrap();
        for page in [
            "hyperion.1",
            "hyperion-approval-approve.1",
            "hyperion-request.1",
        ] {
            assert!(folder.path().join(page).exists(), "{page}");
        }
    }
}
