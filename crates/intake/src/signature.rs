//! Who vouches for a change from outside: an ed25519 signature over the canonical JSON of all but the signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use hyperion_api::change_request;
use hyperion_model::canonical;
use serde_json::Value;

/// A key that an admin registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// How signatures name it.
    pub id: String,
    /// The public key, as the 32 bytes of RFC 8032.
    pub public: [u8; 32],
}

impl SigningKey {
    /// Reads a public key in base64; none where it is none.
    pub fn new(id: &str, public: &str) -> Option<Self> {
        let public: [u8; 32] = STANDARD.decode(public).ok()?.try_into().ok()?;
        VerifyingKey::from_bytes(&public).ok()?;
        Some(Self {
            id: id.to_owned(),
            public,
        })
    }
}

/// Gives the text that is signed: the document without its signature, as canonical JSON.
pub fn signed_text(document: &Value) -> String {
    let mut document = document.clone();
    if let Some(fields) = document.as_object_mut() {
        fields.remove("signature");
    }
    canonical::to_string(&document)
}

/// Checks a signature; the error is the field that is wrong, and what of it.
pub fn check(
    document: &Value,
    signature: &change_request::Signature,
    keys: &[SigningKey],
) -> Result<(), (&'static str, String)> {
    let change_request::Signature {
        algorithm,
        key_id,
        value,
    } = signature;
    if algorithm != "ed25519" {
        let shown: String = algorithm.chars().take(40).collect();
        return Err((
            "algorithm",
            format!("{shown:?} is not known; sign with ed25519"),
        ));
    }
    let Some(key) = keys.iter().find(|key| key.id == *key_id) else {
        let shown: String = key_id.chars().take(100).collect();
        let known: Vec<_> = keys.iter().map(|key| key.id.as_str()).collect();
        let known = match known.as_slice() {
            [] => "none is".to_owned(),
            known => format!("there is: {}", known.join(", ")),
        };
        let detail = format!(
            "no key {shown:?} is registered, {known}; an admin adds it to the setting policy.keys"
        );
        return Err(("key_id", detail));
    };
    let bytes = STANDARD.decode(value).ok();
    let bytes = bytes.and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
    let Some(bytes) = bytes else {
        let detail = "is no ed25519 signature: 64 bytes in base64".to_owned();
        return Err(("value", detail));
    };
    let verified = VerifyingKey::from_bytes(&key.public).and_then(|key| {
        key.verify_strict(
            signed_text(document).as_bytes(),
            &Signature::from_bytes(&bytes),
        )
    });
    verified.map_err(|_| {
        let detail = format!(
            "is not that of key {key_id} over this document: sign the canonical JSON (RFC 8785) of all but `signature`"
        );
        ("value", detail)
    })
}
