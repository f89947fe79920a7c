//! `hyperion doctor`

use hyperion_api::doctor::{Finding, Health, Repair, Report};
use hyperion_store::OpenError;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::output::FormatArgs;
use crate::output::visible::visible;
use crate::session::Session;
use crate::settings;
use crate::view;

/// Check that all is well: store, key, git, repositories, disk
///
/// Exits 1 when something keeps work from going on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion doctor
  hyperion doctor --fix
  hyperion doctor --secrets
  hyperion doctor --format json")]
pub(crate) struct Args {
    /// Write rows that are damaged anew from their events, which have to be whole; then look
    #[arg(long)]
    fix: bool,
    /// Also read every file of the home, and say where a secret lies that may not be there
    #[arg(long)]
    secrets: bool,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    if args.fix {
        mend(cx).await?;
    }
    let mut report = match cx
        .with(Access::Read, async |session| {
            ask(session, args.secrets).await
        })
        .await
    {
        Ok(report) => report,
        Err(error) => unopened(&error).ok_or(error)?,
    };
    let lost = cx.settings()?.lost();
    let replaced = lost.iter().map(|lost| Finding {
        name: "settings".to_owned(),
        health: Health::Warning,
        detail: lost.to_string(),
        fix: Some(settings::REMEDY.to_owned()),
    });
    report.findings.extend(replaced);
    cx.output
        .show(args.format.format, &report, view::doctor::report)?;
    let sick = report
        .findings
        .iter()
        .any(|finding| finding.health == Health::Error);
    Ok(if sick { Exit::Failed } else { Exit::Done })
}

async fn ask(session: &Session<'_>, secrets: bool) -> anyhow::Result<Report> {
    let mut report: Report = session.client().get("/api/doctor").await?;
    if secrets {
        let more: Report = session.client().get("/api/doctor/secrets").await?;
        report.findings.extend(more.findings);
    }
    Ok(report)
}

async fn mend(cx: &Cx) -> anyhow::Result<()> {
    let repair: Repair = cx
        .with(Access::Change, async |session| {
            Ok(session.client().post("/api/doctor/fix", &()).await?)
        })
        .await?;
    if repair.mended.is_empty() && repair.left.is_empty() {
        cx.output.say("Nothing had to be written anew.");
    }
    for row in &repair.mended {
        cx.output.say(&format!("Written anew: {}", visible(row)));
    }
    for left in &repair.left {
        cx.output.say(&format!("Not mended: {}", visible(left)));
    }
    Ok(())
}

/// Says what is wrong with a database that cannot even be opened to be looked at.
fn unopened(error: &anyhow::Error) -> Option<Report> {
    let wrong = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<OpenError>())?;
    // Without what the hint of an error says: that the doctor knows more.
    let fix = match wrong {
        OpenError::Damaged { .. } => {
            "nothing is worked on until it is whole: keep a copy of the home, then restore the latest backup".to_owned()
        }
        other => other.hint(),
    };
    let causes = error.chain().map(ToString::to_string);
    let mut causes: Vec<String> = causes.collect();
    causes.dedup();
    Some(Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        findings: vec![Finding {
            name: "store".to_owned(),
            health: Health::Error,
            detail: format!("failed to {}", causes.join(": ")),
            fix: Some(fix),
        }],
    })
}
