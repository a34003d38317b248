//! Somebody else who writes: another account on another device, in a chat which the measured profile is in.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use desktop_app::views::{Connection, Outgoing};
use desktop_app::{Engine, Event, Options};
use parley_protocol::ChatId;
use parley_protocol::http::SignIn;

use crate::prepare::PASSWORD;
use crate::words::Words;
use crate::world;

/// Who writes. Everybody is in the long chat.
const NAME: &str = "person00";

/// Signs in as another person and writes `count` messages with `pause` between them, or until it is stopped, in the words of the rest
/// of the profile. The id of each is said on the output, with when it was handed to the engine in milliseconds since the Unix epoch.
pub(crate) async fn talk(data: &Path, chat: ChatId, count: u64, pause: Duration) -> anyhow::Result<()> {
    let engine = Engine::open(&data.join("profiles").join(NAME), Options::default()).await?;
    let mut events = engine.events();
    if engine.me().await?.is_none() {
        let request = SignIn { username: Some(NAME.to_owned()), password: PASSWORD.to_owned(), ..SignIn::default() };
        engine.sign_in(&world::url(data)?, request).await?;
    }
    let ready = async {
        while !matches!(engine.connection().await?, Connection::Online { behind: 0, .. })
            || engine.chat(chat).await.is_err()
        {
            while !matches!(events.recv().await, Ok(Event::Connection(_) | Event::Chat { .. }) | Err(_)) {}
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(30), ready).await.context("the relay or the chat was not reached")??;
    let work = async {
        let mut words = Words::new();
        for _ in 0..count {
            tokio::time::sleep(pause).await;
            let message = Outgoing { text: words.sentence(), ..Outgoing::default() };
            let sent = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
            let key = engine.send(chat, message).await?;
            println!("{} {sent}", key.id);
        }
        anyhow::Ok(())
    };
    let done = tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    engine.close().await;
    done
}
