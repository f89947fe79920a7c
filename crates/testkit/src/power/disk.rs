//! A folder as the disk has it, rather than as programs see it.
//!
//! A file's content and a folder's names are each what was synced of them, and a list of what was done since. A sync of
//! a file makes its content durable, not its name; a sync of a folder the names in it. A rename is one thing in both of
//! its folders, as it is in the journal of every file system in use.

use super::trace::{Id, MARK, Record, Trace};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What a disk writes at once.
const PAGE_BYTES: usize = 4096;

/// What becomes of that which was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of it is lost.
    Strict,
    /// Some of it is there: names without content, pages out of order, halves of pages. The number chooses which.
    Torn(u64),
    /// Nothing is: what programs saw.
    None,
}

/// One inode.
#[derive(Debug, Clone, Default)]
struct Node {
    mode: u32,
    target: Option<Vec<u8>>,
    content: Vec<u8>,
    names: BTreeMap<Vec<u8>, Id>,
    /// By the number of the record each came with.
    pending: Vec<(usize, Change)>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize),
    Length(u64),
    Whole(usize),
    /// A number into [`Disk::moves`].
    Name(usize),
}

/// A change of names, in one folder or two.
#[derive(Debug, Clone)]
struct NameChange {
    number: usize,
    remove: Option<(Id, Vec<u8>, Id)>,
    add: Option<(Id, Vec<u8>, Id)>,
}

/// A folder, followed through a trace.
#[derive(Debug, Clone)]
pub struct Disk {
    root: Id,
    nodes: HashMap<Id, Node>,
    moves: Vec<NameChange>,
    /// Where each sync that is under way began.
    syncs: HashMap<u64, usize>,
    /// Syncs of paths that contain one of these are ignored.
    deaf_to: Vec<String>,
}

impl Disk {
    /// Takes the folder as it is now; all of it counts as synced. Sockets and SQLite's `-shm` files are no content.
    pub fn of(root: &Path) -> Self {
        let mut disk = Self {
            root: id_of(root),
            nodes: HashMap::new(),
            moves: Vec::new(),
            syncs: HashMap::new(),
            deaf_to: Vec::new(),
        };
        disk.take(root);
        disk
    }

    fn take(&mut self, path: &Path) -> Id {
        let id = id_of(path);
        let metadata = fs::symlink_metadata(path).expect("look at the folder");
        let mut node = Node {
            mode: metadata.mode(),
            ..Node::default()
        };
        if metadata.is_dir() {
            for entry in fs::read_dir(path).expect("list the folder") {
                let entry = entry.expect("list the folder");
                if is_content(&entry.path()) {
                    let child = self.take(&entry.path());
                    node.names
                        .insert(entry.file_name().as_bytes().to_vec(), child);
                }
            }
        } else if metadata.is_symlink() {
            let target = fs::read_link(path).expect("read a link");
            node.target = Some(target.as_os_str().as_bytes().to_vec());
        } else {
            node.content = fs::read(path).expect("read a file");
        }
        self.nodes.insert(id, node);
        id
    }

    /// Takes no notice of syncs of this path, or of those that have this in theirs if it does not begin with a slash: as if
    /// the program had left them out.
    ///
    /// Syncs of a whole file system count all the same.
    #[must_use]
    pub fn deaf_to(mut self, part: &str) -> Self {
        self.deaf_to.push(part.to_owned());
        self
    }

    /// Follows the trace through the record with this number.
    pub fn follow(&mut self, trace: &Trace, at: usize) {
        let record = &trace.records[at];
        match record.kind {
            b'W' => self.change(record, at, Change::Write(at)),
            b'F' => self.change(record, at, Change::Whole(at)),
            b'T' => self.change(record, at, Change::Length(record.offset)),
            b'M' => {
                if let Some(node) = self.nodes.get_mut(&record.id) {
                    node.mode = record.mode;
                }
            }
            b'N' => {
                self.node(record);
                let add = (record.folder, record.name.clone(), record.id);
                self.rename(at, None, Some(add));
            }
            b'U' => {
                let remove = (record.folder, record.name.clone(), record.id);
                self.rename(at, Some(remove), None);
            }
            b'R' => {
                self.node(record);
                let remove = (record.folder, record.name.clone(), record.id);
                let add = (record.other_folder, record.other_name.clone(), record.id);
                self.rename(at, Some(remove), Some(add));
            }
            b'b' | b'B' => {
                self.syncs.insert(record.offset, at);
            }
            b'e' | b'E' => {
                let Some(began) = self.syncs.remove(&record.offset) else {
                    return;
                };
                let path = String::from_utf8_lossy(&record.name);
                if record.kind == b'e' {
                    let is_this = |part: &String| {
                        path == *part || (!part.starts_with('/') && path.contains(part))
                    };
                    if !self.deaf_to.iter().any(is_this) {
                        self.sync(record.id, began, trace);
                    }
                } else {
                    let all: Vec<_> = self.nodes.keys().copied().collect();
                    for id in all {
                        self.sync(id, began, trace);
                    }
                }
            }
            MARK => {}
            other => panic!("a record of an unknown kind: {other}"),
        }
    }

    fn node(&mut self, record: &Record) -> &mut Node {
        self.nodes.entry(record.id).or_insert_with(|| Node {
            mode: record.mode,
            target: (is_link(record.mode)).then(|| record.payload.clone()),
            ..Node::default()
        })
    }

    fn change(&mut self, record: &Record, number: usize, change: Change) {
        self.node(record).pending.push((number, change));
    }

    fn rename(
        &mut self,
        number: usize,
        remove: Option<(Id, Vec<u8>, Id)>,
        add: Option<(Id, Vec<u8>, Id)>,
    ) {
        let index = self.moves.len();
        let folders: HashSet<_> = [&remove, &add]
            .into_iter()
            .flatten()
            .map(|(folder, _, _)| *folder)
            .collect();
        self.moves.push(NameChange {
            number,
            remove,
            add,
        });
        for folder in folders {
            // A folder that is not known is outside of ours.
            if let Some(node) = self.nodes.get_mut(&folder) {
                node.pending.push((number, Change::Name(index)));
            }
        }
    }

    fn sync(&mut self, id: Id, began: usize, trace: &Trace) {
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        let (covered, left) = std::mem::take(&mut node.pending)
            .into_iter()
            .partition(|(number, _)| *number < began);
        node.pending = left;
        self.settle(id, covered, trace);
    }

    fn settle(&mut self, id: Id, covered: Vec<(usize, Change)>, trace: &Trace) {
        for (_, change) in covered {
            match change {
                Change::Name(index) => self.settle_name(index),
                content => {
                    if let Some(node) = self.nodes.get_mut(&id) {
                        apply(&mut node.content, &content, trace);
                    }
                }
            }
        }
    }

    /// Makes one change of names durable, in both of its folders.
    fn settle_name(&mut self, index: usize) {
        let NameChange {
            number,
            remove,
            add,
        } = self.moves[index].clone();
        if let Some(taken) = &remove {
            // What brought the name there is part of its history, also where that folder was not synced.
            for earlier in self.pending_that_add(taken, number) {
                self.settle_name(earlier);
            }
        }
        if let Some((folder, name, id)) = remove
            && let Some(node) = self.nodes.get_mut(&folder)
        {
            // Somebody's newer file of that name stays.
            if node.names.get(&name) == Some(&id) {
                node.names.remove(&name);
            }
            node.pending.retain(|(other, _)| *other != number);
        }
        if let Some((folder, name, id)) = add
            && let Some(node) = self.nodes.get_mut(&folder)
        {
            node.names.insert(name, id);
            node.pending.retain(|(other, _)| *other != number);
        }
    }

    fn pending_that_add(&self, place: &(Id, Vec<u8>, Id), before: usize) -> Vec<usize> {
        let Some(node) = self.nodes.get(&place.0) else {
            return vec![];
        };
        let pending = node.pending.iter().filter(|(number, _)| *number < before);
        pending
            .filter_map(|(_, change)| match change {
                Change::Name(index) if self.moves[*index].add.as_ref() == Some(place) => {
                    Some(*index)
                }
                _ => None,
            })
            .collect()
    }

    /// Gives the disk as it is after the power was lost here.
    #[must_use]
    pub fn after(&self, loss: Loss, trace: &Trace) -> Self {
        let mut disk = self.clone();
        let mut dice = match loss {
            Loss::Strict => Dice::new(0),
            Loss::Torn(seed) => Dice::new(seed),
            Loss::None => Dice::new(0),
        };
        let names = Names::choose(loss, &mut dice, trace.records.len());
        let data_percent = match loss {
            Loss::Strict => 0,
            Loss::None => 100,
            // None at all is what a journalled file system leaves that allocates late: names of empty files.
            Loss::Torn(_) => [0, 0, 50, 90][dice.below(4)],
        };
        let mut chosen = HashSet::new();
        let mut ids: Vec<_> = disk.nodes.keys().copied().collect();
        ids.sort_unstable();
        let mut changes = Vec::new();
        for id in &ids {
            let Some(node) = disk.nodes.get_mut(id) else {
                continue;
            };
            for (number, change) in std::mem::take(&mut node.pending) {
                match change {
                    Change::Name(index) => {
                        chosen.insert((number, index));
                    }
                    content if data_percent == 100 => apply(&mut node.content, &content, trace),
                    _ if loss == Loss::Strict => {}
                    content => {
                        tear(&mut node.content, &content, trace, data_percent, &mut dice);
                    }
                }
            }
        }
        changes.extend(chosen);
        changes.sort_unstable();
        for (number, index) in changes {
            if names.keeps(number, &mut dice) {
                disk.settle_name(index);
            }
        }
        disk
    }

    /// Writes it out to a folder that does not exist yet.
    pub fn write_to(&self, path: &Path) {
        let mut written = HashMap::new();
        self.write_node(self.root, path, &mut written);
    }

    fn write_node(&self, id: Id, path: &Path, written: &mut HashMap<Id, PathBuf>) {
        let Some(node) = self.nodes.get(&id) else {
            return;
        };
        if is_folder(node.mode) {
            fs::create_dir(path).unwrap_or_else(|error| panic!("make {}: {error}", path.display()));
            for (name, child) in &node.names {
                let child_path = path.join(std::ffi::OsStr::from_bytes(name));
                if is_content(&child_path) {
                    self.write_node(*child, &child_path, written);
                }
            }
        } else if let Some(target) = &node.target {
            symlink(std::ffi::OsStr::from_bytes(target), path).expect("make a link");
            return;
        } else if let Some(first) = written.get(&id) {
            fs::hard_link(first, path).expect("link a file");
            return;
        } else {
            fs::write(path, &node.content)
                .unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
            written.insert(id, path.to_path_buf());
        }
        let permissions = fs::Permissions::from_mode(node.mode & 0o7777);
        fs::set_permissions(path, permissions).expect("set permissions");
    }

    /// Tells where this disk, with nothing lost, differs from a real folder: what the recorder missed.
    pub fn differences(&self, trace: &Trace, real: &Path) -> Vec<String> {
        let all = self.after(Loss::None, trace);
        let mut found = Vec::new();
        all.compare(all.root, real, &mut found);
        found
    }

    fn compare(&self, id: Id, real: &Path, found: &mut Vec<String>) {
        let Some(node) = self.nodes.get(&id) else {
            return;
        };
        let place = real.display();
        let Ok(metadata) = fs::symlink_metadata(real) else {
            found.push(format!("{place} is not there"));
            return;
        };
        if (metadata.mode() & 0o170_000) != (node.mode & 0o170_000) {
            found.push(format!("{place} is of another kind"));
        } else if metadata.is_dir() {
            let mut names = HashSet::new();
            for entry in fs::read_dir(real).expect("list the folder").flatten() {
                if is_content(&entry.path()) {
                    names.insert(entry.file_name().as_bytes().to_vec());
                }
            }
            for (name, child) in &node.names {
                let path = real.join(std::ffi::OsStr::from_bytes(name));
                if is_content(&path) {
                    names.remove(name);
                    self.compare(*child, &path, found);
                }
            }
            for name in names {
                let name = String::from_utf8_lossy(&name).into_owned();
                found.push(format!("{place}/{name} was not recorded"));
            }
        } else if metadata.is_file() && fs::read(real).is_ok_and(|bytes| bytes != node.content) {
            found.push(format!("{place} has other content"));
        }
    }
}

/// Which changes of names are there.
enum Names {
    Below(usize),
    Percent(usize),
}

impl Names {
    fn choose(loss: Loss, dice: &mut Dice, records: usize) -> Self {
        match loss {
            Loss::Strict => Self::Percent(0),
            Loss::None => Self::Percent(100),
            Loss::Torn(_) => match dice.below(4) {
                // A journal: everything up to a moment, in order.
                0 => Self::Below(dice.below(records.max(1))),
                1 => Self::Percent(100),
                2 => Self::Percent(50),
                _ => Self::Percent(90),
            },
        }
    }

    fn keeps(&self, number: usize, dice: &mut Dice) -> bool {
        match self {
            Self::Below(limit) => number < *limit,
            Self::Percent(percent) => dice.below(100) < *percent,
        }
    }
}

fn apply(content: &mut Vec<u8>, change: &Change, trace: &Trace) {
    match change {
        Change::Write(number) => {
            let record = &trace.records[*number];
            put(content, index(record.offset), &record.payload);
        }
        Change::Whole(number) => content.clone_from(&trace.records[*number].payload),
        Change::Length(length) => content.resize(index(*length), 0),
        Change::Name(_) => {}
    }
}

/// Applies a part of a change, page by page.
fn tear(content: &mut Vec<u8>, change: &Change, trace: &Trace, percent: usize, dice: &mut Dice) {
    let (number, whole) = match change {
        Change::Write(number) => (*number, false),
        Change::Whole(number) => (*number, true),
        Change::Length(_) => {
            if dice.below(100) < percent {
                apply(content, change, trace);
            }
            return;
        }
        Change::Name(_) => return,
    };
    let record = &trace.records[number];
    let start = if whole { 0 } else { index(record.offset) };
    if whole && dice.below(2) == 0 {
        content.clear();
    }
    // Some file systems set the length before the content is there.
    if dice.below(4) == 0 && content.len() < start + record.payload.len() {
        content.resize(start + record.payload.len(), 0);
    }
    let mut done = 0;
    while done < record.payload.len() {
        let page_end = (start + done) / PAGE_BYTES * PAGE_BYTES + PAGE_BYTES;
        let end = record.payload.len().min(page_end - start);
        if dice.below(100) < percent {
            let whole_page = dice.below(8) != 0;
            let kept = if whole_page {
                end
            } else {
                done + (end - done) / 2
            };
            put(content, start + done, &record.payload[done..kept]);
        }
        done = end;
    }
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("a file that fits into memory")
}

fn is_folder(mode: u32) -> bool {
    mode & 0o170_000 == 0o040_000
}

fn is_link(mode: u32) -> bool {
    mode & 0o170_000 == 0o120_000
}

fn is_content(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    !path.as_os_str().as_bytes().ends_with(b"-shm")
        && !fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

fn id_of(path: &Path) -> Id {
    let metadata = fs::symlink_metadata(path)
        .unwrap_or_else(|error| panic!("look at {}: {error}", path.display()));
    let born = metadata.created().ok().and_then(|born| {
        let since = born.duration_since(UNIX_EPOCH).ok()?;
        u64::try_from(since.as_nanos()).ok()
    });
    Id {
        number: metadata.ino(),
        born: born.unwrap_or_default(),
    }
}

/// Always the same numbers for a seed.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % (limit as u64)).unwrap_or(0)
    }
}
