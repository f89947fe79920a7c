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
    StoreGroupBegun "store.group.begun" "A transaction is open; nothing is in it."
    StoreGroupWritten "store.group.written" "Rows, events and the sealed head are in the transaction; it is not committed."
    StoreGroupCommitted "store.group.committed" "The group is durable; nobody was told: no follower, no caller."
    StoreGroupPublished "store.group.published" "The group is durable and followers were told; callers have no answer."

    OwnFolderDrafted "git.own.drafted" "Hyperion's own object folder is made under another name; it is not in its place."
    OwnFolderMade "git.own.made" "The own object folder is in its place; it does not know the user's objects yet."
    BasePinned "git.base.pinned" "A base is noted in the own folder; nothing that was made on it is filed."
    BaseUnpinned "git.base.unpinned" "A base was let go whose changes had ended."

    LandingPacked "git.landing.packed" "The intent is durable, and a pack of the candidate lies in our scratch folder; the user's repository is as it was."
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
    CheckoutReleased "git.checkout.released" "The work tree followed and is free; the landing is not recorded."
    LandingRefDeleted "git.landing.ref_deleted" "The landing ref is gone: after a recorded landing, or while one is taken back."
    AbandonReleased "git.abandon.released" "A landing is taken back: its work trees are free; its ref is still there."
    EntryLeaseTaken "engine.entry.lease_taken" "The lease of an entry is durable; the entry is still queued."
    EntryLeased "engine.entry.leased" "An entry is being merged, says the record; nothing is merged."
    EntryMerged "engine.entry.merged" "A candidate is in the own folder; no fact names it."
    EntryReleased "engine.entry.released" "An entry that was left half-way is back in the queue; its old lease may still be there."
    LandingIntended "engine.landing.intended" "Permits are minted; the intent is not committed."
    LandingDispatched "engine.landing.dispatched" "The intent is durable; git knows nothing of it."
    LandingMoved "engine.landing.moved" "Branch and work trees moved; the landing is not recorded."
    LandingRecorded "engine.landing.recorded" "The landing is recorded with all that follows from it; the landing ref is still there."
    LandingRefreshed "engine.landing.refreshed" "An intent is taken back, and the entry merges again on a moved branch."
    LandingBlocked "engine.landing.blocked" "An intent is taken back, because something in the repository is in the way."
    AbandonDone "git.abandon.done" "A landing is taken back in git; the intent is still in the record."
}

impl Point {
    /// The point with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|point| point.name() == name)
    }
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
