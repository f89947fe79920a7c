//! Ships, damages, restores: with a clock that stands still and engines that die between two steps.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyperion_backup::{
    BLOBS, DATABASE, Depth, Error, MANIFEST, Manifest, Point, REPOS, RestoreOptions, Restored,
    SEGMENTS, SHIP_STATE, Segment, Shipped, Shipping, TakeOptions, candidates, list, restore,
    segments, ship_once, take,
};
use hyperion_host::Locations;
use hyperion_model::approval::Approval;
use hyperion_store::{Filter, KeySource, Mode, NoRedaction, Store, StoreConfig};
use hyperion_testkit::{RequestFile, task, task_request};

use crate::testing::World;

/// A home that ships, and the folder it ships to.
struct Shop {
    world: World,
    folder: tempfile::TempDir,
    shipping: Shipping,
}

fn makes(name: &str) -> RequestFile {
    // Beyond what is kept inside the database, so that there is a file to ship.
    let content: String = (0..5000).map(|line| format!("{name} {line}\n")).collect();
    task_request(&format!("Make {name}"))
        .class("feature")
        .task(task("T1", &format!("make {name}")).create(&format!("{name}.txt"), &content))
}

impl Shop {
    fn new() -> Self {
        let mut shop = Self {
            world: World::new(&[("a.txt", "one\n")]),
            folder: tempfile::tempdir().unwrap(),
            shipping: Shipping::default(),
        };
        shop.set();
        shop
    }

    fn set(&mut self) {
        let backup = crate::Backup {
            ship_to: Some(self.shipped()),
            ship_every: Duration::from_secs(10),
            keep: Duration::from_secs(7 * 86_400),
        };
        Arc::get_mut(&mut self.world.cx).unwrap().settings.backup = backup;
    }

    /// The engine dies, and another one comes.
    fn restart(&mut self) {
        self.world.restart();
        self.shipping = Shipping::default();
        self.set();
    }

    fn shipped(&self) -> PathBuf {
        self.folder.path().join("shipped")
    }

    fn ship(&mut self) -> Shipped {
        ship_once(self.world.cx.as_ref(), &mut self.shipping).unwrap()
    }

    fn last_seq(&self) -> u64 {
        self.world.cx.store.last_seq().unwrap()
    }

    /// Files a request and lets it wait for its approval.
    fn ask(&mut self, name: &str) {
        self.world.file(&makes(name));
        self.world.settle();
        self.world.clock.advance(Duration::from_secs(1));
    }

    fn land_all(&mut self) {
        self.world.approve_all();
        self.world.settle();
        self.world.clock.advance(Duration::from_secs(1));
    }

    fn base(&self) -> PathBuf {
        let mut bases = candidates(&self.shipped()).unwrap();
        bases.sort();
        bases.pop().unwrap()
    }

    fn home(&self, name: &str) -> Locations {
        let at = |part: &str| self.folder.path().join(part).join(name);
        Locations {
            home: at("homes"),
            cache: at("caches"),
            runtime: at("runtimes"),
        }
    }

    fn restore(&self, from: &Path, to: &Locations, point: Point) -> Result<Restored, Error> {
        self.restore_with(from, to, point, |_| {})
    }

    fn restore_with(
        &self,
        from: &Path,
        to: &Locations,
        point: Point,
        change: impl FnOnce(&mut RestoreOptions<'_>),
    ) -> Result<Restored, Error> {
        let key = self.world.cx.home.key();
        let mut options = RestoreOptions {
            from,
            locations: to,
            point,
            replace: false,
            key: Some(&key),
            key_stays: false,
            without_key: false,
            now: self.world.cx.now(),
        };
        change(&mut options);
        restore(&options, &mut |_| {})
    }
}

fn open(home: &Path) -> Store {
    Store::open(&StoreConfig {
        database: home.join(DATABASE),
        blobs: home.join(BLOBS),
        key: KeySource::File {
            path: home.join("key"),
        },
        mode: Mode::ReadOnly,
        redact: Arc::new(NoRedaction),
        now: hyperion_model::Time::UNIX_EPOCH,
    })
    .unwrap()
}

fn refusal(result: Result<Restored, Error>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Problem(_)), "{error:?}");
    error.to_string()
}

// O9: whatever was shipped can be restored to any batch; events keep their exact texts, rows are those that
// follow from them, content and open questions are there.
#[test]
fn what_was_shipped_is_restored_to_any_point_and_no_batch_is_cut_in_two() {
    let mut shop = Shop::new();
    shop.ask("first");
    let base = shop.ship();
    assert!(base.base);
    assert_eq!(base.seq, shop.last_seq());
    let begin = base.seq;
    shop.land_all();
    assert_eq!(shop.ship().seq, shop.last_seq());
    shop.ask("second");
    shop.ask("third");
    assert_eq!(shop.ship().seq, shop.last_seq());
    shop.land_all();
    let shipped = shop.ship();
    assert_eq!((shipped.seq, shipped.base), (shop.last_seq(), false));
    let end = shipped.seq;
    let texts: Vec<String> = (1..=end)
        .map(|seq| shop.world.cx.store.event_text(seq).unwrap().unwrap())
        .collect();

    let mut points: Vec<u64> = (begin..=end).step_by(7).collect();
    points.push(end);
    let mut ends = BTreeSet::new();
    for point in points {
        let home = shop.home(&point.to_string());
        let restored = shop
            .restore(&shop.shipped(), &home, Point::Seq(point))
            .unwrap();
        assert!(restored.seq <= point);
        assert_eq!(restored.left_out, end - restored.seq);
        ends.insert(restored.seq);
        let store = open(&home.home);
        assert_eq!(store.last_seq().unwrap(), restored.seq);
        let found = store.verify().unwrap();
        assert!(found.is_sound(), "{point}: {found:?}");
        assert!(store.check_structure().unwrap().is_sound());
        for seq in 1..=restored.seq {
            let text = store.event_text(seq).unwrap().unwrap();
            assert_eq!(text, texts[usize::try_from(seq).unwrap() - 1]);
        }
        // All of a batch has one stamp: the event behind the cut has another, or comes from another commit.
        if let Some(next) = texts.get(usize::try_from(restored.seq).unwrap()) {
            let stamp = |text: &str| {
                hyperion_model::StoredEvent::parse(text)
                    .unwrap()
                    .event
                    .stamp
            };
            let last = &texts[usize::try_from(restored.seq).unwrap() - 1];
            assert_ne!(
                stamp(next),
                stamp(last),
                "{point} is cut at {}",
                restored.seq
            );
        }
        assert_eq!(store.leases().unwrap(), [], "nobody works there yet");
    }
    assert!(
        ends.len() > 5 && ends.contains(&end) && ends.contains(&begin),
        "{ends:?}"
    );

    // By time: when two requests waited.
    let store = &shop.world.cx.store;
    let asked = store.list::<Approval>(&Filter::default()).unwrap().rows;
    let moment = asked.last().unwrap().asked_at;
    let home = shop.home("time");
    let restored = shop
        .restore(&shop.shipped(), &home, Point::Time(moment))
        .unwrap();
    assert!(restored.time.unwrap() <= moment);
    let open_then = open(&home.home)
        .list::<Approval>(&Filter::open())
        .unwrap()
        .rows;
    assert_eq!(open_then.len(), 2);
}

// O9, C8: a folder that was shipped to shows no content to whoever has no key.
#[test]
fn nothing_that_is_shipped_can_be_read_without_the_key() {
    let mut shop = Shop::new();
    shop.ask("first");
    shop.ship();
    shop.ask("second");
    shop.ship();
    assert!(!shop.base().join("key").exists());
    let home = shop.home("h");
    let nowhere = shop.folder.path().join("nowhere");
    let said = refusal(
        shop.restore_with(&shop.shipped(), &home, Point::End, |options| {
            options.key = None;
        }),
    );
    assert!(
        said.contains("needs the key") && said.contains("there is no key at"),
        "{said}"
    );
    let other = shop.folder.path().join("other");
    fs::write(&other, format!("hyperion-key-v1 {}\n", "ab".repeat(32))).unwrap();
    let mut options = RestoreOptions {
        from: &shop.shipped(),
        locations: &home,
        point: Point::End,
        replace: false,
        key: Some(&other),
        key_stays: false,
        without_key: false,
        now: shop.world.cx.now(),
    };
    let said = refusal(restore(&options, &mut |_| {}));
    assert!(
        said.contains("needs the key") && said.contains("the key at"),
        "{said}"
    );
    assert!(!home.home.exists(), "nothing was made");

    options.key = Some(&nowhere);
    options.without_key = true;
    let restored = restore(&options, &mut |_| {}).unwrap();
    assert!(
        restored
            .remarks
            .iter()
            .any(|remark| remark.contains("is not here")),
        "{restored:?}"
    );
    assert_eq!(open(&home.home).last_seq().unwrap(), shop.last_seq());
}

// O9, M1: an engine that died goes on where the folder says, with nothing twice and nothing left out.
#[test]
fn shipping_goes_on_where_an_engine_died() {
    let mut shop = Shop::new();
    shop.ask("first");
    shop.ship();
    shop.land_all();
    let before = shop.ship().seq;
    shop.restart();
    shop.ask("second");
    // What a process leaves that dies in the middle of it.
    fs::write(shop.base().join(".copying"), "half").unwrap();
    fs::write(shop.base().join("segments/.1-2.segment.tmp"), "half").unwrap();
    let shipped = shop.ship();
    assert!(!shipped.base, "it goes on behind the same base");
    assert_eq!(shipped.events, shop.last_seq() - before);
    let home = shop.home("h");
    let restored = shop.restore(&shop.shipped(), &home, Point::End).unwrap();
    assert_eq!(restored.seq, shop.last_seq());

    // Died before the store knew: the folder is asked, not the store.
    shop.land_all();
    let kept = shop.world.cx.store.meta(SHIP_STATE).unwrap().unwrap();
    shop.ship();
    shop.world.cx.store.set_meta(SHIP_STATE, &kept).unwrap();
    shop.restart();
    let shipped = shop.ship();
    assert_eq!((shipped.events, shipped.base), (0, false));
}

// O9: of several backups in one folder the one that was written to last is used, not the one that was taken last.
#[test]
fn a_base_that_is_shipped_to_is_newer_than_a_backup_taken_meanwhile() {
    let mut shop = Shop::new();
    shop.ask("first");
    shop.ship();
    shop.ask("second");
    let folder = shop.shipped();
    let options = TakeOptions {
        folder: &folder,
        prefix: "backup",
        logs: true,
        depth: Depth::Full,
    };
    let taken = take(shop.world.cx.as_ref(), &options, &mut |_, _, _| {}).unwrap();
    assert_eq!(taken.manifest.head_seq, shop.last_seq());
    assert!(taken.linked > 0, "what the base has already is linked");
    assert_eq!(taken.remarks, [""; 0]);
    shop.ask("third");
    shop.ship();
    let restored = shop.restore(&folder, &shop.home("h"), Point::End).unwrap();
    assert_eq!(restored.seq, shop.last_seq());
    let listed: Vec<_> = list(&folder)
        .unwrap()
        .iter()
        .map(|found| found.last_seq)
        .collect();
    assert_eq!(listed, [shop.last_seq(), taken.manifest.head_seq]);
    // Nothing that was linked is changed by whoever restores it.
    for from in [shop.base(), taken.path] {
        let home = shop.home(from.file_name().unwrap().to_str().unwrap());
        shop.restore(&from, &home, Point::End).unwrap();
    }
}

// O9: a restored home ships behind a base of its own; what the home before it shipped stays as it is.
#[test]
fn a_restored_home_never_writes_on_where_another_history_ends() {
    let mut shop = Shop::new();
    shop.ask("first");
    shop.ship();
    shop.ask("second");
    shop.ship();
    let home = shop.home("h");
    shop.restore(&shop.shipped(), &home, Point::End).unwrap();
    assert_eq!(open(&home.home).meta(SHIP_STATE).unwrap(), None);
}

// O9: one bit, one file, one segment: the restore is refused and says which, and no home is made.
#[test]
fn a_damaged_backup_is_refused_with_the_name_of_what_is_damaged() {
    let mut shop = Shop::new();
    shop.ask("first");
    shop.ship();
    shop.land_all();
    shop.ship();
    shop.ask("second");
    shop.ship();
    let base = shop.base();
    let home = shop.home("h");
    let segments: Vec<_> = segments(&base).unwrap();
    assert_eq!(segments.len(), 2);
    let mut files: Vec<PathBuf> = Manifest::read(&base)
        .unwrap()
        .unwrap()
        .files
        .iter()
        .map(|file| base.join(&file.path))
        .collect();
    files.push(base.join(MANIFEST));
    files.extend(segments.iter().map(|name| name.path.clone()));
    let shipped = Segment::read(&segments[1]).unwrap().files;
    assert!(
        shipped.iter().any(|file| file.path.starts_with(BLOBS)),
        "{shipped:?}"
    );
    assert!(
        shipped.iter().any(|file| file.path.starts_with(REPOS)),
        "{shipped:?}"
    );
    files.extend(shipped.iter().map(|file| base.join(&file.path)));
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let whole = fs::read(file).unwrap();
        for at in [whole.len() / 2, whole.len().saturating_sub(2)] {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            fs::remove_file(file).unwrap();
            fs::write(file, &damaged).unwrap();
            let said = refusal(shop.restore(&base, &home, Point::End));
            assert!(said.contains(name), "{name} at {at}: {said}");
        }
        fs::write(file, &whole[..whole.len() / 2]).unwrap();
        let said = refusal(shop.restore(&base, &home, Point::End));
        assert!(said.contains(name), "{name} cut: {said}");
        fs::remove_file(file).unwrap();
        if file != &segments[1].path {
            let said = refusal(shop.restore(&base, &home, Point::End));
            let names_it = match file {
                file if file.ends_with(MANIFEST) => said.contains("no backup"),
                file if file == &segments[0].path => said.contains("the segment before it"),
                _ => said.contains(name),
            };
            assert!(names_it, "{name} missing: {said}");
        }
        fs::write(file, &whole).unwrap();
        assert!(!home.home.exists(), "{name}");
    }
    let left = fs::read_dir(home.home.parent().unwrap()).unwrap().count();
    assert_eq!(left, 0, "no draft is left");
    shop.restore(&base, &home, Point::End).unwrap();
}

// O9: a home with data is refused, or kept aside; one that is in use is refused.
#[test]
fn a_home_with_data_gives_way_only_when_told_and_is_kept() {
    let mut shop = Shop::new();
    shop.ask("first");
    shop.ship();
    let home = shop.home("h");
    shop.restore(&shop.shipped(), &home, Point::End).unwrap();
    let said = refusal(shop.restore(&shop.shipped(), &home, Point::End));
    assert!(said.contains("is a home with data"), "{said}");
    shop.ask("second");
    shop.ship();
    let opened = hyperion_host::Home::open(&home).unwrap().unwrap();
    let lock = opened.lock().unwrap();
    let replace = |options: &mut RestoreOptions<'_>| options.replace = true;
    let said = refusal(shop.restore_with(&shop.shipped(), &home, Point::End, replace));
    assert!(said.contains("take the lock"), "{said}");
    drop(lock);
    let old = open(&home.home).last_seq().unwrap();
    let restored = shop
        .restore_with(&shop.shipped(), &home, Point::End, replace)
        .unwrap();
    assert_eq!(open(&home.home).last_seq().unwrap(), shop.last_seq());
    assert_eq!(open(&restored.aside.unwrap()).last_seq().unwrap(), old);
}

// O9: a folder that cannot be written stops nothing; it is told, and shipping goes on by itself.
#[test]
fn a_folder_that_cannot_be_written_is_told_and_made_up_for() {
    let mut shop = Shop::new();
    fs::write(shop.shipped(), "in the way").unwrap();
    shop.ask("first");
    assert!(ship_once(shop.world.cx.as_ref(), &mut shop.shipping).is_err());
    let look = |shop: &Shop| {
        let report = crate::doctor::examine(&shop.world.cx, "0");
        let found = report
            .findings
            .into_iter()
            .find(|finding| finding.name == "backup");
        found.unwrap()
    };
    let told = look(&shop);
    assert_eq!(told.health, hyperion_api::doctor::Health::Warning);
    assert!(told.detail.contains("nothing was shipped"), "{told:?}");
    fs::remove_file(shop.shipped()).unwrap();
    assert_eq!(shop.ship().seq, shop.last_seq());
    assert_eq!(look(&shop).health, hyperion_api::doctor::Health::Ok);

    let seq = shop.last_seq();
    shop.ask("second");
    let segments = shop.base().join(SEGMENTS);
    fs::write(&segments, "in the way").unwrap();
    assert!(ship_once(shop.world.cx.as_ref(), &mut shop.shipping).is_err());
    let told = look(&shop);
    assert_eq!(told.health, hyperion_api::doctor::Health::Warning);
    assert!(
        told.detail.contains(&format!("up to event {seq}")),
        "{told:?}"
    );
    assert!(told.detail.contains("behind by"), "{told:?}");
    assert!(told.fix.is_some());
    fs::remove_file(&segments).unwrap();
    assert_eq!(shop.ship().seq, shop.last_seq());
    let home = shop.home("h");
    let restored = shop.restore(&shop.shipped(), &home, Point::End).unwrap();
    assert_eq!(restored.seq, shop.last_seq());
}

// O9: a day has a base of its own, linked where it is the same; what is older than is kept goes, the newest never.
#[test]
fn bases_follow_one_another_and_old_ones_go() {
    let mut shop = Shop::new();
    let mut taken = Vec::new();
    for name in ["first", "second", "third"] {
        shop.ask(name);
        assert!(shop.ship().base);
        taken.push(shop.base());
        shop.world.clock.advance(Duration::from_secs(5 * 86_400));
    }
    // The first one was followed ten days ago: every moment that is kept is in the later ones.
    shop.ask("fourth");
    shop.ship();
    let left = candidates(&shop.shipped()).unwrap().len();
    assert!(!taken[0].exists());
    assert_eq!(left, 3);
    let said = refusal(shop.restore(&shop.shipped(), &shop.home("h"), Point::Seq(3)));
    assert!(said.contains("does not reach back that far"), "{said}");
    let restored = shop
        .restore(&shop.shipped(), &shop.home("h"), Point::End)
        .unwrap();
    assert_eq!(restored.seq, shop.last_seq());
}

// O9, C8: what a backup names stays where it is until it is copied.
#[test]
fn nothing_is_purged_while_a_backup_is_made() {
    let world = World::new(&[("a.txt", "one\n")]);
    let hold = world.cx.home.keep_content().unwrap();
    let other = world.cx.home.keep_content().unwrap();
    assert!(world.cx.home.may_remove_content().unwrap().is_none());
    drop(hold);
    assert!(world.cx.home.may_remove_content().unwrap().is_none());
    drop(other);
    assert!(world.cx.home.may_remove_content().unwrap().is_some());
}
