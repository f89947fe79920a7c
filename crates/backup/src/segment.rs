//! Segments: what was shipped behind a base, one file each, numbered by its first and last event.
//!
//! A segment is lines of JSON: a header, exact texts of events, sealed content, kept answers, the files
//! it needs with their digests, refs; then one line with the digest of all lines before it. It is
//! written under another name, synced and renamed; it never changes after that.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyperion_fault::{Point, reached};
use hyperion_host::{create_private_dir, fsync_dir, read_bounded, rename_new};
use hyperion_model::{Digest, Time};
use hyperion_store::{Head, KeptAnswer, Positions, Seal, SealedContent, ShipPosition, Shipment};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::manifest::{FileEntry, RepoEntry};
use crate::{SEGMENTS, io as failed, unusable};

/// The most bytes of a segment that is read; one that is written is far smaller.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// How a segment's name ends.
const ENDING: &str = ".segment";

/// A segment as it is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentName {
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Where it is.
    pub path: PathBuf,
}

/// What one segment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub(crate) shipped_at: Time,
    pub(crate) schema: u32,
    pub(crate) shipment: Shipment,
    pub(crate) repos: Vec<RepoEntry>,
    /// The files that it needs beside it.
    pub files: Vec<FileEntry>,
    pub(crate) refs: Vec<RefFile>,
}

/// A file of an object folder that may change: a ref, settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefFile {
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Header(Header),
    Event(String),
    Content {
        name: String,
        key_id: String,
        bytes: u64,
        created_ms: i64,
        file: Option<String>,
        body: Option<String>,
    },
    Answer {
        key: String,
        first_seq: u64,
        last_seq: u64,
        time_ms: i64,
        digest: Option<Digest>,
    },
    Repo(RepoEntry),
    File(FileEntry),
    Ref {
        path: String,
        content: String,
    },
    /// The digest of everything before this line.
    End(Digest),
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    schema: u32,
    shipped_at: Time,
    first: u64,
    last: u64,
    prev_hash: Digest,
    seal: Option<HeaderSeal>,
    tables: [u64; 2],
}

#[derive(Serialize, Deserialize)]
struct HeaderSeal {
    seq: u64,
    hash: Digest,
    key_id: String,
    mac: String,
}

const FORMAT: u32 = 1;

/// Lists the segments of a base, in order.
pub fn names(base: &Path) -> Result<Vec<SegmentName>, Error> {
    let folder = base.join(SEGMENTS);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(&folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed(&folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let numbers = name
            .and_then(|name| name.strip_suffix(ENDING))
            .and_then(|numbers| numbers.split_once('-'));
        if let Some((first, last)) = numbers
            && let (Ok(first), Ok(last)) = (first.parse(), last.parse())
        {
            names.push(SegmentName { first, last, path });
        }
    }
    names.sort();
    Ok(names)
}

impl Segment {
    fn first(&self) -> u64 {
        self.shipment.before.seq + 1
    }

    fn last(&self) -> u64 {
        self.shipment.next.seq
    }

    /// Writes it below a base, durably, under its own name.
    pub(crate) fn write(&self, base: &Path) -> Result<PathBuf, Error> {
        let folder = base.join(SEGMENTS);
        create_private_dir(&folder).map_err(failed(&folder))?;
        let name = format!("{:012}-{:012}{ENDING}", self.first(), self.last());
        let (draft, path) = (folder.join(format!(".{name}.tmp")), folder.join(name));
        let text = self.encode()?;
        // A draft is from a process that died: nobody else writes here.
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| {
                file.write_all(&text)?;
                file.sync_all()
            });
        reached(Point::ShipSegmentWritten);
        let named = written
            .and_then(|()| rename_new(&draft, &path))
            .and_then(|()| fsync_dir(&folder));
        if let Err(error) = named {
            let _ = fs::remove_file(&draft);
            return Err(failed(&path)(error));
        }
        reached(Point::ShipSegmentNamed);
        Ok(path)
    }

    /// Reads one and checks it against its own digest and its name.
    pub fn read(name: &SegmentName) -> Result<Self, Error> {
        let bytes = read_bounded(&name.path, MAX_BYTES).map_err(|error| match error {
            hyperion_host::ReadError::Io { path, source } => failed(&path)(source),
            error => damaged(&name.path, &error.to_string()),
        })?;
        let segment = Self::decode(&bytes).map_err(|detail| damaged(&name.path, &detail))?;
        if (segment.first(), segment.last()) != (name.first, name.last) {
            return Err(damaged(&name.path, "its name is not that of what is in it"));
        }
        Ok(segment)
    }

    fn encode(&self) -> Result<Vec<u8>, Error> {
        let Self {
            shipped_at,
            schema,
            shipment,
            repos,
            files,
            refs,
        } = self;
        let Shipment {
            before,
            events,
            seal,
            contents,
            answers,
            next,
        } = shipment;
        let header = Header {
            format: FORMAT,
            schema: *schema,
            shipped_at: *shipped_at,
            first: self.first(),
            last: self.last(),
            prev_hash: before.hash,
            seal: seal.as_ref().map(|seal| HeaderSeal {
                seq: seal.head.seq,
                hash: seal.head.hash,
                key_id: seal.key_id.clone(),
                mac: STANDARD.encode(&seal.mac),
            }),
            tables: [next.tables.blob, next.tables.receipt],
        };
        let lines = std::iter::once(Line::Header(header))
            .chain(events.iter().map(|text| Line::Event(text.clone())))
            .chain(contents.iter().map(content_line))
            .chain(answers.iter().map(|answer| Line::Answer {
                key: answer.key.clone(),
                first_seq: answer.first_seq,
                last_seq: answer.last_seq,
                time_ms: answer.time_ms,
                digest: answer.digest,
            }))
            .chain(repos.iter().cloned().map(Line::Repo))
            .chain(files.iter().cloned().map(Line::File))
            .chain(refs.iter().map(|file| Line::Ref {
                path: file.path.clone(),
                content: STANDARD.encode(&file.content),
            }));
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, &line).map_err(Error::Encode)?;
            text.push(b'\n');
        }
        let end = Line::End(Digest::from_bytes(Sha256::digest(&text).into()));
        serde_json::to_writer(&mut text, &end).map_err(Error::Encode)?;
        text.push(b'\n');
        Ok(text)
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let cut = || "it ends too early".to_owned();
        let body = bytes.strip_suffix(b"\n").ok_or_else(cut)?;
        let last_line = body
            .iter()
            .rposition(|byte| *byte == b'\n')
            .ok_or_else(cut)?
            + 1;
        let end: Line = serde_json::from_slice(&body[last_line..]).map_err(|_| cut())?;
        let Line::End(digest) = end else {
            return Err(cut());
        };
        if Digest::from_bytes(Sha256::digest(&bytes[..last_line]).into()) != digest {
            return Err("it was changed after it was written".to_owned());
        }
        let mut lines = body[..last_line]
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).map_err(|error| error.to_string()));
        let Some(Line::Header(header)) = lines.next().transpose()? else {
            return Err("it does not begin with a header".to_owned());
        };
        if header.format > FORMAT {
            return Err(format!(
                "it has format {}; this Hyperion reads up to {FORMAT}",
                header.format
            ));
        }
        let mut segment = Self::of(header)?;
        for line in lines {
            segment.add(line?)?;
        }
        Ok(segment)
    }

    fn of(header: Header) -> Result<Self, String> {
        let Header {
            format: _,
            schema,
            shipped_at,
            first,
            last,
            prev_hash,
            seal,
            tables: [blob, receipt],
        } = header;
        let seal = seal.map(|seal| {
            Ok::<_, String>(Seal {
                head: Head {
                    seq: seal.seq,
                    hash: seal.hash,
                },
                key_id: seal.key_id,
                mac: decode64(&seal.mac)?,
            })
        });
        Ok(Self {
            shipped_at,
            schema,
            shipment: Shipment {
                before: Head {
                    seq: first.saturating_sub(1),
                    hash: prev_hash,
                },
                events: Vec::new(),
                seal: seal.transpose()?,
                contents: Vec::new(),
                answers: Vec::new(),
                next: ShipPosition {
                    seq: last,
                    tables: Positions { blob, receipt },
                },
            },
            repos: Vec::new(),
            files: Vec::new(),
            refs: Vec::new(),
        })
    }

    fn add(&mut self, line: Line) -> Result<(), String> {
        match line {
            Line::Event(text) => self.shipment.events.push(text),
            Line::Content {
                name,
                key_id,
                bytes,
                created_ms,
                file,
                body,
            } => self.shipment.contents.push(SealedContent {
                name: decode64(&name)?
                    .try_into()
                    .map_err(|_| "a content has no name".to_owned())?,
                key_id,
                bytes,
                created_ms,
                file,
                body: body.map(|body| decode64(&body)).transpose()?,
            }),
            Line::Answer {
                key,
                first_seq,
                last_seq,
                time_ms,
                digest,
            } => self.shipment.answers.push(KeptAnswer {
                key,
                first_seq,
                last_seq,
                time_ms,
                digest,
            }),
            Line::Repo(repo) => self.repos.push(repo),
            Line::File(file) => {
                if file.safe_path().is_none() {
                    return Err(format!("it names {:?}", file.path));
                }
                self.files.push(file);
            }
            Line::Ref { path, content } => self.refs.push(RefFile {
                path,
                content: decode64(&content)?,
            }),
            Line::Header(_) | Line::End(_) => {
                return Err("a header or an end stands in its middle".to_owned());
            }
        }
        Ok(())
    }
}

fn content_line(content: &SealedContent) -> Line {
    Line::Content {
        name: STANDARD.encode(content.name),
        key_id: content.key_id.clone(),
        bytes: content.bytes,
        created_ms: content.created_ms,
        file: content.file.clone(),
        body: content.body.as_ref().map(|body| STANDARD.encode(body)),
    }
}

fn decode64(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| error.to_string())
}

pub(crate) fn damaged(path: &Path, detail: &str) -> Error {
    unusable(
        format!("{} is damaged: {detail}", path.display()),
        "restore to a point before it with --to-seq, or use another backup",
    )
}
