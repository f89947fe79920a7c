//! The store's key: what it is derived into, where it lies, and keys from before.
//!
//! A key file is text: one key a line, the first is the current one; the others are only read
//! with. So a key is changed by putting a new line first, and a recovered one is added last.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use hyperion_fault::{Point, reached};
use hyperion_model::Digest;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

/// The most keys one file may hold.
pub const MAX_KEYS: usize = 16;

/// Where the key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file, made with a fresh key (mode 0600) when it is missing.
    File {
        /// Where it lies.
        path: PathBuf,
    },
    /// A file at a place that a person named: made when it is missing, but never for a database that another key sealed.
    Named {
        /// Where it lies.
        path: PathBuf,
    },
    /// A file whose key is taken even if the database does not know it.
    Adopt {
        /// Where it lies.
        path: PathBuf,
    },
}

impl KeySource {
    pub(crate) fn path(&self) -> &Path {
        match self {
            KeySource::File { path } | KeySource::Named { path } | KeySource::Adopt { path } => {
                path
            }
        }
    }
}

/// Why a key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read.
    #[error("read the key file {}", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file could not be written.
    #[error("write the key file {}", .path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file does not hold keys.
    #[error("read the key file {}: line {line} is not a key", .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// The machine gave no random bytes.
    #[error("make a key: the machine gave no random bytes")]
    NoRandomness,
    /// The content is too long for the cipher.
    #[error("encrypt content")]
    Cipher,
}

impl KeyError {
    /// Says what to do next.
    pub const fn hint(&self) -> &'static str {
        match self {
            KeyError::Read { .. } | KeyError::Write { .. } => {
                "check the permissions of the key file and its folder, or set HYPERION_KEY_FILE"
            }
            KeyError::Malformed { .. } => {
                "restore the key file from where you keep it; a key is `hyperion-key-v1` and 64 hexadecimal digits"
            }
            KeyError::NoRandomness => "check that /dev/urandom can be read",
            KeyError::Cipher => "split the content",
        }
    }
}

const FORMAT: &str = "hyperion-key-v1";
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const MAX_FILE_BYTES: u64 = 4096;

/// One key, as the subkeys that are derived from it; the key itself is not kept.
pub(crate) struct Key {
    id: String,
    seal: Zeroizing<[u8; KEY_BYTES]>,
    name: Zeroizing<[u8; KEY_BYTES]>,
    blob: Zeroizing<[u8; KEY_BYTES]>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl Key {
    fn derive(root: &[u8; KEY_BYTES]) -> Self {
        // HKDF-Expand (RFC 5869) with one block each: the root is uniform, so it needs no extract.
        let part = |purpose: &str| {
            Zeroizing::new(hmac(root, &[b"hyperion/v1/", purpose.as_bytes(), &[1]]))
        };
        let id = part("id");
        Self {
            id: id[..8].iter().map(|byte| format!("{byte:02x}")).collect(),
            seal: part("head"),
            name: part("blob-name"),
            blob: part("blob"),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Seals the end of the chain.
    pub(crate) fn seal_head(&self, seq: u64, hash: &Digest) -> [u8; 32] {
        hmac(&self.seal, &[b"head", &seq.to_be_bytes(), hash.as_bytes()])
    }

    /// Tells whether a seal is this key's, in constant time.
    pub(crate) fn check_head(&self, seq: u64, hash: &Digest, mac: &[u8]) -> bool {
        keyed(&self.seal, &[b"head", &seq.to_be_bytes(), hash.as_bytes()])
            .verify_slice(mac)
            .is_ok()
    }

    /// Names a blob without giving its digest away.
    pub(crate) fn blob_name(&self, digest: &Digest) -> [u8; 32] {
        hmac(&self.name, &[digest.as_bytes()])
    }

    /// Encrypts content, bound to its digest and to this key: nonce, then ciphertext.
    pub(crate) fn encrypt(&self, digest: &Digest, bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| KeyError::NoRandomness)?;
        let aad = self.associated(digest);
        let sealed = XChaCha20Poly1305::new(&(*self.blob).into())
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: bytes,
                    aad: &aad,
                },
            )
            // Only beyond 256 GiB, which the blob limit rules out.
            .map_err(|_| KeyError::Cipher)?;
        let mut out = Vec::with_capacity(NONCE_BYTES + sealed.len());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Decrypts content; nothing when it was changed or belongs to another digest.
    pub(crate) fn decrypt(&self, digest: &Digest, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        if text.len() < TAG_BYTES {
            return None;
        }
        let aad = self.associated(digest);
        XChaCha20Poly1305::new(&(*self.blob).into())
            .decrypt(
                &XNonce::from(*nonce),
                Payload {
                    msg: text,
                    aad: &aad,
                },
            )
            .ok()
    }

    fn associated(&self, digest: &Digest) -> Vec<u8> {
        [digest.as_bytes().as_slice(), self.id.as_bytes()].concat()
    }
}

/// The current key and those from before; empty in a read-only store without its key.
#[derive(Debug, Default)]
pub(crate) struct KeyRing {
    keys: Vec<Key>,
}

impl KeyRing {
    /// Reads a key file; an empty ring when there is none.
    pub(crate) fn load(path: &Path) -> Result<Self, KeyError> {
        let read = |source| KeyError::Read {
            path: path.to_owned(),
            source,
        };
        let mut text = Zeroizing::new(String::new());
        match fs::File::open(path) {
            Ok(file) => {
                file.take(MAX_FILE_BYTES)
                    .read_to_string(&mut text)
                    .map_err(read)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(read(error)),
        }
        let mut keys = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = parse(line).filter(|_| keys.len() < MAX_KEYS);
            keys.push(key.ok_or(KeyError::Malformed {
                path: path.to_owned(),
                line: at + 1,
            })?);
        }
        if keys.is_empty() {
            return Err(KeyError::Malformed {
                path: path.to_owned(),
                line: 1,
            });
        }
        Ok(Self { keys })
    }

    pub(crate) fn current(&self) -> Option<&Key> {
        self.keys.first()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.id.clone()).collect()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// Gives a blob's name under every key, the current key's first.
    pub(crate) fn blob_names(&self, digest: &Digest) -> impl Iterator<Item = [u8; 32]> {
        let digest = *digest;
        self.keys.iter().map(move |key| key.blob_name(&digest))
    }
}

/// A key that was made but not written yet.
pub(crate) struct FreshKey {
    root: Zeroizing<[u8; KEY_BYTES]>,
}

impl FreshKey {
    pub(crate) fn make() -> Result<Self, KeyError> {
        let mut root = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *root).map_err(|_| KeyError::NoRandomness)?;
        Ok(Self { root })
    }

    pub(crate) fn ring(&self) -> KeyRing {
        KeyRing {
            keys: vec![Key::derive(&self.root)],
        }
    }

    /// Writes it durably; never over an existing file.
    pub(crate) fn write(&self, path: &Path) -> Result<(), KeyError> {
        let mut text = Zeroizing::new(String::with_capacity(FORMAT.len() + 2 + 2 * KEY_BYTES));
        text.push_str(FORMAT);
        text.push(' ');
        for byte in self.root.iter() {
            let mut hex = format!("{byte:02x}");
            text.push_str(&hex);
            hex.zeroize();
        }
        text.push('\n');
        // Written atomically: half a key file would lock its owner out.
        let fresh = path.with_extension("new");
        let write = || -> io::Result<()> {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            reached(Point::StoreKeyDrafted);
            fs::hard_link(&fresh, path)?;
            fs::remove_file(&fresh)?;
            match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => {
                    fs::File::open(folder)?.sync_all()
                }
                Some(_) | None => Ok(()),
            }
        };
        write().map_err(|source| KeyError::Write {
            path: path.to_owned(),
            source,
        })
    }
}

/// Tells whether anybody but the owner may read a file.
pub(crate) fn is_exposed(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

fn parse(line: &str) -> Option<Key> {
    let hex = line.strip_prefix(FORMAT)?.trim_start();
    if hex.len() != 2 * KEY_BYTES || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut root = Zeroizing::new([0; KEY_BYTES]);
    for (at, byte) in root.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(Key::derive(&root))
}

fn keyed(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> Hmac<Sha256> {
    // A key shorter than a block is padded with zeroes (RFC 2104); done here, nothing can fail.
    let mut block = Zeroizing::new([0; 64]);
    block[..KEY_BYTES].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new(&(*block).into());
    for part in parts {
        mac.update(part);
    }
    mac
}

fn hmac(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> [u8; 32] {
    keyed(key, parts).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_bound_to_its_digest_and_key() {
        let (one, two) = (Key::derive(&[1; 32]), Key::derive(&[2; 32]));
        let digest = Digest::of(b"hello");
        let sealed = one.encrypt(&digest, b"hello").unwrap();
        assert_eq!(one.decrypt(&digest, &sealed).unwrap(), b"hello");
        assert_ne!(
            sealed,
            one.encrypt(&digest, b"hello").unwrap(),
            "every nonce is fresh"
        );
        assert!(two.decrypt(&digest, &sealed).is_none());
        assert!(one.decrypt(&Digest::of(b"other"), &sealed).is_none());
        for at in [0, 30, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(one.decrypt(&digest, &changed).is_none());
        }
        assert!(one.decrypt(&digest, &sealed[..20]).is_none());
        assert!(one.decrypt(&digest, &[]).is_none());
    }

    #[test]
    fn subkeys_differ_and_the_id_is_stable() {
        let key = Key::derive(&[7; 32]);
        assert_eq!(key.id(), Key::derive(&[7; 32]).id());
        assert_eq!(key.id().len(), 16);
        assert_ne!(*key.seal, *key.name);
        assert_ne!(*key.blob, *key.name);
        let hash = Digest::of(b"");
        let mac = key.seal_head(3, &hash);
        assert!(key.check_head(3, &hash, &mac));
        assert!(!key.check_head(4, &hash, &mac));
        assert!(!Key::derive(&[8; 32]).check_head(3, &hash, &mac));
    }

    #[test]
    fn a_key_file_is_private_and_may_hold_older_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(KeyRing::load(&path).unwrap().current().is_none());
        let fresh = FreshKey::make().unwrap();
        fresh.write(&path).unwrap();
        assert!(!is_exposed(&path));
        let id = fresh.ring().current().unwrap().id().to_owned();
        assert_eq!(KeyRing::load(&path).unwrap().current().unwrap().id(), id);
        assert!(fresh.write(&path).is_err(), "a key is never overwritten");

        let text = fs::read_to_string(&path).unwrap();
        fs::write(
            &path,
            format!("# new\nhyperion-key-v1 {}\n\n{text}", "ab".repeat(32)),
        )
        .unwrap();
        let ring = KeyRing::load(&path).unwrap();
        assert_ne!(ring.current().unwrap().id(), id);
        assert!(ring.get(&id).is_some());

        for bad in ["", "hyperion-key-v1 abcd", "nonsense", "# only a comment"] {
            fs::write(&path, bad).unwrap();
            assert!(
                matches!(KeyRing::load(&path), Err(KeyError::Malformed { .. })),
                "{bad}"
            );
        }
    }
}
