//! What tokens say and how they are signed: HS256 by a key that this relay made at its first start.
//!
//! An *access token* is good for minutes and names a device and its family. A *refresh token* is good once: each use
//! answers with its successor, one number higher in the same *family* (a family begins at each sign-in; see
//! [`super::families`]). Both are the same bytes for the same content, so that an answer which got lost can be given
//! again without keeping the token itself.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use parley_protocol::{AccountId, Code, DeviceId, ErrorBody};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The file of the key, in the data folder: 32 bytes in hexadecimal.
pub(crate) const KEY_FILE: &str = "token.key";
const ACCESS: &str = "parley-access";
const REFRESH: &str = "parley-refresh";

/// A sign-in of one device and all that was refreshed from it.
pub(crate) type Family = Uuid;

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read or made.
    #[error("{}: {source}", path.display())]
    File {
        /// Of the key.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a key.
    #[error("{} is not a key of this relay; put the right file back, or delete it and everybody signs in again", .0.display())]
    Damaged(PathBuf),
    /// Whoever can read it can be anybody.
    #[error("others can read {} (mode {mode:o}); whoever can read it can sign in as anybody. Run: chmod 600 {}", path.display(), path.display())]
    Readable {
        /// Of the key.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// What an access token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Access {
    pub(crate) sub: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) family: Family,
    pub(crate) jti: Uuid,
    pub(crate) iat: u64,
    pub(crate) exp: u64,
    aud: String,
}

/// What a refresh token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refresh {
    pub(crate) sub: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) family: Family,
    /// Its place in the family: 1, 2, 3 …
    pub(crate) n: u64,
    pub(crate) iat: u64,
    pub(crate) exp: u64,
    aud: String,
}

impl Refresh {
    /// The token of the same family with this number and these times, in seconds.
    pub(crate) fn with(&self, n: u64, iat: u64, exp: u64) -> Self {
        Self { n, iat, exp, ..self.clone() }
    }
}

/// Signs and reads tokens.
pub(crate) struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    pub(crate) access_lifetime: Duration,
    pub(crate) refresh_lifetime: Duration,
}

impl Tokens {
    /// With the key in the data folder, which is made if there is none.
    pub(crate) fn open(data: &Path, access: Duration, refresh: Duration) -> Result<Self, KeyError> {
        let key = read_or_make_key(&data.join(KEY_FILE))?;
        Ok(Self {
            encoding: EncodingKey::from_secret(&key),
            decoding: DecodingKey::from_secret(&key),
            access_lifetime: access,
            refresh_lifetime: refresh,
        })
    }

    /// A new access token; `now` in seconds.
    pub(crate) fn access(&self, of: &Refresh, now: u64) -> Result<String, ErrorBody> {
        self.sign(&Access {
            sub: of.sub,
            device: of.device,
            family: of.family,
            jti: Uuid::new_v4(),
            iat: now,
            exp: now + self.access_lifetime.as_secs().max(1),
            aud: ACCESS.to_owned(),
        })
    }

    /// What the refresh token number `n` of a family says if it was issued at `iat`, in seconds.
    pub(crate) fn refresh(&self, sub: AccountId, device: DeviceId, family: Family, n: u64, iat: u64) -> Refresh {
        let exp = iat + self.refresh_lifetime.as_secs();
        Refresh { sub, device, family, n, iat, exp, aud: REFRESH.to_owned() }
    }

    /// Signs what an access or a refresh token says.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, ErrorBody> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
            .map_err(|_| ErrorBody::new(Code::Internal, "the token could not be signed"))
    }

    /// Reads an access token.
    ///
    /// # Errors
    /// `token_expired`, or `unauthorized` for whatever this relay has not signed as one.
    pub(crate) fn read_access(&self, token: &str) -> Result<Access, ErrorBody> {
        self.read(token, ACCESS).map_err(|kind| match kind {
            ErrorKind::ExpiredSignature => {
                ErrorBody::new(Code::TokenExpired, "the access token has run out; POST /api/refresh for a new one")
            }
            _ => ErrorBody::new(Code::Unauthorized, "the access token is not one of this relay; sign in"),
        })
    }

    /// Reads a refresh token.
    ///
    /// # Errors
    /// `unauthorized` for one that has run out or that this relay has not signed as one.
    pub(crate) fn read_refresh(&self, token: &str) -> Result<Refresh, ErrorBody> {
        self.read(token, REFRESH).map_err(|kind| match kind {
            ErrorKind::ExpiredSignature => {
                ErrorBody::new(Code::Unauthorized, "the device was away for too long to stay signed in; sign in again")
            }
            _ => ErrorBody::new(Code::Unauthorized, "the refresh token is not one of this relay; sign in"),
        })
    }

    fn read<T: DeserializeOwned>(&self, token: &str, audience: &str) -> Result<T, ErrorKind> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.leeway = 0;
        rules.set_audience(&[audience]);
        rules.set_required_spec_claims(&["exp", "aud", "sub"]);
        jsonwebtoken::decode(token, &self.decoding, &rules).map(|data| data.claims).map_err(|error| error.into_kind())
    }
}

/// What is stored of a token: enough to know it again.
pub(crate) fn fingerprint(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn read_or_make_key(path: &Path) -> Result<Vec<u8>, KeyError> {
    let wrong = |source| KeyError::File { path: path.to_owned(), source };
    match std::fs::read_to_string(path) {
        Ok(text) => {
            check_mode(path)?;
            from_hex(text.trim()).ok_or_else(|| KeyError::Damaged(path.to_owned()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key: [u8; 32] = rand::random();
            write_private(path, &key.iter().map(|byte| format!("{byte:02x}")).collect::<String>()).map_err(wrong)?;
            Ok(key.to_vec())
        }
        Err(error) => Err(wrong(error)),
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn check_mode(path: &Path) -> Result<(), KeyError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let found = std::fs::metadata(path).map_err(|source| KeyError::File { path: path.to_owned(), source })?;
        let mode = found.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Readable { path: path.to_owned(), mode });
        }
    }
    Ok(())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(folder: &Path) -> Tokens {
        Tokens::open(folder, Duration::from_secs(900), Duration::from_secs(9_000)).unwrap()
    }

    fn refresh(tokens: &Tokens, iat: u64) -> Refresh {
        tokens.refresh(AccountId::new(), DeviceId::new(), Uuid::new_v4(), 1, iat)
    }

    #[test]
    fn a_token_says_what_was_signed_and_is_good_for_one_purpose() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = tokens(folder.path());
        let now = jsonwebtoken::get_current_timestamp();
        let claims = refresh(&tokens, now);
        let signed = tokens.sign(&claims).unwrap();
        assert_eq!(signed, tokens.sign(&claims).unwrap(), "the same content gives the same bytes");
        assert_eq!(tokens.read_refresh(&signed).unwrap(), claims);
        assert_eq!(tokens.read_access(&signed).unwrap_err().code, Code::Unauthorized);

        let access = tokens.access(&claims, now).unwrap();
        assert_eq!(tokens.read_access(&access).unwrap().device, claims.device);
        assert_eq!(tokens.read_refresh(&access).unwrap_err().code, Code::Unauthorized);
        assert_eq!(
            tokens.read_access(&tokens.access(&claims, now - 1_000).unwrap()).unwrap_err().code,
            Code::TokenExpired
        );
    }

    #[test]
    fn another_relay_or_no_signature_is_refused() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (ours, theirs) = (tokens(one.path()), tokens(other.path()));
        let now = jsonwebtoken::get_current_timestamp();
        let foreign = theirs.access(&refresh(&theirs, now), now).unwrap();
        assert_eq!(ours.read_access(&foreign).unwrap_err().code, Code::Unauthorized);

        let own = ours.access(&refresh(&ours, now), now).unwrap();
        let unsigned = own.rsplit_once('.').unwrap().0.to_owned() + ".";
        assert_eq!(ours.read_access(&unsigned).unwrap_err().code, Code::Unauthorized);
        assert_eq!(ours.read_access("").unwrap_err().code, Code::Unauthorized);
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_private_and_one_that_is_not_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        let key = read_or_make_key(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_or_make_key(&path).unwrap(), key, "it stays the same");

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_or_make_key(&path).unwrap_err().to_string().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "not a key").unwrap();
        assert!(matches!(read_or_make_key(&path), Err(KeyError::Damaged(_))));
    }
}
