//! `searchFiles`

use globset::{GlobBuilder, GlobMatcher};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkMatch};
use hyperion_api::Problem;
use hyperion_api::tool::filesystem::{Match, SearchFiles, SearchKind, SearchResult};
use hyperion_host::Kind;

use super::relative;
use crate::text::Text;
use crate::walk::{Route, Walk};
use crate::{Access, Place};

/// The most matches of one file.
const MATCHES_PER_FILE: usize = 100;
/// The longest pattern.
const PATTERN_BYTES_MAX: usize = 4096;
/// How many characters of a line are shown.
const LINE_CHARS_MAX: usize = 300;
/// The most memory that one pattern may take when it is compiled.
const REGEX_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Finds files by their paths, or lines in them.
pub fn search_files(place: &Place<'_>, params: &SearchFiles) -> Result<SearchResult, Problem> {
    let folder = relative(place, &params.directory);
    place.overseer.judge(folder, Access::Read)?;
    let max = match params.limit {
        None => place.limits.matches,
        Some(limit) if (1..=place.limits.matches).contains(&limit) => limit,
        Some(limit) => {
            let max = place.limits.matches;
            return Err(Problem::new(
                "input.invalid",
                format!("limit is {limit}; give 1 to {max}"),
            ));
        }
    };
    if params.pattern.is_empty() || params.pattern.len() > PATTERN_BYTES_MAX {
        return Err(Problem::new(
            "input.invalid",
            format!("the pattern has to have 1 to {PATTERN_BYTES_MAX} bytes"),
        ));
    }
    let kind = params.kind.unwrap_or_else(|| guess(&params.pattern));
    let wanted = Wanted::of(kind, &params.pattern)?;
    let route = Route {
        recursive: true,
        heed_ignore: true,
        after: None,
    };
    let mut walk = Walk::new(*place, folder, route)?;
    let mut search = Search {
        place,
        searcher: SearcherBuilder::new()
            .binary_detection(BinaryDetection::quit(0))
            .line_number(true)
            // Text with a byte order mark is decoded here, so that the search sees what the masks see.
            .bom_sniffing(false)
            .build(),
        max: max as usize,
        found: SearchResult {
            kind,
            matches: Vec::new(),
            stopped: None,
            files: 0,
            skipped: 0,
        },
    };
    for seen in walk.by_ref() {
        if seen.kind != Some(Kind::File) {
            continue;
        }
        search.look(&wanted, folder, seen.path)?;
        if search.found.matches.len() > search.max {
            break;
        }
    }
    let mut found = search.found;
    if found.matches.len() > max as usize {
        found.matches.truncate(max as usize);
        found.stopped = Some(format!("there are more than {max} matches"));
    } else if let Some(why) = walk.stopped() {
        found.stopped = Some(format!("{why}: not everything was looked at"));
    } else if found.stopped.is_none() {
        found.stopped = walk.left_out();
    }
    Ok(found)
}

/// A pattern with a `*` and no blank is most likely a glob.
fn guess(pattern: &str) -> SearchKind {
    if pattern.contains('*') && !pattern.contains(char::is_whitespace) {
        SearchKind::Glob
    } else {
        SearchKind::Text
    }
}

/// What is looked for, compiled.
enum Wanted {
    Path { glob: GlobMatcher, whole: bool },
    Line(RegexMatcher),
}

impl Wanted {
    fn of(kind: SearchKind, pattern: &str) -> Result<Self, Problem> {
        let invalid = |what: &str, error: &dyn std::fmt::Display| {
            Problem::new(
                "input.invalid",
                format!("the pattern is not a {what}: {error}"),
            )
            .hint("correct it, or search for it as it stands with kind text")
        };
        match kind {
            SearchKind::Glob => {
                let glob = GlobBuilder::new(pattern)
                    .literal_separator(true)
                    .build()
                    .map_err(|error| invalid("glob", &error))?;
                Ok(Self::Path {
                    glob: glob.compile_matcher(),
                    whole: pattern.contains('/'),
                })
            }
            SearchKind::Text | SearchKind::Regex => RegexMatcherBuilder::new()
                .fixed_strings(kind == SearchKind::Text)
                .size_limit(REGEX_BYTES_MAX)
                .dfa_size_limit(REGEX_BYTES_MAX)
                .line_terminator(Some(b'\n'))
                .build(pattern)
                .map(Self::Line)
                .map_err(|error| invalid("pattern for one line", &error)),
        }
    }
}

struct Search<'a> {
    place: &'a Place<'a>,
    searcher: Searcher,
    max: usize,
    found: SearchResult,
}

impl Search<'_> {
    fn look(&mut self, wanted: &Wanted, folder: &str, path: String) -> Result<(), Problem> {
        if self.place.overseer.judge(&path, Access::Read).is_err() {
            self.found.skipped += 1;
            return Ok(());
        }
        match wanted {
            Wanted::Path { glob, whole } => {
                self.found.files += 1;
                let below = path.strip_prefix(folder).unwrap_or(&path);
                let below = below.trim_start_matches('/');
                let name = below.rsplit('/').next().unwrap_or(below);
                if glob.is_match(if *whole { below } else { name }) {
                    self.found.matches.push(Match {
                        path,
                        line: None,
                        column: None,
                        text: None,
                    });
                }
                Ok(())
            }
            Wanted::Line(matcher) => self.look_into(matcher, &path),
        }
    }

    fn look_into(&mut self, matcher: &RegexMatcher, path: &str) -> Result<(), Problem> {
        let bytes = match self.place.root.read(path, self.place.limits.file_bytes) {
            Ok(found) => found.bytes,
            // Too large, replaced or gone meanwhile: it is reported as skipped.
            Err(_) => {
                self.found.skipped += 1;
                return Ok(());
            }
        };
        let bytes = match decoded(path, &bytes) {
            Some(text) => text.into_bytes(),
            None => bytes,
        };
        let before = self.found.matches.len();
        let mut is_text = self.collect(matcher, path, &bytes);
        // Masked lines are not searched: a match would reveal part of the secret.
        if is_text
            && self.found.matches.len() > before
            && let Some(masked) = self.place.overseer.mask(&String::from_utf8_lossy(&bytes))
        {
            self.found.matches.truncate(before);
            is_text = self.collect(matcher, path, masked.as_bytes());
        }
        if !is_text {
            self.found.matches.truncate(before);
            self.found.skipped += 1;
            return Ok(());
        }
        self.found.files += 1;
        if self.found.matches.len() - before == MATCHES_PER_FILE {
            self.found.stopped = Some(format!(
                "only the first {MATCHES_PER_FILE} matches of a file are given"
            ));
        }
        Ok(())
    }

    /// Adds the lines of one file; tells whether it is text.
    fn collect(&mut self, matcher: &RegexMatcher, path: &str, bytes: &[u8]) -> bool {
        let room = self.max + 1 - self.found.matches.len().min(self.max);
        let mut lines = Lines {
            path,
            matcher,
            room: MATCHES_PER_FILE.min(room),
            matches: &mut self.found.matches,
            binary: false,
        };
        let searched = self.searcher.search_slice(matcher, bytes, &mut lines);
        !lines.binary && searched.is_ok()
    }
}

/// Gives the text of a file that a mark says is UTF-16, or UTF-8 with a mark.
fn decoded(path: &str, bytes: &[u8]) -> Option<String> {
    let marks: [&[u8]; 3] = [b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"];
    if !marks.iter().any(|mark| bytes.starts_with(mark)) {
        return None;
    }
    Some(Text::read(path, bytes, None).ok()?.text)
}

/// Takes the lines of one file.
struct Lines<'a> {
    path: &'a str,
    matcher: &'a RegexMatcher,
    room: usize,
    matches: &'a mut Vec<Match>,
    binary: bool,
}

impl Sink for Lines<'_> {
    type Error = std::io::Error;

    fn matched(
        &mut self,
        _searcher: &Searcher,
        found: &SinkMatch<'_>,
    ) -> Result<bool, std::io::Error> {
        use grep_searcher::SinkError as _;
        let bytes = found.bytes();
        let start = {
            use grep_matcher::Matcher as _;
            let at = self.matcher.find(bytes);
            at.map_err(std::io::Error::error_message)?
                .map_or(0, |at| at.start())
        };
        let before = String::from_utf8_lossy(bytes.get(..start).unwrap_or_default());
        let line = String::from_utf8_lossy(bytes);
        let line = line.trim_end_matches(['\n', '\r']);
        self.matches.push(Match {
            path: self.path.to_owned(),
            line: found.line_number(),
            column: Some(before.chars().count() as u64 + 1),
            text: Some(line.chars().take(LINE_CHARS_MAX).collect()),
        });
        self.room = self.room.saturating_sub(1);
        Ok(self.room > 0)
    }

    fn binary_data(&mut self, _: &Searcher, _: u64) -> Result<bool, std::io::Error> {
        self.binary = true;
        Ok(false)
    }
}
