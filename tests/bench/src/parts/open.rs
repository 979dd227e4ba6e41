//! Measures the minimum cost of opening passwords: only their decryption, with the sizes of the ledger's.

use std::hint::black_box;

use anyhow::{Result, anyhow};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

/// Bytes of a version, four lengths, the ids of a ledger and of a row, a domain and the id of a customer.
const ASSOCIATED: [u8; 1 + 4 * 8 + 36 + 8 + 30 + 36] = [7; 143];

/// A password of the server's size.
const PASSWORD: &[u8] = b"=;;n.=s9Z";

pub(super) fn run(passwords: u64) -> Result<()> {
    let cipher = XChaCha20Poly1305::new(Key::from_slice(&[7; 32]));
    let nonce = XNonce::from_slice(&[7; 24]);
    let failed = |_| anyhow!("the cipher fails");
    let sealed = cipher.encrypt(nonce, Payload { msg: PASSWORD, aad: &ASSOCIATED }).map_err(failed)?;
    for _ in 0..passwords {
        let sealed = Payload { msg: black_box(&sealed), aad: black_box(&ASSOCIATED) };
        black_box(cipher.decrypt(nonce, sealed).map_err(failed)?);
    }
    Ok(())
}
