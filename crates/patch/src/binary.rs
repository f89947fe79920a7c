//! Binary changes as `git diff --binary` writes them: base85 lines around zlib, whole or as a delta.

use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit};

/// The most bytes one binary change may unpack to.
pub const BINARY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A change of binary content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BinaryPatch {
    /// The patch says that content differs, but does not hold it.
    Absent,
    /// The whole new content.
    Literal(Vec<u8>),
    /// Instructions, in git's pack format, that make the new content from the old.
    Delta(Vec<u8>),
}

impl BinaryPatch {
    /// Counts the bytes of the new content; nothing where the patch does not say.
    pub fn new_bytes(&self) -> usize {
        match self {
            Self::Absent => 0,
            Self::Literal(content) => content.len(),
            Self::Delta(delta) => {
                let mut reader = DeltaReader { rest: delta };
                let sizes = (reader.size(), reader.size());
                sizes.1.unwrap_or(0)
            }
        }
    }

    /// Makes the new content from the old.
    pub fn apply(&self, base: &[u8]) -> Result<Vec<u8>, BinaryError> {
        match self {
            Self::Absent => Err(BinaryError::Absent),
            Self::Literal(content) => Ok(content.clone()),
            Self::Delta(delta) => apply_delta(base, delta),
        }
    }
}

/// Why a binary change cannot be read or applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BinaryError {
    /// The patch holds no content.
    #[error("the patch does not hold the binary content; make it with `git diff --binary`")]
    Absent,
    /// A line is not base85, or not as long as it says.
    #[error("the base85 text is damaged; make the patch again")]
    Base85,
    /// The packed bytes cannot be unpacked.
    #[error("the compressed data is damaged; make the patch again")]
    Compression,
    /// The content is not as long as announced.
    #[error("it is not the {expected} bytes long that it says; make the patch again")]
    Size {
        /// Counts the bytes the patch promises.
        expected: usize,
    },
    /// The content is too large.
    #[error(
        "{size} bytes are more than the {BINARY_BYTES_MAX} a binary change may have; store the file outside git"
    )]
    TooLarge {
        /// Counts the bytes the patch announces.
        size: usize,
    },
    /// The delta was made for other content.
    #[error(
        "it was made for a file of {expected} bytes, this one has {found}; make the patch against this base"
    )]
    OtherBase {
        /// Counts the bytes of the file the patch was made for.
        expected: usize,
        /// Counts the bytes of the file at hand.
        found: usize,
    },
    /// The delta is no valid sequence of instructions.
    #[error("the delta is damaged; make the patch again")]
    Delta,
}

/// Unpacks the base85 lines of one `literal` or `delta` block.
#[derive(Default)]
pub(crate) struct Packed {
    bytes: Vec<u8>,
}

impl Packed {
    /// Takes one line: a letter for its length, then five characters for every four bytes.
    pub(crate) fn push_line(&mut self, line: &[u8]) -> Result<(), BinaryError> {
        let (&letter, digits) = line.split_first().ok_or(BinaryError::Base85)?;
        let length = match letter {
            b'A'..=b'Z' => usize::from(letter - b'A') + 1,
            b'a'..=b'z' => usize::from(letter - b'a') + 27,
            _ => return Err(BinaryError::Base85),
        };
        if digits.len() != length.div_ceil(4) * 5 {
            return Err(BinaryError::Base85);
        }
        let end = self.bytes.len() + length;
        for group in digits.chunks_exact(5) {
            let value = group.iter().try_fold(0_u64, |value, &digit| {
                let digit = BASE85.iter().position(|&known| known == digit)?;
                Some(value * 85 + digit as u64)
            });
            let word = value
                .and_then(|value| u32::try_from(value).ok())
                .ok_or(BinaryError::Base85)?;
            self.bytes.extend_from_slice(&word.to_be_bytes());
        }
        self.bytes.truncate(end);
        Ok(())
    }

    /// Unpacks what came, which must be exactly `size` bytes.
    pub(crate) fn inflate(&self, size: usize) -> Result<Vec<u8>, BinaryError> {
        if size > BINARY_BYTES_MAX {
            return Err(BinaryError::TooLarge { size });
        }
        let content = decompress_to_vec_zlib_with_limit(&self.bytes, size.max(1)).map_err(
            |error| match error.status {
                TINFLStatus::HasMoreOutput => BinaryError::Size { expected: size },
                _ => BinaryError::Compression,
            },
        )?;
        match content.len() == size {
            true => Ok(content),
            false => Err(BinaryError::Size { expected: size }),
        }
    }
}

const BASE85: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

fn apply_delta(base: &[u8], delta: &[u8]) -> Result<Vec<u8>, BinaryError> {
    let mut reader = DeltaReader { rest: delta };
    let expected = reader.size()?;
    let size = reader.size()?;
    if expected != base.len() {
        return Err(BinaryError::OtherBase {
            expected,
            found: base.len(),
        });
    }
    if size > BINARY_BYTES_MAX {
        return Err(BinaryError::TooLarge { size });
    }
    let mut content = Vec::with_capacity(size);
    while let Some((&instruction, rest)) = reader.rest.split_first() {
        reader.rest = rest;
        let piece = if instruction & 0x80 != 0 {
            let start = reader.number(instruction, 4)?;
            let length = match reader.number(instruction >> 4, 3)? {
                0 => 0x10000,
                length => length,
            };
            base.get(start..start + length).ok_or(BinaryError::Delta)?
        } else {
            reader.take(usize::from(instruction))?
        };
        // An instruction of zero is reserved: it would add nothing for ever.
        if piece.is_empty() || content.len() + piece.len() > size {
            return Err(BinaryError::Delta);
        }
        content.extend_from_slice(piece);
    }
    match content.len() == size {
        true => Ok(content),
        false => Err(BinaryError::Size { expected: size }),
    }
}

struct DeltaReader<'a> {
    rest: &'a [u8],
}

impl<'a> DeltaReader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], BinaryError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(BinaryError::Delta)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads a size: seven bits a byte, the lowest first, as long as the top bit is set.
    fn size(&mut self) -> Result<usize, BinaryError> {
        let mut size = 0_usize;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            size |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(size);
            }
        }
        Err(BinaryError::Delta)
    }

    /// Reads those bytes of a number that the low bits of `present` name.
    fn number(&mut self, present: u8, bytes: usize) -> Result<usize, BinaryError> {
        let mut number = 0;
        for index in 0..bytes {
            if present & (1 << index) != 0 {
                number |= usize::from(self.take(1)?[0]) << (8 * index);
            }
        }
        Ok(number)
    }
}
