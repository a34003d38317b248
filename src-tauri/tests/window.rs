//! Two people in real windows. The story is told in `window/`, by WebDriver; this hands it the programs that cargo has built.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

#[test]
#[ignore = "needs a display, a bus and tauri-driver, which scripts/test-window has"]
fn two_people_talk_in_real_windows() {
    let window = Path::new(env!("CARGO_BIN_EXE_parley-desktop"));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let story = Command::new("node")
        .args(["--test", "--test-reporter=spec"])
        .arg(here.join("tests/window/two-people.test.mjs"))
        .env("PARLEY_PROGRAMS", window.parent().unwrap())
        .env("PARLEY_PICTURES", Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("window"))
        .status();
    assert!(story.unwrap().success(), "the story ended badly; what it saw last is above");
}
