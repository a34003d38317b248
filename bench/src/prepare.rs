//! Makes a profile with a long history: real people on a real relay in real chats, whose messages were never sent.

use std::path::{Path, PathBuf};

use desktop_app::fill::Filling;
use desktop_app::{Engine, Options};
use parley_protocol::http::SignUp;
use parley_protocol::{AccountId, ChatId, DeviceId, RunId};

use crate::words::Words;
use crate::world::World;

/// People besides the profile's own.
const PEOPLE: usize = 40;
/// Chats in all: one with each of them, the rest groups.
const CHATS: usize = 200;
/// Messages written in one transaction.
const BATCH: u64 = 20_000;
/// A day in milliseconds.
const DAY: u64 = 86_400_000;
/// Everybody's.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// The file that says the profile is complete.
const DONE: &str = "messages";

/// Where the prepared profile is.
pub(crate) fn profile(data: &Path) -> PathBuf {
    data.join("profiles").join("bench")
}

/// Makes relay and profile, unless this many messages are there.
pub(crate) async fn prepare(data: &Path, messages: u64) -> anyhow::Result<()> {
    let wanted = messages.to_string();
    if std::fs::read_to_string(data.join(DONE)).is_ok_and(|found| found == wanted) {
        println!("{} has {messages} messages already", data.display());
        return Ok(());
    }
    for folder in ["relay", "profiles"] {
        if data.join(folder).exists() {
            std::fs::remove_dir_all(data.join(folder))?;
        }
    }
    let world = World::start(data).await?;
    let engine = Engine::open(&profile(data), Options::default()).await?;
    engine.sign_up(&world.url(), request("noor")).await?;
    let people = sign_up_people(&world).await?;
    let chats = make_chats(&engine, &people).await?;
    fill(&engine, &people, &chats, messages).await?;
    engine.close().await;
    world.stop().await?;
    std::fs::write(data.join(DONE), wanted)?;
    println!("made a profile of {messages} messages in {}", data.display());
    Ok(())
}

fn request(name: &str) -> SignUp {
    SignUp {
        username: name.to_owned(),
        email: format!("{name}@example.org"),
        password: PASSWORD.to_owned(),
        invite: None,
        device_name: Some("bench".to_owned()),
    }
}

struct Person {
    name: String,
    account: AccountId,
    device: DeviceId,
}

async fn sign_up_people(world: &World) -> anyhow::Result<Vec<Person>> {
    let mut people = Vec::new();
    for at in 0..PEOPLE {
        let name = format!("person{at:02}");
        let folder = tempfile::tempdir()?;
        let engine = Engine::open(folder.path(), Options::default()).await?;
        let me = engine.sign_up(&world.url(), request(&name)).await?;
        engine.close().await;
        people.push(Person { name, account: me.account, device: me.device });
    }
    Ok(people)
}

async fn make_chats(engine: &Engine, people: &[Person]) -> anyhow::Result<Vec<ChatId>> {
    let everybody: Vec<String> = people.iter().map(|person| person.name.clone()).collect();
    let mut chats = vec![engine.new_group("A long one", everybody.clone()).await?];
    for person in people {
        chats.push(engine.new_direct(&person.name).await?);
    }
    for at in chats.len()..CHATS {
        let members = everybody.iter().cycle().skip(at).take(5).cloned().collect();
        chats.push(engine.new_group(&format!("Group {at}"), members).await?);
    }
    Ok(chats)
}

async fn fill(engine: &Engine, people: &[Person], chats: &[ChatId], messages: u64) -> anyhow::Result<()> {
    let me = engine.me().await?.ok_or_else(|| anyhow::anyhow!("nobody is signed in"))?;
    let mut words = Words::new();
    let run = RunId::new();
    let now = u64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis())?;
    let (first, step) = (now - 1_000 * DAY, 1_000 * DAY / messages.max(1));
    let others = chats.len() - 1;
    let mut batch = Vec::new();
    for n in 1..=messages {
        // Every tenth message stands in the long chat, the others anywhere.
        let at = if n % 10 == 0 { 0 } else { 1 + words.below(others) };
        let Some(chat) = chats.get(at).copied() else { continue };
        let sender = match at {
            1..=PEOPLE => at - 1,
            _ => words.below(people.len()),
        };
        let own = words.below(4) == 0;
        let (account, device) = match people.get(sender) {
            Some(person) if !own => (person.account, person.device),
            _ => (me.account, me.device),
        };
        let text = words.sentence();
        let unread = !own && messages - n < 200;
        batch.push(Filling { chat, account, device, run, n, at: first + n * step, text, unread });
        if n % BATCH == 0 || n == messages {
            engine.fill(std::mem::take(&mut batch)).await?;
        }
    }
    Ok(())
}
