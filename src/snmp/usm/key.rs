//! From a password to a key (RFC 3414 section 2.6, appendix A.2) and what is done with it.

use aes::{Aes128, Aes192, Aes256};
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit, block_padding::NoPadding};
use des::Des;
use hmac::{Hmac, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use zeroize::Zeroize;

use super::protocol::{AuthProtocol, PrivProtocol};

/// Octets that a password is stretched to.
const STRETCHED: usize = 1 << 20;

/// A longest key.
const LONGEST: usize = 64;

/// Octets of a key that are wiped when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    octets: [u8; LONGEST],
    len: usize,
}

impl Drop for Key {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Does what is given with the hash of a protocol.
macro_rules! with_hash {
    ($protocol:expr, $hash:ident => $work:expr) => {
        match $protocol {
            AuthProtocol::Md5 => {
                type $hash = Md5;
                $work
            }
            AuthProtocol::Sha1 => {
                type $hash = Sha1;
                $work
            }
            AuthProtocol::Sha224 => {
                type $hash = Sha224;
                $work
            }
            AuthProtocol::Sha256 => {
                type $hash = Sha256;
                $work
            }
            AuthProtocol::Sha384 => {
                type $hash = Sha384;
                $work
            }
            AuthProtocol::Sha512 => {
                type $hash = Sha512;
                $work
            }
        }
    };
}

impl Key {
    /// `None` if there are more than 64.
    pub fn new(octets: &[u8]) -> Option<Key> {
        let mut key = Key { octets: [0; LONGEST], len: octets.len() };
        key.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(key)
    }

    /// Ku: a million octets of the password's repetition, hashed. Takes a millisecond or two.
    pub fn from_password(protocol: AuthProtocol, password: &[u8]) -> Key {
        let mut block = [0; 64];
        let mut octets = password.iter().copied().cycle();
        let key = with_hash!(protocol, Hash => {
            let mut hash = Hash::new();
            for _ in 0..STRETCHED / block.len() {
                block.iter_mut().zip(&mut octets).for_each(|(to, from)| *to = from);
                hash.update(block);
            }
            Key::of(hash)
        });
        block.zeroize();
        key
    }

    /// Kul: Ku for one engine.
    pub fn localized(&self, protocol: AuthProtocol, engine: &[u8]) -> Key {
        with_hash!(protocol, Hash => {
            let hash = Hash::new().chain_update(self.octets()).chain_update(engine).chain_update(self.octets());
            Key::of(hash)
        })
    }

    /// The key of a privacy protocol, from a Kul that may be too short for it.
    pub fn extended(self, hash: AuthProtocol, protocol: PrivProtocol, engine: &[u8]) -> Key {
        let wanted = protocol.key_len();
        let mut key = self;
        if key.len < wanted {
            let more = match protocol.is_slow() {
                true => Key::from_password(hash, key.octets()).localized(hash, engine),
                false => with_hash!(hash, Hash => Key::of(Hash::new().chain_update(key.octets()))),
            };
            let rest = more.octets().iter().chain(std::iter::repeat(&0));
            key.octets[key.len..wanted].iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        }
        key.octets[wanted..].zeroize();
        key.len = wanted;
        key
    }

    /// What a KeyChange makes of it (RFC 3414 section 5): random octets and a difference, each as long as the key. `None`:
    /// they are not.
    pub fn changed(&self, hash: AuthProtocol, change: &[u8]) -> Option<Key> {
        let (random, delta) = change.split_at_checked(self.len)?;
        if delta.len() != self.len {
            return None;
        }
        let mut hashed = self.clone();
        let mut key = Key { octets: [0; LONGEST], len: self.len };
        let chunks = key.octets.chunks_mut(hash.key_len()).zip(delta.chunks(hash.key_len()));
        for (octets, delta) in chunks {
            hashed = with_hash!(hash, Hash => {
                Key::of(Hash::new().chain_update(hashed.octets()).chain_update(random))
            });
            let differs = hashed.octets().iter().zip(delta).map(|(octet, delta)| octet ^ delta);
            octets.iter_mut().zip(differs).for_each(|(to, from)| *to = from);
        }
        Some(key)
    }

    pub fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }

    fn of(hash: impl Digest) -> Key {
        let mut output = hash.finalize();
        let mut key = Key { octets: [0; LONGEST], len: output.len() };
        key.octets[..output.len()].copy_from_slice(&output);
        output.as_mut_slice().zeroize();
        key
    }
}

/// A localized key, ready to sign and to verify.
#[derive(Clone)]
pub enum AuthKey {
    Md5(Hmac<Md5>),
    Sha1(Hmac<Sha1>),
    Sha224(Hmac<Sha224>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

macro_rules! with_mac {
    ($key:expr, $mac:ident => $work:expr) => {
        match $key {
            AuthKey::Md5($mac) => $work,
            AuthKey::Sha1($mac) => $work,
            AuthKey::Sha224($mac) => $work,
            AuthKey::Sha256($mac) => $work,
            AuthKey::Sha384($mac) => $work,
            AuthKey::Sha512($mac) => $work,
        }
    };
}

impl AuthKey {
    /// HMAC takes a key of any length, so there is always one.
    pub fn new(protocol: AuthProtocol, kul: &Key) -> Option<AuthKey> {
        let octets = kul.octets();
        Some(match protocol {
            AuthProtocol::Md5 => AuthKey::Md5(Hmac::new_from_slice(octets).ok()?),
            AuthProtocol::Sha1 => AuthKey::Sha1(Hmac::new_from_slice(octets).ok()?),
            AuthProtocol::Sha224 => AuthKey::Sha224(Hmac::new_from_slice(octets).ok()?),
            AuthProtocol::Sha256 => AuthKey::Sha256(Hmac::new_from_slice(octets).ok()?),
            AuthProtocol::Sha384 => AuthKey::Sha384(Hmac::new_from_slice(octets).ok()?),
            AuthProtocol::Sha512 => AuthKey::Sha512(Hmac::new_from_slice(octets).ok()?),
        })
    }

    pub fn mac_len(&self) -> usize {
        match self {
            AuthKey::Md5(_) => AuthProtocol::Md5,
            AuthKey::Sha1(_) => AuthProtocol::Sha1,
            AuthKey::Sha224(_) => AuthProtocol::Sha224,
            AuthKey::Sha256(_) => AuthProtocol::Sha256,
            AuthKey::Sha384(_) => AuthProtocol::Sha384,
            AuthKey::Sha512(_) => AuthProtocol::Sha512,
        }
        .mac_len()
    }

    /// Fills in the code at `at` of a message; what stands there counts as zeros.
    pub fn sign(&self, message: &mut [u8], at: usize) {
        let len = self.mac_len();
        message[at..at + len].fill(0);
        with_mac!(self, mac => {
            let code = mac.clone().chain_update(&*message).finalize().into_bytes();
            message[at..at + len].copy_from_slice(&code[..len]);
        });
    }

    /// Whether the code at `at` of a message is right, in a time that tells nothing of it.
    pub fn verifies(&self, message: &[u8], at: usize) -> bool {
        const ZEROS: [u8; 48] = [0; 48];
        let len = self.mac_len();
        let Some((before, rest)) = message.split_at_checked(at) else { return false };
        let Some((code, after)) = rest.split_at_checked(len) else { return false };
        with_mac!(self, mac => {
            let mac = mac.clone().chain_update(before).chain_update(&ZEROS[..len]).chain_update(after);
            mac.verify_truncated_left(code).is_ok()
        })
    }
}

/// What a message is encrypted with beside the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salted {
    pub boots: i32,
    pub time: i32,
    /// msgPrivacyParameters.
    pub salt: [u8; 8],
}

/// A localized key, ready to encrypt and to decrypt.
#[derive(Clone)]
pub enum PrivKey {
    /// With the pre-IV.
    Des(Des, [u8; 8]),
    Aes128(Aes128),
    Aes192(Aes192),
    Aes256(Aes256),
}

impl PrivKey {
    /// `None` if the key is not as long as the protocol has it.
    pub fn new(protocol: PrivProtocol, key: &Key) -> Option<PrivKey> {
        let octets = key.octets();
        Some(match protocol {
            PrivProtocol::Des => {
                let (key, pre_iv) = octets.split_at_checked(8)?;
                PrivKey::Des(Des::new_from_slice(key).ok()?, pre_iv.try_into().ok()?)
            }
            PrivProtocol::Aes128 => PrivKey::Aes128(Aes128::new_from_slice(octets).ok()?),
            PrivProtocol::Aes192 | PrivProtocol::Aes192C => {
                PrivKey::Aes192(Aes192::new_from_slice(octets).ok()?)
            }
            PrivProtocol::Aes256 | PrivProtocol::Aes256C => {
                PrivKey::Aes256(Aes256::new_from_slice(octets).ok()?)
            }
        })
    }

    /// A salt that is never used again with this key: `count` differs for each message.
    pub fn salt(&self, boots: i32, count: u64) -> [u8; 8] {
        match self {
            PrivKey::Des(..) => (u64::from(boots as u32) << 32 | count & u64::from(u32::MAX)).to_be_bytes(),
            _ => count.to_be_bytes(),
        }
    }

    /// Octets that `plain` octets become.
    pub fn encrypted_len(&self, plain: usize) -> usize {
        match self {
            PrivKey::Des(..) => plain.next_multiple_of(8),
            _ => plain,
        }
    }

    /// In place; the length is one that [`encrypted_len`](PrivKey::encrypted_len) gives.
    pub fn encrypt(&self, salted: &Salted, text: &mut [u8]) {
        let iv = &salted.iv().into();
        match self {
            PrivKey::Des(des, pre_iv) => {
                let iv = &xor(*pre_iv, salted.salt).into();
                let len = text.len();
                let encrypted =
                    cbc::Encryptor::<&Des>::inner_iv_init(des, iv).encrypt_padded::<NoPadding>(text, len);
                debug_assert!(encrypted.is_ok(), "{len} octets");
            }
            PrivKey::Aes128(aes) => cfb_mode::Encryptor::inner_iv_init(aes, iv).encrypt(text),
            PrivKey::Aes192(aes) => cfb_mode::Encryptor::inner_iv_init(aes, iv).encrypt(text),
            PrivKey::Aes256(aes) => cfb_mode::Encryptor::inner_iv_init(aes, iv).encrypt(text),
        }
    }

    /// In place. False if it was not encrypted by this protocol.
    pub fn decrypt(&self, salted: &Salted, text: &mut [u8]) -> bool {
        let iv = &salted.iv().into();
        match self {
            PrivKey::Des(des, pre_iv) => {
                let iv = &xor(*pre_iv, salted.salt).into();
                return cbc::Decryptor::<&Des>::inner_iv_init(des, iv)
                    .decrypt_padded::<NoPadding>(text)
                    .is_ok();
            }
            PrivKey::Aes128(aes) => cfb_mode::Decryptor::inner_iv_init(aes, iv).decrypt(text),
            PrivKey::Aes192(aes) => cfb_mode::Decryptor::inner_iv_init(aes, iv).decrypt(text),
            PrivKey::Aes256(aes) => cfb_mode::Decryptor::inner_iv_init(aes, iv).decrypt(text),
        }
        true
    }
}

impl Salted {
    /// Of AES (RFC 3826 section 3.1.2.1).
    fn iv(&self) -> [u8; 16] {
        let mut iv = [0; 16];
        iv[..4].copy_from_slice(&self.boots.to_be_bytes());
        iv[4..8].copy_from_slice(&self.time.to_be_bytes());
        iv[8..].copy_from_slice(&self.salt);
        iv
    }
}

fn xor(mut one: [u8; 8], other: [u8; 8]) -> [u8; 8] {
    one.iter_mut().zip(other).for_each(|(to, from)| *to ^= from);
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGINE: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    /// RFC 3414 appendix A.3.
    #[test]
    fn keys_of_the_standard() {
        for (protocol, ku, kul) in [
            (AuthProtocol::Md5, "9faf3283884e92834ebc9847d8edd963", "526f5eed9fcce26f8964c2930787d82b"),
            (
                AuthProtocol::Sha1,
                "9fb5cc0381497b3793528939ff788d5d79145211",
                "6695febc9288e36282235fc7151f128497b38f3f",
            ),
        ] {
            let key = Key::from_password(protocol, b"maplesyrup");
            assert_eq!(hex(key.octets()), ku);
            assert_eq!(hex(key.localized(protocol, &ENGINE).octets()), kul);
        }
    }

    /// RFC 3414 appendix A.5.
    #[test]
    fn a_key_changes_as_the_standard_has_it() {
        let kul = |password: &[u8]| {
            Key::from_password(AuthProtocol::Sha1, password).localized(AuthProtocol::Sha1, &ENGINE)
        };
        let difference = [
            0x9c, 0x10, 0x17, 0xf4, 0xfd, 0x48, 0x3d, 0x2d, 0xe8, 0xd5, 0xfa, 0xdb, 0xf8, 0x43, 0x92, 0xcb,
            0x06, 0x45, 0x70, 0x51,
        ];
        let change = [&[0; 20][..], &difference].concat();
        let changed = kul(b"maplesyrup").changed(AuthProtocol::Sha1, &change).unwrap();
        assert_eq!(hex(changed.octets()), hex(kul(b"newsyrup").octets()));
        assert_eq!(kul(b"maplesyrup").changed(AuthProtocol::Sha1, &change[1..]), None);
    }
}
