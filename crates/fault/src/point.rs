use std::fmt::Write as _;

macro_rules! points {
    ($($variant:ident $name:literal $about:literal)*) => {
        /// A place in the program between two steps of its journal.
        ///
        /// To add one: a line in the table of this file, [`reached`](crate::reached) at the place, and its name in the list of
        /// the scenario that gets there (`crates/hyperion/tests/it/fail_points`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Point {
            $(#[doc = $about] $variant,)*
        }

        impl Point {
            /// Every point there is, in the order of the road.
            pub const ALL: &'static [Point] = &[$(Point::$variant,)*];

            /// Its name, dotted: the crate, the act, the moment.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Point::$variant => $name,)*
                }
            }

            /// What is durable before it, and what is not.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Point::$variant => $about,)*
                }
            }
        }
    };
}

// In the order of the road; each line says what is durable before the point, and what is not.
points! {
    MigrationCopied "store.migration.copied" "An old database is copied beside itself; the copy may not be durable."
    MigrationBackedUp "store.migration.backed_up" "The copy of an old database is durable; the database is as it was."
    MigrationStepMade "store.migration.step_made" "One numbered migration is in the transaction; it is not committed."
    MigrationWritten "store.migration.written" "All migrations and the new version are in the transaction; it is not committed."
    MigrationCommitted "store.migration.committed" "The database has the new schema; nothing was done with it."
    StoreKeySealed "store.key.sealed" "A new home's database knows a key that is nowhere else."
    StoreKeyDrafted "store.key.drafted" "The key is durable under a draft's name; it is not in its place."
    StoreKeyWritten "store.key.written" "The key is durable in its place; nothing was encrypted with it."
    StoreBlobFileMade "store.blob.file_made" "An empty file for a large blob; no row names it."
    StoreBlobFileWritten "store.blob.file_written" "A large blob's file has all of its bytes; they may not be durable, no row names it."
    StoreBlobFileDurable "store.blob.file_durable" "A large blob's file is durable; no row names it."
    StoreGroupBegun "store.group.begun" "A transaction is open; nothing is in it."
    StoreJobDone "store.group.job_done" "One job is in the transaction; it is not committed."
    StoreGroupWritten "store.group.written" "Rows, events and the sealed head are in the transaction; it is not committed."
    StoreGroupCommitted "store.group.committed" "The group is durable; nobody was told: no follower, no caller."
    StoreGroupPublished "store.group.published" "The group is durable and followers were told; callers have no answer."
    StoreLogCopying "store.log.copying" "All groups are durable in the write-ahead log; not all are in the database file."
    StoreLogCopied "store.log.copied" "The write-ahead log was copied into the database file, as far as readers allowed."

    OwnFolderDrafted "git.own.drafted" "Hyperion's own object folder is made under another name; it is not in its place."
    OwnFolderMade "git.own.made" "The own object folder is in its place; it may not know the user's objects yet."
    RepoRegistered "engine.repo.registered" "A repository is known; whoever asked has no answer."

    BasePinned "git.base.pinned" "A base is noted in the own folder; nothing that was made on it is filed."
    RequestPinned "engine.request.pinned" "The bases of all that is being filed are noted; nothing is filed."
    RequestFiled "engine.request.filed" "A request is filed; whoever filed it has no answer."
    RequestCalledOff "engine.request.called_off" "A request is called off; parts that came up meanwhile may be open."
    CloneLaidOut "engine.clone.laid_out" "The folders of an agent's clone are made; no note names them, so they are swept."
    CloneSwitchNoted "git.clone.switch_noted" "A clone's change of branches is noted; its files are as they were."
    CloneFilesMoved "git.clone.files_moved" "A clone's files are those of the other branch; `HEAD` names the one before."
    CloneCommitDurable "git.clone.commit_durable" "An agent's commit is durable in the own folder; no branch of the clone leads to it."
    CloneBranchMoved "git.clone.branch_moved" "A branch of a clone leads to an agent's commit; the agent has no answer."
    ToolHandingIn "engine.tool.handing_in" "That a branch is to be handed in is noted; nothing is filed."
    ToolHandedIn "engine.tool.handed_in" "A branch is handed in as a request; the agent has no answer."
    PlanMade "engine.plan.made" "A request has a plan; no step has begun."
    RunStarted "engine.run.started" "An agent's run has begun, says the record; the agent did nothing."
    ObjectDrafted "git.object.drafted" "An object is written under a draft's name; it may not be durable, and nothing has its id."
    ChangeMade "engine.change.made" "A change is made, in memory; what it builds on may not be durable, no fact names it."
    ChangeDurable "engine.change.durable" "What a change builds on is durable; no fact names it."
    ChangeProposed "engine.change.proposed" "A change set is proposed and its run is finished; it is not judged."
    ChangeKept "engine.change.kept" "A change set's tree is written to the own folder; it may not be durable, no fact names it."
    ChangeJudged "engine.change.judged" "A change set's tree is durable if it may land; the judgement is not recorded."
    ChangeAssessed "engine.change.assessed" "A change set is judged, and an approval asked for where one is needed."
    ApprovalDecided "engine.approval.decided" "A decision is recorded; whoever decided has no answer, and nothing follows from it yet."
    ApprovalCarriedOut "engine.approval.carried_out" "A change set is approved or rejected by what was decided; it is not queued."

    EntryAdmitted "engine.entry.admitted" "An entry is queued; nobody has it."
    EntryRetried "engine.entry.retried" "An entry is taken up again; whoever asked has no answer."
    EntryCancelled "engine.entry.cancelled" "An entry is called off; whoever asked has no answer."
    EntryLeaseTaken "engine.entry.lease_taken" "The lease of an entry is durable; the entry is still queued."
    EntryLeased "engine.entry.leased" "An entry is being merged, says the record; nothing is merged."
    EntryMerged "engine.entry.merged" "A candidate is durable in the own folder; no fact names it."
    EntryReleased "engine.entry.released" "An entry that was left half-way is back in the queue; its old lease may still be there."
    CheckRequested "engine.check.requested" "The run of a check is recorded; nothing runs."
    RunAdopted "engine.run.adopted" "A run that outlived its engine is watched again."
    LanePrepared "engine.check.lane_prepared" "The candidate's files lie in the lane; the check does not run."
    CheckStarted "engine.check.started" "The check's shim runs; the engine does not watch it yet."
    CheckSpawned "engine.check.spawned" "The check's process runs; the record does not know which it is."
    CheckBegun "engine.check.begun" "The check's process runs, and the record knows it."
    CheckEnded "engine.check.ended" "The check's process has ended; how is not recorded."
    CheckRecorded "engine.check.recorded" "How the check ended is recorded; the queue has not looked."
    CheckKilled "engine.check.killed" "What was left of a check whose shim died is ended; the run is not called lost."
    CheckLost "engine.check.lost" "A check whose shim died is called lost; no other is begun."

    LandingIntended "engine.landing.intended" "Permits are minted; the intent is not committed."
    LandingDispatched "engine.landing.dispatched" "The intent is durable; git knows nothing of it."
    LandingPacked "git.landing.packed" "A pack of the candidate lies in our scratch folder; the user's repository is as it was."
    LandingIndexed "git.landing.indexed" "The pack is in the user's repository; its name may not be durable."
    LandingDurable "git.landing.durable" "All objects are durable in the user's repository; nothing names them but a `.keep`."
    LandingRefMade "git.landing.ref_made" "The landing ref names the candidate; that may not be durable."
    LandingRefDurable "git.landing.ref_durable" "The landing ref is durable; the `.keep` of the pack is still there."
    CheckoutNoted "git.checkout.noted" "The note for the index lock is durable under a draft's name; the work tree is not locked."
    CheckoutLocked "git.checkout.locked" "The work tree's index is locked by our note; nobody has looked whether it is clean."
    CheckoutHeld "git.checkout.held" "The work tree is locked and clean; the branch is where it was."
    BranchSwapped "git.branch.swapped" "The branch is at the candidate; that may not be durable, and no work tree followed."
    BranchDurable "git.branch.durable" "The branch is durably at the candidate; work trees are behind, and locked."
    CheckoutFilesMoved "git.checkout.files_moved" "The files are the candidate's; the index is the old one, the new one lies beside it."
    CheckoutIndexReplaced "git.checkout.index_replaced" "Files and index are the candidate's; the lock is still there."
    CheckoutLeftNoted "git.checkout.left_noted" "A work tree was edited while its branch moved, and a note beside its index says so; it is locked, and `HEAD` names the branch."
    CheckoutLeftBehind "git.checkout.left_behind" "A work tree that was edited while its branch moved is detached where its files are from; it is locked."
    CheckoutReleased "git.checkout.released" "The work tree followed and is free; the landing is not recorded."
    LandingMoved "engine.landing.moved" "Branch and work trees moved; the landing is not recorded."
    LandingRecorded "engine.landing.recorded" "The landing is recorded with all that follows from it; the landing ref is still there."
    LandingRefDeleted "git.landing.ref_deleted" "The landing ref is gone: after a recorded landing, or while one is taken back."
    AbandonReleased "git.abandon.released" "A landing is taken back: its work trees are free; its ref is still there."
    AbandonDone "git.abandon.done" "A landing is taken back in git; the intent is still in the record."
    LandingRefreshed "engine.landing.refreshed" "An intent is taken back, and the entry merges again on a moved branch."
    LandingBlocked "engine.landing.blocked" "An intent is taken back, because something in the repository is in the way."

    RemoteFetched "engine.remote.fetched" "A remote said where its branch is, and what is new there was fetched; nothing follows from it yet."
    RemotePushed "engine.remote.pushed" "A remote took a commit; the record does not say so."
    RemoteNoted "engine.remote.noted" "The record says that a commit was pushed."
    PullIntended "engine.pull.intended" "The intent to bring in what others pushed is durable; the branch is where it was."
    PullMoved "engine.pull.moved" "The branch has what others pushed, and work trees followed; the record does not say so."
    PullNoted "engine.pull.noted" "The record says that the branch has what others pushed."

    PlanSettled "engine.plan.settled" "Steps, or the plan, are settled by what came of them; the request is not."
    RequestFinished "engine.request.finished" "A request has ended, with its summary."
    RollbackFiled "engine.rollback.filed" "The request that takes another one back is filed; whoever asked has no answer."

    ToolNoted "engine.tool.noted" "A tool's change of a file is noted durably; the file is as it was."
    FileDrafted "host.file.drafted" "The new content is durable beside the file; the file is as it was."
    FileExchanged "host.file.exchanged" "The new content is in its place; the old one is beside it, and nobody has looked whether it is the expected one."
    FileAside "host.file.aside" "A file that is to be removed has another name; nobody has looked whether it is the expected one."
    FilePlaced "host.file.placed" "The new content is in its place; the old one may still be beside it."
    ToolMade "engine.tool.made" "A tool's change is made; its record still says that it is intended."
    LeftoverRemoved "host.file.leftover_removed" "What a dead tool call left beside a file is gone; its record still says that it is intended."

    PurgeContentReleased "store.purge.content_released" "Some requests have let go of their content; it is marked, and still there."
    PurgeMarked "engine.purge.marked" "Content past its time is marked; nothing is purged."
    StorePurgeRowsGone "store.purge.rows_gone" "Rows of purged content are gone or empty; files of large ones are still there."
    StorePurgeFileGone "store.purge.file_gone" "One file of purged content is gone; others may be there."
    PurgeLogRemoved "engine.purge.log_removed" "One folder of a run's output is gone; others may be there."
    BaseUnpinned "git.base.unpinned" "A base was let go that nothing needs any more."
    PurgeDone "engine.purge.done" "Everything past its time is gone; that it was looked at is not recorded."

    ShimRecorded "shim.record.written" "A run has an owner, its shim; nothing was started."
    ShimStarted "shim.program.started" "A run's program was started; nobody was told."
    ShimEnding "shim.end.reached" "A run's program has ended, and nothing of it is left; how it ended is not recorded."

    ArchiveUnitsMoved "archive.units.moved" "Some requests are in the archive in the transaction; it is not committed."
    ArchiveUnitsCommitted "archive.units.committed" "Some requests are in the archive for good; the rest is where it was."
    ArchiveUnitBroughtBack "archive.unit.brought_back" "A request is out of the archive in the transaction of the command that needs it; it is not committed."

    BackupDatabaseCopied "backup.database.copied" "The database is copied under a name that begins with a dot; nothing else is (`hyperion backup`, and a base that is shipped)."
    BackupBlobsCopied "backup.blobs.copied" "Database and blobs are copied; nothing is synced."
    BackupObjectsCopied "backup.objects.copied" "Everything is copied; nothing is checked or synced."
    BackupFilesSynced "backup.files.synced" "Everything is durable; there is no manifest, and the folder's name begins with a dot."
    BackupManifestWritten "backup.manifest.written" "The backup is whole and durable; it has no name yet."
    BackupNamed "backup.folder.named" "The backup has its name; nobody was told."
    ShipBaseTaken "ship.base.taken" "A new base is whole; the store does not know that it is this home's (`hyperion up` with `backup.ship_to`)."
    ShipFilesCopied "ship.files.copied" "Files that a segment needs are durable; the segment is not there."
    ShipSegmentWritten "ship.segment.written" "A segment is durable under another name."
    ShipSegmentNamed "ship.segment.named" "A segment is durable under its name; the store does not know."
    ShipNoted "ship.state.noted" "The store knows what was shipped."
    RestoreCopied "restore.files.copied" "The files of a backup are copied into a folder beside the home (`hyperion restore`)."
    RestoreReplayed "restore.events.replayed" "Events of segments are in the copied database; rows do not follow them yet."
    RestoreChecked "restore.home.checked" "The new home is whole and durable, beside the old one."
    RestoreNamed "restore.home.named" "The new home has the name under which the old one will be kept (`hyperion restore --replace`)."
    RestoreExchanged "restore.home.exchanged" "The new home has its name, and so has the old one that is kept aside; neither name is durable."
    RestorePlaced "restore.home.placed" "The new home has its name, the old one is kept aside; nobody was told."
}

impl Point {
    /// The point with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|point| point.name() == name)
    }
}

/// Writes all points as the Markdown page in `docs/`.
pub fn table() -> String {
    let mut page = String::from(
        "# Fail points\n\n\
         Generated by `cargo xtask generate`; what they are for is in [crash testing](crash-testing.md). The program is killed \
         at each of them, in the order of the road.\n\n\
         | point | what is there |\n| --- | --- |\n",
    );
    for point in Point::ALL {
        let _ = writeln!(page, "| `{}` | {} |", point.name(), point.about());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_point_is_found_by_its_own_name() {
        for (place, point) in Point::ALL.iter().enumerate() {
            assert_eq!(*point as usize, place);
            assert_eq!(Point::from_name(point.name()), Some(*point));
        }
        let names: BTreeSet<_> = Point::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
    }

    #[test]
    fn names_are_dotted_and_in_small_letters() {
        for point in Point::ALL {
            let name = point.name();
            let is_plain = |part: &str| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            };
            assert!(
                name.split('.').count() >= 3 && name.split('.').all(is_plain),
                "{name}"
            );
            assert!(point.about().ends_with('.'), "{name}");
        }
    }

    #[test]
    fn no_name_is_none() {
        assert_eq!(Point::from_name("store.group"), None);
    }
}
