//! Tokens in the system's keychain: kept there, found again, and never lost, whatever the keychain does.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use desktop_app::views::Connection;
use desktop_app::{Engine, EngineError, Keychain, Options};
use parley_protocol::http::{SignIn, SignUp};

use crate::world::{PASSWORD, World, eventually};

/// A keychain in memory that can be locked.
#[derive(Default)]
struct Ring {
    secret: Mutex<Option<String>>,
    locked: Mutex<bool>,
    /// It asks somebody who is not there.
    silent: Mutex<bool>,
    spoken: Condvar,
}

impl Ring {
    fn lock(&self, locked: bool) {
        *self.locked.lock().unwrap() = locked;
    }

    fn holds(&self) -> bool {
        self.secret.lock().unwrap().is_some()
    }

    fn silence(&self, silent: bool) {
        *self.silent.lock().unwrap() = silent;
        self.spoken.notify_all();
    }

    /// Returns once it is not silent.
    fn listen(&self) {
        let _silent = self.spoken.wait_while(self.silent.lock().unwrap(), |silent| *silent).unwrap();
    }

    fn set(&self, secret: Option<String>) -> Result<(), String> {
        self.listen();
        if *self.locked.lock().unwrap() {
            return Err("it is locked".to_owned());
        }
        *self.secret.lock().unwrap() = secret;
        Ok(())
    }
}

impl Keychain for Ring {
    fn load(&self) -> Result<Option<String>, String> {
        self.listen();
        if *self.locked.lock().unwrap() {
            return Err("it is locked".to_owned());
        }
        Ok(self.secret.lock().unwrap().clone())
    }

    fn keep(&self, secret: &str) -> Result<(), String> {
        self.set(Some(secret.to_owned()))
    }

    fn forget(&self) -> Result<(), String> {
        self.set(None)
    }

    fn patience(&self) -> Duration {
        if *self.silent.lock().unwrap() { Duration::from_millis(300) } else { Duration::from_secs(60) }
    }
}

async fn open(folder: &Path, ring: &Arc<Ring>) -> Result<Engine, EngineError> {
    Engine::open(folder, Options { keychain: Some(ring.clone()), ..Options::default() }).await
}

async fn sign_up(engine: &Engine, world: &World) {
    let request = SignUp {
        username: "alice".to_owned(),
        email: "alice@example.org".to_owned(),
        password: PASSWORD.to_owned(),
        invite: None,
        device_name: None,
    };
    engine.sign_up(&format!("http://127.0.0.1:{}", world.port()), request).await.unwrap();
}

async fn online(engine: &Engine) {
    eventually("it is online", async || matches!(engine.connection().await.unwrap(), Connection::Online { .. })).await;
}

fn in_database(folder: &Path) -> bool {
    let db = rusqlite::Connection::open(folder.join("parley.sqlite")).unwrap();
    db.prepare("SELECT 1 FROM settings WHERE key = 'credentials'").unwrap().exists([]).unwrap()
}

/// Each request refreshes the tokens, as they are always about to end.
async fn hasty() -> World {
    World::with(|config| config.access_token_lifetime = Duration::from_secs(5)).await
}

#[tokio::test]
async fn the_keychain_keeps_the_tokens_and_the_profile_does_not() {
    let (world, folder, ring) = (hasty().await, tempfile::tempdir().unwrap(), Arc::new(Ring::default()));
    let engine = open(folder.path(), &ring).await.unwrap();
    sign_up(&engine, &world).await;
    online(&engine).await;
    engine.account().await.unwrap();
    assert!(engine.tokens_in_keychain().await.unwrap());
    engine.close().await;
    assert!(!in_database(folder.path()));

    let engine = open(folder.path(), &ring).await.unwrap();
    online(&engine).await;
    engine.sign_out(false).await.unwrap();
    eventually("the keychain forgets", async || !ring.holds()).await;
    engine.close().await;
}

#[tokio::test]
async fn while_the_keychain_is_locked_the_profile_keeps_the_newest_tokens() {
    let (world, folder, ring) = (hasty().await, tempfile::tempdir().unwrap(), Arc::new(Ring::default()));
    let engine = open(folder.path(), &ring).await.unwrap();
    sign_up(&engine, &world).await;
    ring.lock(true);
    // Each of these uses up the tokens that the keychain still has.
    for _ in 0..3 {
        engine.account().await.unwrap();
    }
    assert!(!engine.tokens_in_keychain().await.unwrap());
    engine.close().await;
    assert!(in_database(folder.path()));
    ring.lock(false);

    let engine = open(folder.path(), &ring).await.unwrap();
    online(&engine).await;
    engine.account().await.unwrap();
    assert!(engine.tokens_in_keychain().await.unwrap(), "they are back where they belong");
    engine.close().await;
    assert!(!in_database(folder.path()));
}

#[tokio::test]
async fn a_profile_waits_for_a_keychain_that_cannot_be_read() {
    let (world, folder, ring) = (hasty().await, tempfile::tempdir().unwrap(), Arc::new(Ring::default()));
    let engine = open(folder.path(), &ring).await.unwrap();
    sign_up(&engine, &world).await;
    engine.close().await;
    ring.lock(true);
    assert!(matches!(open(folder.path(), &ring).await, Err(EngineError::Keychain(_))));
    let without = Engine::open(folder.path(), Options::default()).await;
    assert!(matches!(without, Err(EngineError::Keychain(_))), "who has no keychain does not sign the profile out");
    ring.lock(false);
    let engine = open(folder.path(), &ring).await.unwrap();
    online(&engine).await;
    engine.close().await;
}

#[tokio::test]
async fn a_keychain_that_never_answers_holds_nothing_up_for_good() {
    let (world, folder, ring) = (hasty().await, tempfile::tempdir().unwrap(), Arc::new(Ring::default()));
    let engine = open(folder.path(), &ring).await.unwrap();
    ring.silence(true);
    sign_up(&engine, &world).await;
    engine.account().await.unwrap();
    assert!(!engine.tokens_in_keychain().await.unwrap(), "meanwhile the profile keeps them");
    ring.silence(false);
    engine.account().await.unwrap();
    assert!(engine.tokens_in_keychain().await.unwrap());
    engine.close().await;

    ring.silence(true);
    let refused = open(folder.path(), &ring).await.err();
    assert!(matches!(&refused, Some(EngineError::Keychain(why)) if why.contains("does not answer")), "{refused:?}");
    ring.silence(false);
    let engine = open(folder.path(), &ring).await.unwrap();
    online(&engine).await;
    engine.close().await;
}

#[tokio::test]
async fn a_keychain_that_lost_the_tokens_signs_the_profile_out_and_nothing_else() {
    let (world, folder, ring) = (hasty().await, tempfile::tempdir().unwrap(), Arc::new(Ring::default()));
    let engine = open(folder.path(), &ring).await.unwrap();
    sign_up(&engine, &world).await;
    let before = engine.me().await.unwrap().unwrap();
    engine.close().await;
    ring.set(None).unwrap();

    let engine = open(folder.path(), &ring).await.unwrap();
    let Connection::SignedOut { reason: Some(reason) } = engine.connection().await.unwrap() else {
        panic!("it is signed in without tokens");
    };
    assert!(reason.contains("keychain"), "{reason}");
    let form = SignIn { username: Some("alice".to_owned()), password: PASSWORD.to_owned(), ..SignIn::default() };
    let me = engine.sign_in(&before.relay, form).await.unwrap();
    assert_eq!(me, before, "it comes back as the same device");
    engine.close().await;
}

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_keychain_that_takes_nothing_is_spoken_of_once() {
    let (world, folder, ring) = (hasty().await, tempfile::tempdir().unwrap(), Arc::new(Ring::default()));
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || written.clone()).finish();
    // As long as there is but one, whichever thread comes by a line first decides for all whether it is listened to there.
    let _another = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    let _logged = tracing::subscriber::set_default(subscriber);
    let said = || String::from_utf8_lossy(&log.0.lock().unwrap()).matches("does not take the sign-in").count();
    let engine = open(folder.path(), &ring).await.unwrap();
    ring.lock(true);
    sign_up(&engine, &world).await;
    for _ in 0..3 {
        engine.account().await.unwrap();
    }
    assert_eq!(said(), 1);
    ring.lock(false);
    engine.account().await.unwrap();
    ring.lock(true);
    engine.account().await.unwrap();
    assert_eq!(said(), 2, "it is said again once it had been well");
    engine.close().await;
}
