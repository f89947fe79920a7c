//! Bases: kept for as long as a change made on them can still land, and copied when history is rewritten.

use std::collections::BTreeSet;
use std::time::Duration;

use hyperion_git::Oid;
use hyperion_model::entry::Entry;
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::{RepoId, Time};
use hyperion_store::Filter;

use super::dead_letters;
use crate::{Cx, Error, tool};

/// A request that was filed earlier than this, and is closed, is not retried any more.
const RETRIED_WITHIN: Duration = Duration::from_secs(30 * 86_400);
/// How many repositories are looked at in one look.
const MAX_REPOS: u32 = 500;

/// Copies bases that the user's history no longer holds, and lets go of those nobody needs.
pub(super) fn look_after(cx: &Cx) {
    let repos = match cx.store.list::<Repo>(&Filter::open().limit(MAX_REPOS)) {
        Ok(page) => page.rows,
        Err(error) => {
            tracing::warn!(%error, "could not look after the bases of changes");
            return;
        }
    };
    for repo in repos {
        // A repository that is gone must not keep the others from being looked after.
        if let Err(error) = look_after_one(cx, repo.id) {
            tracing::warn!(repo = %repo.name, %error, "could not look after its bases");
        }
    }
}

fn look_after_one(cx: &Cx, id: RepoId) -> Result<(), Error> {
    let opened = cx.repos.open(cx, id)?;
    let swept = opened
        .git
        .sweep_temporary((cx.now() - super::ORPHANED_AFTER).into())?;
    if swept > 0 {
        tracing::info!(repo = %opened.repo.name, files = swept, "removed what git processes that died were writing");
    }
    let pinned = opened.git.bases()?;
    let needed = needed(cx, id)?;
    for base in pinned.iter().filter(|base| !needed.contains(base.as_str())) {
        opened.git.unpin_base(base)?;
    }
    // Filing pins a base beside its commit; whichever of the two a crash kept, this makes them agree.
    for base in needed
        .iter()
        .filter(|base| !pinned.iter().any(|pin| pin.as_str() == base.as_str()))
    {
        let base = Oid::parse(base).map_err(|error| Error::Missing(error.to_string()))?;
        if opened.git.exists(&base)? {
            opened.git.pin_base(&base)?;
        }
    }
    let secured = opened.git.secure_bases()?;
    if !secured.is_empty() {
        tracing::info!(repo = %opened.repo.name, bases = secured.len(), "copied bases of rewritten history");
    }
    Ok(())
}

/// Collects the bases of requests that are open, or closed but may be retried: young ones, and those of dead letters; and
/// those of agents' clones.
fn needed(cx: &Cx, repo: RepoId) -> Result<BTreeSet<String>, Error> {
    let mut needed: BTreeSet<String> = tool::clone_bases(cx, repo)?.into_iter().collect();
    for request in cx
        .store
        .open_rows::<Request>(&Filter::open().repo(repo))?
        .rows
    {
        needed.insert(request.submission.base.as_str().to_owned());
    }
    // A dead letter waits for a person for as long as it says.
    let mut letters = Filter::default().repo(repo).limit(1000);
    letters.open = Some(false);
    for status in dead_letters::STATES {
        letters = letters.status(status.name());
    }
    loop {
        let page = cx.store.list::<Entry>(&letters)?;
        for entry in &page.rows {
            let request = cx.store.get::<Request>(entry.admission.request)?;
            needed.extend(request.map(|request| request.submission.base.as_str().to_owned()));
        }
        match page.next {
            Some(next) => letters = letters.after(next),
            None => break,
        }
    }
    let since: Time = cx.now() - RETRIED_WITHIN;
    let mut filter = Filter {
        since: Some(since),
        ..Filter::default()
    }
    .repo(repo)
    .limit(1000);
    loop {
        let page = cx.store.list::<Request>(&filter)?;
        for request in &page.rows {
            needed.insert(request.submission.base.as_str().to_owned());
        }
        match page.next {
            Some(next) => filter = filter.after(next),
            None => return Ok(needed),
        }
    }
}

#[cfg(test)]
mod tests {
    use hyperion_testkit::{task, task_request};

    use super::*;
    use crate::testing::World;

    // C8 (git side): what a change was made on is kept while it may land, and no longer.
    #[test]
    fn a_base_is_let_go_when_nobody_can_need_it_any_more() {
        let mut world = World::new(&[("a.txt", "one\n")]);
        world.file(
            &task_request("Say two")
                .class("bugfix")
                .task(task("T1", "two").replace("a.txt", "two\n")),
        );
        world.settle();
        world.approve_all();
        world.settle();
        let repo = world.cx.store.list::<Repo>(&Filter::open()).unwrap().rows[0].id;
        let git = world.cx.repos.open(&world.cx, repo).unwrap().git;
        let base = git.bases().unwrap();
        git.unpin_base(&base[0]).unwrap();
        look_after(&world.cx);
        assert_eq!(
            git.bases().unwrap(),
            base,
            "what a crash kept from being pinned is pinned; it may be retried"
        );
        world.clock.advance(RETRIED_WITHIN + Duration::from_secs(1));
        look_after(&world.cx);
        assert_eq!(git.bases().unwrap(), []);
    }
}
