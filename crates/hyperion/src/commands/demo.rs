//! `hyperion demo`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use hyperion_api::audit::Verification;
use hyperion_api::engine::Mode;
use hyperion_api::repo::{RegisterRepo, Repo};

use crate::connection::Access;
use crate::context::Cx;
use crate::exit::Exit;
use crate::output::style::{self, paint};
use crate::output::visible::visible;
use crate::session::Session;
use crate::time::duration;
use crate::view;

mod copy;
mod drive;
mod patch;
mod place;
mod report;
mod scenario;
mod scenarios;
mod story;

use copy::{CopiedRepo, Shell};
use drive::Drive;
use place::Place;
use report::Ended;
use scenario::{Act, Decided, Expected, judge};
use story::Story;

/// How many older commits the log shows below those of the demo.
const LOG_BEFORE: usize = 3;
/// The request that is taken back at the end, by the name of its file.
const TAKEN_BACK: &str = "report";

/// See the whole road on a copy of a repository
///
/// Copies the repository around the current folder (or makes a small one), files a dozen requests of every kind, and drives them through a
/// real engine: what lands, what does not, and why. One approval asks you; the others the demo decides as its home's owner. Everything is in
/// one new folder with a home of its own; nothing of yours is touched.
///
/// Exits 1 when anything does not end as it should.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion demo
  hyperion demo --repo ~/src/web --dir /tmp/hyperion-demo")]
pub(crate) struct Args {
    /// The repository to copy; the one around the current folder when absent
    #[arg(long, value_name = "PATH")]
    repo: Option<PathBuf>,
    /// The folder to make; a new one among the temporary files when absent
    #[arg(long, value_name = "PATH")]
    dir: Option<PathBuf>,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let began = Instant::now();
    let place = Place::make(args.dir.as_deref(), cx)?;
    let kept = format!(
        "What the demo made so far is in {0}; `rm -r {0}` removes it.",
        place.folder().display()
    );
    cx.keeps(&kept);
    let copy = match prepare(&place, args.repo.as_deref(), cx).await {
        Ok(copy) => copy,
        Err(error) => {
            // Nothing in it is worth a look.
            let _ = hyperion_host::remove_tree(place.folder());
            return Err(error);
        }
    };
    let inside = place.surroundings(cx);
    let session = Session::open(&inside, Access::Serve(Mode::Foreground)).await?;
    let shown = show(&session, &place, &copy, began).await;
    // The demo is the engine of its home itself, so that none outlives it.
    let left = session.serve_until(std::future::ready(())).await;
    let shown = shown.and_then(|shown| left.map(|()| shown));
    let (ended, verified) = shown.inspect_err(|_| cx.output.say(&kept))?;

    let output = &cx.output;
    output.data(&format!("\n{}", view::audit::verification(&verified)));
    let log = copy.log(LOG_BEFORE)?;
    let heading = paint(style::STRONG, &format!("{} of the copy", copy.branch));
    output.data(&format!("\n{heading}\n{}", indented(&log)));
    output.data(&format!("\n{}", report::next(&place, &ended, cx)));
    Ok(verdict(&ended, &verified, began, cx))
}

async fn prepare(place: &Place, repo: Option<&Path>, cx: &Cx) -> anyhow::Result<CopiedRepo> {
    place.require_home(cx)?;
    let shell = Shell::new(place, cx)?;
    let named = repo.map(|repo| cx.current_dir().join(repo));
    let around = cx.current_dir().to_path_buf();
    // Git may take a while, and Ctrl-C should not.
    let copying = tokio::task::spawn_blocking(move || copy::make(shell, named.as_deref(), &around));
    copying.await.context("copy the repository")?
}

/// Shows every act, takes one request back, and verifies the log.
async fn show(
    session: &Session<'_>,
    place: &Place,
    copy: &CopiedRepo,
    began: Instant,
) -> anyhow::Result<(Vec<Ended>, Verification)> {
    let output = Arc::clone(&session.cx().output);
    let register = RegisterRepo {
        path: copy.path.display().to_string(),
        name: Some("demo".to_owned()),
        branch: Some(copy.branch.clone()),
    };
    let repo: Repo = session.client().post("/api/repos", &register).await?;
    output.progress(&opening(place, copy, &repo));

    let mut drive = Drive::new(session, Story::new(began)).await?;
    let mut ended = Vec::new();
    for act in scenarios::acts() {
        output.progress(&heading(act.title, act.story));
        play(&mut drive, &act, place, copy, &mut ended).await?;
    }
    take_back(&mut drive, copy, &mut ended, session.cx()).await?;
    output.data(&format!(
        "\n{}\n{}\n{}\n{}",
        paint(style::STRONG, "What came of it"),
        report::table(&ended, output.width()),
        paint(style::STRONG, "Why the others did not land"),
        report::reasons(&ended)
    ));
    let verified = session.client().get("/api/audit/verify").await?;
    Ok((ended, verified))
}

/// Files the requests of an act, decides what they ask, and compares what came of them.
async fn play(
    drive: &mut Drive<'_>,
    act: &Act,
    place: &Place,
    copy: &CopiedRepo,
    ended: &mut Vec<Ended>,
) -> anyhow::Result<()> {
    drive.story.tell_every_station(act.every_station);
    let mut filed = Vec::new();
    for scenario in &act.scenarios {
        let number = ended.len() + filed.len() + 1;
        let request = (scenario.request)(copy)?;
        let text = format!("{request:#}\n");
        let file = format!("{number:02}-{}.json", scenario.name);
        place.write(&place.requests().join(file), &text)?;
        let requests = drive.file(&text).await?;
        let request = requests.into_iter().next();
        let request = request.context("file a request: the engine named none")?;
        drive.story.number(&request.id, number, &request.title);
        filed.push((number, scenario, request.id, None));
    }
    loop {
        drive.settle().await?;
        let mut went_on = false;
        for (_, scenario, id, decided) in &mut filed {
            for approval in drive.waiting(id).await? {
                if scenario.expected != Expected::AsDecided {
                    drive
                        .approve(&approval, "the demo decides as this home's owner")
                        .await?;
                    went_on = true;
                } else if decided.is_none() {
                    let said = drive.ask(&approval).await?;
                    went_on |= said != Decided::Later;
                    *decided = Some(said);
                }
            }
        }
        if !went_on {
            break;
        }
    }
    for (number, scenario, id, decided) in filed {
        let detail = drive.look(&id).await?;
        let deviation = judge(scenario.expected, decided, &detail).err();
        ended.push(Ended {
            number,
            detail,
            deviation,
        });
    }
    Ok(())
}

/// Takes a request back that landed in two steps.
async fn take_back(
    drive: &mut Drive<'_>,
    copy: &CopiedRepo,
    ended: &mut Vec<Ended>,
    cx: &Cx,
) -> anyhow::Result<()> {
    let names = scenarios::acts().into_iter().flat_map(|act| act.scenarios);
    let Some(at) = names.into_iter().position(|one| one.name == TAKEN_BACK) else {
        return Ok(());
    };
    let Some(target) = ended.get(at) else {
        return Ok(());
    };
    let (id, number) = (target.detail.request.id.clone(), target.number);
    cx.output.progress(&heading(
        "Taking something back",
        &format!("Request #{number} landed in two steps. One command takes both back,\nthrough the same queue and checks."),
    ));
    let request = drive.roll_back(&id).await?;
    let last = ended.len() + 1;
    drive.story.number(&request.id, last, &request.title);
    drive.settle().await?;
    let detail = drive.look(&request.id).await?;
    let there = ["report.sh", "tests/report_test.sh"]
        .into_iter()
        .find(|file| copy.has(&format!("{}/{file}", copy::PROJECT)));
    let deviation = match (detail.request.status.as_str(), there) {
        ("completed", None) => None,
        ("completed", Some(file)) => Some(format!("{file} is still there")),
        (status, _) => Some(format!("the rollback is {status}")),
    };
    ended.push(Ended {
        number: last,
        detail,
        deviation,
    });
    // It says now that it was taken back.
    let detail = drive.look(&id).await?;
    if detail.request.status != "rolled_back" {
        let deviation = format!("it is {} after its rollback", detail.request.status);
        ended[at].deviation.get_or_insert(deviation);
    }
    ended[at].detail = detail;
    Ok(())
}

/// Says whether all ended as it should.
fn verdict(ended: &[Ended], verified: &Verification, began: Instant, cx: &Cx) -> Exit {
    let mut wrong: Vec<_> = ended
        .iter()
        .filter_map(|one| {
            let deviation = one.deviation.as_ref()?;
            Some(format!("#{}: {}", one.number, visible(deviation)))
        })
        .collect();
    if !verified.ok {
        wrong.push("the audit log does not hold".to_owned());
    }
    let elapsed = duration(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    if wrong.is_empty() {
        cx.output.progress(&format!(
            "\n{} All {} requests ended as they should, in {elapsed}.",
            paint(style::GOOD, "✓"),
            ended.len()
        ));
        return Exit::Done;
    }
    let mark = paint(style::BAD, "✗");
    cx.output
        .say(&format!("\n{mark} Not all ended as it should ({elapsed}):"));
    for line in wrong {
        cx.output.say(&format!("  {line}"));
    }
    Exit::Failed
}

fn opening(place: &Place, copy: &CopiedRepo, repo: &Repo) -> String {
    let checks = repo
        .checks
        .iter()
        .flatten()
        .map(|check| check.name.as_str());
    let checks = checks.collect::<Vec<_>>().join(", ");
    let mut text = format!("{}\n", paint(style::STRONG, "Hyperion, on a copy"));
    for (label, value) in [
        ("copied", visible(&copy.origin).into_owned()),
        ("into", place.copy().display().to_string()),
        ("lands on", visible(&copy.branch).into_owned()),
        ("home", format!("{}, of its own", place.home().display())),
        ("checks", format!("{checks} (hyperion.toml of the copy)")),
        (
            "policy",
            "small fixes and text pass by themselves; everything else asks a person".to_owned(),
        ),
        (
            "road",
            "request → plan → run → change → approval → queue → landing".to_owned(),
        ),
    ] {
        text.push_str(&view::field(label, &value));
    }
    text
}

fn heading(title: &str, story: &str) -> String {
    let mut text = format!("\n{}", paint(style::STRONG, title));
    for line in story.lines() {
        text.push_str(&format!("\n{}", paint(style::FAINT, line)));
    }
    text
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("  {}\n", visible(line)));
    lines.collect()
}
