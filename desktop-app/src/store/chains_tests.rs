//! A profile that was opened thousands of times, and a mark that names the last of its runs.

use parley_protocol::marks::Held;
use parley_protocol::{LifeId, MessageId};

use super::*;
use crate::store::testing;

/// How many openings a profile has seen.
const OPENINGS: usize = 5_000;

/// A chat in which this device began so many runs of three messages each.
fn opened_often() -> (tempfile::TempDir, Connection, ChatId, Vec<RunId>) {
    let (folder, db) = testing::database();
    let chat = testing::chat(&db);
    let tx = db.unchecked_transaction().unwrap();
    let runs: Vec<RunId> = (0..OPENINGS).map(|_| RunId::new()).collect();
    for run in &runs {
        let own = OwnRun { run: *run, membership: EventId::new(), life: LifeId(uuid::Uuid::new_v4()), last_n: 3 };
        sent::put_run(&tx, chat, &own).unwrap();
    }
    tx.commit().unwrap();
    (folder, db, chat, runs)
}

#[test]
fn what_a_mark_says_of_one_run_is_known_without_a_look_at_the_others() {
    let (_folder, db, chat, runs) = opened_often();
    let me = DeviceId::new();
    let mut marks = Marks::default();
    let last = runs[OPENINGS - 2];
    marks.0.entry(me).or_default().insert(last, Held { upto: 2, missing: vec![] });
    let mut chain = Chain::of(&db, chat, me, me).unwrap();
    assert!(chain.has(&db, &marks, runs[7], 3).unwrap(), "a later one is begun, and it is not named");
    assert!(chain.has(&db, &marks, last, 2).unwrap());
    assert!(!chain.has(&db, &marks, last, 3).unwrap());
    assert!(!chain.has(&db, &marks, runs[OPENINGS - 1], 1).unwrap());
    assert!(!chain.leaves_out(&db, &marks, RunId::new()).unwrap(), "nobody has heard of it");
    assert_eq!(chain.places.len(), 4, "only what was asked for was looked up");
    // Without the beginning of a later run, a run that is not named says nothing.
    marks.0.entry(me).or_default().insert(last, Held { upto: 2, missing: vec![1] });
    assert!(!chain.has(&db, &marks, runs[7], 3).unwrap());
}

#[test]
fn the_runs_whose_bytes_are_kept_are_found_without_a_walk_through_all() {
    let (_folder, db, chat, runs) = opened_often();
    let mut kept = vec![runs[4_000], runs[17], runs[900]];
    for run in &kept {
        for n in 1..=3 {
            let life = LifeId(uuid::Uuid::new_v4());
            sent::push(&db, chat, MessageId::new(), Some((*run, n)), "bytes", life, 1).unwrap();
        }
    }
    sent::push(&db, chat, MessageId::new(), None, "without a number", LifeId(uuid::Uuid::new_v4()), 1).unwrap();
    kept.sort_by_key(|run| runs.iter().position(|other| other == run));
    let found: Vec<RunId> = sent::kept_runs(&db, chat).unwrap().into_iter().map(|run| run.run).collect();
    assert_eq!(found, kept);
    let plan: Vec<String> = db
        .prepare(&format!("EXPLAIN QUERY PLAN {}", sent::kept_runs_sql()))
        .unwrap()
        .query_map([chat.as_bytes()], |row| row.get(3))
        .unwrap()
        .collect::<Sql<_>>()
        .unwrap();
    let walks = plan.iter().any(|step| step.starts_with("SCAN sent") || step.starts_with("SCAN runs"));
    assert!(!walks, "{plan:?}");
}
