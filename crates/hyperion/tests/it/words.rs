//! What a person reads along the main road, whole.

use crate::world::{World, text};
use hyperion_testkit::{Finished, TempRepo, task, task_request};
use std::fmt::Write as _;

/// Takes out of a text what differs from run to run: ids, digests, times, durations, places.
fn calm(world: &World, said: &str) -> String {
    let said = said
        .replace(world.hyperion.user_home().to_str().unwrap(), "~")
        .replace(world.repo.path().to_str().unwrap(), "REPO");
    let mut calm = String::new();
    for line in said.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let mut at = 0;
        let mut line = Vec::new();
        while let Some(word) = words.get(at) {
            let unit = words.get(at + 1).map(|unit| unit.trim_matches([',', ';']));
            let lasts = matches!(unit, Some("ms" | "s")) && word.parse::<f64>().is_ok();
            line.push(if lasts {
                "DURATION".to_owned()
            } else {
                calm_word(word)
            });
            at += if lasts { 2 } else { 1 };
        }
        let line = line.join(" ");
        // The clock of progress stands to the right.
        let line = match line.trim_start().strip_prefix("DURATION  ") {
            Some(rest) => format!("  {rest}"),
            None => line,
        };
        calm.push_str(line.trim_end());
        calm.push('\n');
    }
    calm
}

fn calm_word(word: &str) -> String {
    let bare = word.trim_matches([',', '.', ':', ';', '(', ')', '`']);
    let is_id = bare.len() >= 8
        && bare.chars().any(|letter| letter.is_ascii_digit())
        && bare
            .trim_start_matches("sha256:")
            .chars()
            .all(|letter| letter.is_ascii_hexdigit() || letter == '-');
    let is_time = bare.len() == 8 && bare.matches(':').count() == 2;
    if is_time {
        word.replace(bare, "TIME")
    } else if is_id {
        word.replace(bare, "#")
    } else {
        word.to_owned()
    }
}

/// The command with all it wrote.
fn told(world: &World, rows: &mut String, ended: &Finished) {
    let said = calm(world, &format!("{}{}", ended.stderr, ended.stdout));
    writeln!(rows, "{said}[exit {}]\n", ended.exit().unwrap()).unwrap();
}

// W1, R10, C2, S3: designed once, and read whole here.
#[test]
fn the_road_in_words() {
    let world = World::up_with(
        TempRepo::with_files(&[
            (
                "hyperion.toml",
                "[checks]\ndelays = \"grep -q delay src/retry.rs\"\n",
            ),
            (
                "src/retry.rs",
                "fn delay(n: u32) -> u32 {\n    2_u32.pow(n)\n}\n",
            ),
        ]),
        &[],
    );
    let request = task_request("Clamp the retry delay")
        .class("bugfix")
        .description("Retries grow without bound.")
        .acceptance(&["delay never exceeds 30 s"])
        .task(task("T1", "cap the delay").owns(&["src/retry.rs"]).modify(
            "src/retry.rs",
            "fn delay(n: u32) -> u32 {\n    2_u32.pow(n)\n}\n",
            "fn delay(n: u32) -> u32 {\n    2_u32.pow(n).min(30)\n}\n",
        ));
    let file = request.write_to(world.hyperion.user_home());
    let mut rows = String::new();
    let mut run = |arguments: &[&str]| {
        let line: Vec<_> = arguments
            .iter()
            .map(|word| calm_word(&calm(&world, word).replace('\n', "")))
            .collect();
        writeln!(rows, "$ hyperion {}", line.join(" ")).unwrap();
        let ended = world.run(arguments);
        told(&world, &mut rows, &ended);
    };
    run(&["request", file.to_str().unwrap(), "--wait"]);
    let approval = text(&world.list(&["approval", "list"])[0]["id"]);
    run(&["approval", "show", &approval]);
    run(&[
        "approval",
        "approve",
        &approval,
        "--reason",
        "looks right",
        "--wait",
    ]);
    let done = world.list(&["request", "list"])[0].clone();
    let id = text(&done["id"]);
    let detail = world.request(&id);
    run(&["request", "show", &id]);
    run(&["changes", "show", &text(&detail["change_sets"][0]["id"])]);
    run(&["queue", "show", &text(&detail["entries"][0]["id"])]);
    run(&["rollback", &id, "--reason", "breaks the build", "--wait"]);
    run(&["request", "show", &id]);
    insta::assert_snapshot!(rows, @"
    $ hyperion request ~/request.json --wait
      filed       request #
      planned     request #
      running     step 1 with scripted
      proposed    T1: change #
      asks        T1 needs team-lead: hyperion approval show #
    Request # waits for approval #.
    hint: hyperion approval approve #
    Request #  Clamp the retry delay
      status       awaiting approval
      next         hyperion approval show #, then hyperion approval approve #
    [exit 75]

    $ hyperion approval show #
    hint: hyperion approval approve #, or reject, or request-changes
    Approval #  cap the delay
      id           #
      status       pending
      would        land on main of repo
      changes      1 file  +1 -1
      needs        team-lead (risk: low; team-lead, admin may decide)
      undo         hyperion rollback takes it back, by a commit of its own
      because      - auto-approval is switched off (`policy.auto_approve.enabled`): asks a team lead
      request      #
      change       #
      asked        # TIME
      expires      # TIME
      digest
        #

    diff --git a/src/retry.rs b/src/retry.rs
    --- a/src/retry.rs
    +++ b/src/retry.rs
    @@ -1,3 +1,3 @@
     fn delay(n: u32) -> u32 {
    -    2_u32.pow(n)
    +    2_u32.pow(n).min(30)
     }
    [exit 0]

    $ hyperion approval approve # --reason looks right --wait
    Approved: cap the delay (approval #)
      approved    T1 by ada
      queued      T1
      merged      T1 as #
      running     check delays
      checked     T1
      landed      T1 as #
      done        request #
    Request #  Clamp the retry delay
      outcome      completed in DURATION
      landed       ✓ T1 on main at #  +1 -1  src/retry.rs
      checks       ✓ delays passed in DURATION
      approved by  ada (team-lead), # TIME, approval #
      spent        0 tokens, $0.00
      roll back with: hyperion rollback #
    [exit 0]

    $ hyperion request show #
    Request #  Clamp the retry delay
      id           #
      status       completed
      lands on     main of repo
      work         bugfix, medium priority, agent scripted
      filed        # TIME by ada (cli)
      wanted       Retries grow without bound.
      accepted if  - delay never exceeds DURATION
      scope        - Retries grow without bound
      keywords     clamp, retry, delay, retries, grow, bound
      search for   clamp, retry, delay, retries
      plan         1 of 1 step ended
                   1. T1 cap the delay: completed, change #
      outcome      completed in DURATION
      landed       ✓ T1 on main at #  +1 -1  src/retry.rs
      checks       ✓ delays passed in DURATION
      approved by  ada (team-lead), # TIME, approval #
      spent        0 tokens, $0.00
      roll back with: hyperion rollback #
    [exit 0]

    $ hyperion changes show #
    Change #  cap the delay
      id           #
      status       landed
      task         T1 of request #
      made by      scripted on #
      lands on     main of repo
      proposed     # TIME
      landed as    #
      approval     #
      entry        #
      policy       asks team-lead (risk: low)
                   - auto-approval is switched off (`policy.auto_approve.enabled`): asks a team lead
      items        1 item  +1 -1
                   1. modify src/retry.rs  +1 -1  applied
                      1:1  @@ -1,3 +1,3 @@  accepted

    diff --git a/src/retry.rs b/src/retry.rs
    --- a/src/retry.rs
    +++ b/src/retry.rs
    @@ -1,3 +1,3 @@
     fn delay(n: u32) -> u32 {
    -    2_u32.pow(n)
    +    2_u32.pow(n).min(30)
     }
    [exit 0]

    $ hyperion queue show #
    Entry #  cap the delay
      id           #
      status       landed
      lands on     main of repo
      request      #
      changes      #
      priority     medium
      merged on    #
      landed as    #
      queued       # TIME
      ended        # TIME
      checks       delays: passed in DURATION (hyperion run logs #)
    [exit 0]

    $ hyperion rollback # --reason breaks the build --wait
      filed       request #
      planned     request #
      running     step 1 with scripted
      proposed    rollback: change #
      asks        rollback needs team-lead: hyperion approval show #
      approved    rollback by ada
      queued      rollback
      merged      rollback as #
      running     check delays
      checked     rollback
      landed      rollback as #
      done        request #
    Request #  Roll back: Clamp the retry delay
      outcome      completed in DURATION
      landed       ✓ rollback on main at #  +1 -1  src/retry.rs
      checks       ✓ delays passed in DURATION
      approved by  ada (team-lead), # TIME, approval #
      spent        0 tokens, $0.00
      roll back with: hyperion rollback #
    [exit 0]

    $ hyperion request show #
    Request #  Clamp the retry delay
      id           #
      status       rolled back
      lands on     main of repo
      work         bugfix, medium priority, agent scripted
      filed        # TIME by ada (cli)
      rolled back  by request #
      wanted       Retries grow without bound.
      accepted if  - delay never exceeds DURATION
      scope        - Retries grow without bound
      keywords     clamp, retry, delay, retries, grow, bound
      search for   clamp, retry, delay, retries
      plan         1 of 1 step ended
                   1. T1 cap the delay: completed, change #
      outcome      completed in DURATION
      landed       ✓ T1 on main at #  +1 -1  src/retry.rs
      checks       ✓ delays passed in DURATION
      approved by  ada (team-lead), # TIME, approval #
      spent        0 tokens, $0.00
    [exit 0]
    ");
}
