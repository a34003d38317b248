//! People in real windows. The stories are told in `window/`, by WebDriver; this hands them the programs that cargo has built, and a
//! desktop to be in.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[cfg(target_os = "linux")]
#[path = "window/desktop.rs"]
mod desktop;

use std::path::Path;
use std::process::Command;

#[test]
#[ignore = "needs a display, a bus and tauri-driver, which scripts/test-window has"]
fn two_people_talk_in_real_windows() {
    tell("two-people");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs a display, a bus and tauri-driver, which scripts/test-window has"]
fn a_window_has_its_place_on_the_desktop() {
    let _desktop = desktop::open().unwrap();
    tell("on-the-desktop");
}

#[test]
#[ignore = "needs a display, a bus and tauri-driver, which scripts/test-window has"]
fn a_window_says_what_is_wrong_with_its_profile() {
    tell("trouble");
}

fn tell(story: &str) {
    let window = Path::new(env!("CARGO_BIN_EXE_parley-desktop"));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let told = Command::new("node")
        .args(["--test", "--test-reporter=spec"])
        .arg(here.join(format!("tests/window/{story}.test.mjs")))
        .env("PARLEY_PROGRAMS", window.parent().unwrap())
        .env("PARLEY_PICTURES", Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("window"))
        .status();
    assert!(told.unwrap().success(), "the story ended badly; what it saw last is above");
}
