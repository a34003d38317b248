//! What the engine takes on the prepared profile, without a window.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use desktop_app::views::{Connection, Page};
use desktop_app::{Engine, Event, Options};

use crate::prepare::profile;
use crate::words::Words;
use crate::world::World;

/// How often each thing is measured.
const ROUNDS: usize = 21;
/// Lines of a page, as the window asks for them.
const PAGE: usize = 60;

/// Measures and prints.
pub(crate) async fn measure(data: &Path, json: bool) -> anyhow::Result<()> {
    let world = World::start(data).await?;
    let mut table = Table::default();
    opening(data, &mut table).await?;
    let engine = Engine::open(&profile(data), Options::default()).await?;
    online(&engine).await?;
    reading(&engine, &mut table).await?;
    searching(&engine, &mut table).await?;
    table.put("memory of this process, relay included", resident()?, "MB");
    engine.close().await;
    world.stop().await?;
    table.print(json);
    Ok(())
}

/// From nothing to the chat list.
async fn opening(data: &Path, table: &mut Table) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let engine = Engine::open(&profile(data), Options::default()).await?;
        let chats = engine.chats().await?;
        times.push(millis(start));
        anyhow::ensure!(!chats.is_empty(), "the profile has no chats; prepare it first");
        engine.close().await;
    }
    table.times("open the profile and list its chats", times);
    Ok(())
}

async fn online(engine: &Engine) -> anyhow::Result<()> {
    let mut events = engine.events();
    let caught_up = async {
        while !matches!(engine.connection().await?, Connection::Online { behind: 0, .. }) {
            while !matches!(events.recv().await, Ok(Event::Connection(_)) | Err(_)) {}
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), caught_up).await.context("the relay was not reached")?
}

async fn reading(engine: &Engine, table: &mut Table) -> anyhow::Result<()> {
    let long = engine.chats().await?.into_iter().find(|chat| chat.name == "A long one");
    let long = long.context("the long chat is missing")?.id;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        engine.chats().await?;
        times.push(millis(start));
    }
    table.times("list the chats", times);
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let lines = engine.history(long, Page::Newest, PAGE).await?;
        times.push(millis(start));
        anyhow::ensure!(lines.len() == PAGE, "the long chat has no full page");
    }
    table.times("newest page of the long chat", times);
    let mut times = Vec::new();
    let mut oldest = engine.history(long, Page::Newest, 500).await?;
    while let Some(first) = oldest.first() {
        let start = Instant::now();
        let page = engine.history(long, Page::Before { position: first.position }, 500).await?;
        if page.is_empty() {
            break;
        }
        times.push(millis(start));
        oldest = page;
    }
    table.times("500 lines further up, all the way", times);
    Ok(())
}

async fn searching(engine: &Engine, table: &mut Table) -> anyhow::Result<()> {
    let long = engine.chats().await?.into_iter().find(|chat| chat.name == "A long one").map(|chat| chat.id);
    let words = Words::new();
    let queries = [
        ("search: a frequent word", words.word(0).to_owned(), None),
        ("search: a frequent long word", words.word(70).to_owned(), None),
        ("search: a middling word", words.word(2_000).to_owned(), None),
        ("search: a seldom word", words.word(15_000).to_owned(), None),
        ("search: three frequent words", format!("{} {} {}", words.word(61), words.word(65), words.word(80)), None),
        ("search: a frequent and a seldom word", format!("{} {}", words.word(61), words.word(15_001)), None),
        ("search: a middling word, in one chat", words.word(2_000).to_owned(), long),
        ("search: a seldom word, in one chat", words.word(15_000).to_owned(), long),
        ("search: two letters", words.word(0).chars().take(2).collect(), None),
        ("search: nothing has it", "qqzzxx".to_owned(), None),
    ];
    for (what, query, chat) in queries {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            engine.search(&query, chat, 30).await?;
            times.push(millis(start));
        }
        table.times(what, times);
    }
    Ok(())
}

fn millis(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1_000.0
}

/// The resident memory of this process, in megabytes.
fn resident() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc/self/status")?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes / 1_024.0)
}

/// Figures by name.
#[derive(Default)]
struct Table {
    rows: Vec<(String, Vec<f64>, &'static str)>,
}

impl Table {
    fn put(&mut self, what: &str, value: f64, unit: &'static str) {
        self.rows.push((what.to_owned(), vec![value], unit));
    }

    fn times(&mut self, what: &str, mut times: Vec<f64>) {
        times.sort_by(f64::total_cmp);
        let middle = times.get(times.len() / 2).copied().unwrap_or_default();
        let worst = times.last().copied().unwrap_or_default();
        self.rows.push((what.to_owned(), vec![middle, worst], "ms"));
    }

    fn print(&self, json: bool) {
        if json {
            let rows: Vec<_> = self
                .rows
                .iter()
                .map(|(what, values, unit)| serde_json::json!({ "what": what, "values": values, "unit": unit }))
                .collect();
            println!("{}", serde_json::Value::from(rows));
            return;
        }
        for (what, values, unit) in &self.rows {
            match values.as_slice() {
                [middle, worst] => println!("{what:<44} {middle:>9.2} {unit} (median) {worst:>9.2} {unit} (worst)"),
                [value] => println!("{what:<44} {value:>9.2} {unit}"),
                _ => {}
            }
        }
    }
}
