//! SSH keys, as `ssh-keygen -t ed25519 -N ''` makes them.

use base64::Engine;
use ring::signature::{Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

/// An ed25519 key pair without a passphrase.
pub struct NewKey {
    /// In the format of OpenSSH (its PROTOCOL.key).
    pub private: Zeroizing<String>,
    /// A line of an authorized_keys file, without a comment.
    pub public: String,
}

impl NewKey {
    /// # Errors
    /// The system gives no random numbers.
    pub fn make() -> Result<NewKey, getrandom::Error> {
        let mut seed = Zeroizing::new([0u8; 32]);
        let mut check = [0u8; 4];
        getrandom::fill(&mut *seed)?;
        getrandom::fill(&mut check)?;
        // Every seed of 32 octets is one (RFC 8032 section 5.1.5).
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| getrandom::Error::UNEXPECTED)?;
        let public_key = pair.public_key().as_ref();

        let mut public = Vec::new();
        put_string(&mut public, b"ssh-ed25519");
        put_string(&mut public, public_key);
        let mut private = Zeroizing::new([check, check].concat());
        private.extend_from_slice(&public);
        put_string(&mut private, &Zeroizing::new([&seed[..], public_key].concat()));
        put_string(&mut private, b"fleetbridge");
        let padding = private.len().next_multiple_of(8) - private.len();
        private.extend((1..).take(padding));

        let mut key = Zeroizing::new(b"openssh-key-v1\0".to_vec());
        for word in [&b"none"[..], b"none", b""] {
            put_string(&mut key, word);
        }
        key.extend(1u32.to_be_bytes());
        put_string(&mut key, &public);
        put_string(&mut key, &private);
        Ok(NewKey { private: pem(&key), public: format!("ssh-ed25519 {}", base64(&public)) })
    }
}

fn pem(key: &[u8]) -> Zeroizing<String> {
    let text = Zeroizing::new(base64(key));
    let mut pem = Zeroizing::new(String::from("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    for line in text.as_bytes().chunks(70) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str("-----END OPENSSH PRIVATE KEY-----\n");
    pem
}

fn base64(octets: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(octets)
}

/// A string of SSH (RFC 4251 section 5).
fn put_string(out: &mut Vec<u8>, octets: &[u8]) {
    out.extend((octets.len() as u32).to_be_bytes());
    out.extend_from_slice(octets);
}
