//! Chats with thousands of runs, one for each opening of a profile.

use std::cell::Cell;

use super::*;
use crate::store::testing::{chat, database};

/// How many openings a profile has seen.
const OPENINGS: usize = 5_000;

/// A run of one message that follows another.
fn run_after(before: Option<RunId>) -> Stream {
    let held = Held { upto: 1, missing: vec![] };
    Stream { run: RunId::new(), held, ends_at: Some(1), after: before, read_upto: 1, ..Stream::default() }
}

/// Runs of one message each, each after the one before.
fn runs(count: usize) -> Vec<Stream> {
    let mut runs: Vec<Stream> = Vec::with_capacity(count);
    for _ in 0..count {
        let before = runs.last().map(|run| run.run);
        runs.push(run_after(before));
    }
    if let Some(last) = runs.last_mut() {
        last.ends_at = None;
    }
    runs
}

#[test]
fn thousands_of_runs_are_put_in_order_with_a_few_looks_at_each() {
    let expected: Vec<RunId> = runs(OPENINGS).iter().map(|run| run.run).collect();
    let mut shuffled: Vec<(RunId, Option<RunId>)> =
        expected.iter().enumerate().map(|(at, run)| (*run, at.checked_sub(1).map(|before| expected[before]))).collect();
    // As a table gives them which is sorted by random ids.
    shuffled.sort();
    let looks = Cell::new(0);
    let look = |_: &(RunId, Option<RunId>)| looks.set(looks.get() + 1);
    let name = |run: &(RunId, Option<RunId>)| {
        look(run);
        run.0
    };
    let after = |run: &(RunId, Option<RunId>)| {
        look(run);
        run.1
    };
    let ordered: Vec<RunId> = each_after_its_own(shuffled, name, after).into_iter().map(|(run, _)| run).collect();
    assert_eq!(ordered, expected);
    assert!(looks.get() <= 4 * OPENINGS, "{} looks", looks.get());
}

#[test]
fn runs_in_a_circle_come_out_once_each() {
    let (first, second, third) = (RunId::new(), RunId::new(), RunId::new());
    let forged = vec![(first, Some(second)), (second, Some(first)), (third, Some(second))];
    let mut ordered: Vec<RunId> =
        each_after_its_own(forged, |run| run.0, |run| run.1).into_iter().map(|run| run.0).collect();
    ordered.sort();
    let mut all = vec![first, second, third];
    all.sort();
    assert_eq!(ordered, all);
}

#[test]
fn a_register_does_not_read_again_what_it_leaves_out_for_good() {
    let (_folder, db) = database();
    let (chat, device) = (chat(&db), DeviceId::new());
    let unsettled = |db: &Connection| -> usize {
        db.query_row("SELECT count(*) FROM streams WHERE settled = 0", [], |row| row.get(0)).unwrap()
    };
    let tx = db.unchecked_transaction().unwrap();
    let mut runs = runs(OPENINGS);
    // One is not read to its end, and its follower not at all.
    runs[100].read_upto = 0;
    for run in &runs {
        put(&tx, chat, device, run).unwrap();
    }
    let before = register(&tx, chat).unwrap();
    let last = runs[OPENINGS - 1].run;
    assert_eq!(before.delivered.0[&device].keys().collect::<Vec<_>>(), [&last]);
    assert_eq!(before.read.0[&device].len(), 2 + 1, "the last, the unread one, and the one whose follower is unread");
    // All before the one that is in doubt are settled.
    assert_eq!(unsettled(&tx), OPENINGS - 99);
    assert_eq!(register(&tx, chat).unwrap(), before);
    put(&tx, chat, device, &Stream { read_upto: 1, ..runs[100].clone() }).unwrap();
    let after = register(&tx, chat).unwrap();
    assert_eq!(after.read.0[&device].keys().collect::<Vec<_>>(), [&last]);
    assert_eq!(unsettled(&tx), 1);
    assert_eq!(register(&tx, chat).unwrap(), after);
    // The next run follows what is settled, and settles the last one.
    put(&tx, chat, device, &Stream { ends_at: Some(1), ..runs[OPENINGS - 1].clone() }).unwrap();
    put(&tx, chat, device, &Stream { ends_at: None, ..run_after(Some(last)) }).unwrap();
    assert_eq!(register(&tx, chat).unwrap().delivered.0[&device].len(), 1);
    assert_eq!(unsettled(&tx), 1);
}
