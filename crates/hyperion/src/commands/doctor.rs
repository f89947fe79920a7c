//! `hyperion doctor`

use hyperion_api::doctor::{Finding, Health, Repair, Report};
use hyperion_store::OpenError;

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::output::FormatArgs;
use crate::output::visible::visible;
use crate::session::Session;
use crate::settings::{self, Loaded, SettingsErrors};
use crate::view;

/// What to do about a setting that is wrong.
const FIX_SETTING: &str = "correct it in the file or with `hyperion config set KEY VALUE`, or take it out with `hyperion config unset KEY`; until then commands that change something stop";

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
    /// Rebuild damaged rows from their events, which have to be intact; then look
    #[arg(long)]
    fix: bool,
    /// Also read every file of the home, and say where it holds a secret that it should not
    #[arg(long)]
    secrets: bool,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    if args.fix {
        mend(cx).await?;
    }
    let (loaded, wrong) = cx.usable_settings()?;
    let asked = cx
        .look(loaded.settings.clone(), async |session| {
            ask(session, args.secrets).await
        })
        .await;
    let mut report = match asked {
        Ok(report) => report,
        Err(error) => unopened(&error).ok_or(error)?,
    };
    report.findings.extend(of_settings(&loaded, wrong.as_ref()));
    cx.output.show(args.format.format, &report, |report| {
        view::doctor::report(report, cx.output.width())
    })?;
    let sick = report
        .findings
        .iter()
        .any(|finding| finding.health == Health::Error);
    Ok(if sick { Exit::Failed } else { Exit::Done })
}

/// Names each setting that is wrong, and each list that lost something.
fn of_settings(loaded: &Loaded, wrong: Option<&SettingsErrors>) -> Vec<Finding> {
    let finding = |health, detail: String, fix: &str| Finding {
        name: "settings".to_owned(),
        health,
        detail,
        fix: Some(fix.to_owned()),
    };
    let wrong = wrong.into_iter().flat_map(|wrong| &wrong.0);
    let wrong = wrong.map(|one| finding(Health::Error, one.to_string(), FIX_SETTING));
    let lost = loaded.lost();
    let lost = lost
        .iter()
        .map(|lost| finding(Health::Warning, lost.to_string(), settings::REMEDY));
    wrong.chain(lost).collect()
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
        cx.output.say("Nothing had to be rebuilt.");
    }
    for row in &repair.mended {
        cx.output.say(&format!("Rebuilt: {}", visible(row)));
    }
    for left in &repair.left {
        cx.output.say(&format!("Not rebuilt: {}", visible(left)));
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
            "no work is done while it is damaged: keep a copy of the home, then restore the latest backup".to_owned()
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
