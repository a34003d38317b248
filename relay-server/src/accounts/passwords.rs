//! Passwords: Argon2id at the parameters which OWASP recommends (19 MiB, two passes, one lane).
//!
//! Hashing is bounded: so many at once, so many waiting, and whoever comes on top is told to try later. A storm of
//! sign-ins therefore costs a known share of the machine, and chat goes on. The memory that a hash fills is kept for the
//! next one, since an allocator would keep a copy for every thread that ever hashed. A password never stands in a log,
//! an error or a `Debug` output.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::{Error as HashError, Output, ParamsString, PasswordHash, Salt, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use parley_protocol::{Code, ErrorBody};
use tokio::sync::Semaphore;

/// The fewest bytes of a password.
pub(crate) const MIN_BYTES: usize = 8;
/// The most bytes of a password.
pub(crate) const MAX_BYTES: usize = 1_024;

/// The bounded pool.
pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    /// What hashes fill: never more than may hash at once.
    memories: Arc<Mutex<Vec<Memory>>>,
    /// Verified for an unknown user, so that the answer takes as long as for a wrong password.
    dummy: String,
}

impl Passwords {
    /// A pool which hashes `at_once` passwords and lets `waiting` more wait.
    pub(crate) fn new(at_once: usize, waiting: usize) -> Result<Self, HashError> {
        let dummy = hash(&mut Memory::default(), &uuid::Uuid::new_v4().to_string())?;
        Ok(Self {
            slots: Arc::new(Semaphore::new(at_once)),
            queue: Arc::new(Semaphore::new(at_once.saturating_add(waiting))),
            memories: Arc::default(),
            dummy,
        })
    }

    /// Hashes a new password, in the PHC string format.
    ///
    /// # Errors
    /// `bad_request` for a length out of bounds, `try_later` when too many wait.
    pub(crate) async fn hash(&self, password: String) -> Result<String, ErrorBody> {
        check(&password)?;
        self.run(move |memory| hash(memory, &password)).await?.map_err(|_| fault())
    }

    /// Whether the password is the one of the hash; without a hash, `false` after the same time.
    ///
    /// # Errors
    /// `try_later` when too many wait.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, ErrorBody> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.dummy.clone());
        // A longer one cannot have been set; hashing it would let a caller choose how long that takes.
        let (password, fits) = if password.len() <= MAX_BYTES { (password, true) } else { (String::new(), false) };
        let matches = self.run(move |memory| matches(memory, &password, &hash)).await?.map_err(|_| fault())?;
        Ok(matches && known && fits)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, ErrorBody> {
        let Ok(place) = Arc::clone(&self.queue).try_acquire_owned() else {
            let message = "too many people sign in at this moment (password_queue); try again in a few seconds";
            return Err(ErrorBody { retry_after: Some(5), ..ErrorBody::new(Code::TryLater, message) });
        };
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| fault())?;
        // Both go into the work: a caller who hangs up does not free what is still being hashed.
        let memories = Arc::clone(&self.memories);
        let work = move || {
            let kept = memories.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut memory = kept.unwrap_or_default();
            let done = work(&mut memory);
            memories.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            drop((slot, place));
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| fault())
    }
}

fn check(password: &str) -> Result<(), ErrorBody> {
    if (MIN_BYTES..=MAX_BYTES).contains(&password.len()) {
        return Ok(());
    }
    let message = format!("a password has {MIN_BYTES} to {MAX_BYTES} bytes; this has {}", password.len());
    Err(ErrorBody::new(Code::BadRequest, message))
}

fn fault() -> ErrorBody {
    ErrorBody::new(Code::Internal, "the password could not be checked; the relay's log may say more")
}

/// The 19 MiB which one hash at a time fills.
#[derive(Default)]
struct Memory(Vec<Block>);

impl Memory {
    fn digest(&mut self, hasher: &Argon2<'_>, password: &str, salt: Salt<'_>) -> Result<Output, HashError> {
        let mut bytes = [0; Salt::MAX_LENGTH];
        let salt = salt.decode_b64(&mut bytes)?;
        self.0.resize(hasher.params().block_count(), Block::new());
        let length = hasher.params().output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        Output::init_with(length, |output| {
            Ok(hasher.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut self.0)?)
        })
    }
}

/// A new hash, in the PHC string format.
fn hash(memory: &mut Memory, password: &str) -> Result<String, HashError> {
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let params = Params::new(19 * 1_024, 2, 1, None)?;
    let named = ParamsString::try_from(&params)?;
    let salt = SaltString::encode_b64(uuid::Uuid::new_v4().as_bytes())?;
    let output = memory.digest(&Argon2::new(algorithm, version, params), password, salt.as_salt())?;
    let hash = PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: named,
        salt: Some(salt.as_salt()),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

/// Whether the password is the one of a hash, by whatever parameters that was made.
fn matches(memory: &mut Memory, password: &str, hash: &str) -> Result<bool, HashError> {
    let stored = PasswordHash::new(hash)?;
    let (Some(salt), Some(output)) = (stored.salt, stored.hash) else {
        return Ok(false);
    };
    let version = stored.version.map(Version::try_from).transpose()?.unwrap_or_default();
    let hasher = Argon2::new(Algorithm::try_from(stored.algorithm)?, version, Params::try_from(&stored)?);
    // `Output` compares in constant time.
    Ok(memory.digest(&hasher, password, salt)? == output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_its_own_and_no_other() {
        let passwords = Passwords::new(2, 4).unwrap();
        let stored = passwords.hash("correct horse".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify("correct horse".into(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("battery staple".into(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("x".repeat(2_000), Some(stored)).await.unwrap());
        assert!(!passwords.verify("correct horse".into(), None).await.unwrap());
        assert_eq!(passwords.hash("short".into()).await.unwrap_err().code, Code::BadRequest);
    }

    #[tokio::test]
    async fn a_storm_is_told_to_try_later() {
        let passwords = Passwords::new(1, 1).unwrap();
        let tries = (0..8).map(|_| passwords.verify("correct horse".into(), None));
        let answers = futures_util::future::join_all(tries).await;
        let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
        assert_eq!(refused.len(), 6);
        assert!(refused.iter().all(|error| error.code == Code::TryLater && error.retry_after.is_some()));
    }

    #[tokio::test]
    async fn many_sign_ins_fill_no_more_memory_than_may_hash_at_once() {
        let passwords = Passwords::new(2, 16).unwrap();
        let tries = (0..16).map(|_| passwords.verify("correct horse".into(), None));
        let answers = futures_util::future::join_all(tries).await;
        assert!(answers.into_iter().all(|answer| answer == Ok(false)));
        let kept = passwords.memories.lock().unwrap();
        assert!((1..=2).contains(&kept.len()), "{}", kept.len());
        assert!(kept.iter().all(|memory| memory.0.len() == 19 * 1_024));
    }
}
