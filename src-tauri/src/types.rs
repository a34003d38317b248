//! The screen's types are written from Rust's, and committed: this fails when they are no longer the same. `make types` writes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use desktop_app::views;
use parley_protocol::http;
use ts_rs::{Config, TS};

use crate::failure::Failure;
use crate::views as shell;

/// Where they are committed.
fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/backend/generated")
}

/// Everything that crosses, with all that it is made of.
fn write(folder: &Path) {
    let config = Config::new().with_out_dir(folder).with_large_int("number");
    fn one<T: TS + 'static>(config: &Config) {
        T::export_all(config).unwrap();
    }
    one::<shell::Start>(&config);
    one::<shell::ScreenEvent>(&config);
    one::<shell::ProfileView>(&config);
    one::<shell::FoundChat>(&config);
    one::<Failure>(&config);
    one::<views::ChatView>(&config);
    one::<views::Page>(&config);
    one::<views::DeviceDelivery>(&config);
    one::<views::Hit>(&config);
    one::<views::MemberView>(&config);
    one::<views::Outgoing>(&config);
    one::<views::Settings>(&config);
    one::<views::RelayInfo>(&config);
    one::<views::MessageKind>(&config);
    one::<http::User>(&config);
    one::<http::Account>(&config);
    one::<views::DeviceView>(&config);
    one::<http::Invite>(&config);
    one::<parley_protocol::frames::Activity>(&config);
}

/// The files of a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let read = |entry: std::fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
    };
    entries.map(read).collect()
}

#[test]
fn the_screen_s_types_are_those_of_rust() {
    let fresh = tempfile::tempdir().unwrap();
    write(fresh.path());
    let fresh = files(fresh.path());
    if std::env::var_os("PARLEY_WRITE_TYPES").is_some() {
        // All of them anew, so that none stays which there is no more.
        let _ = std::fs::remove_dir_all(committed());
        std::fs::create_dir_all(committed()).unwrap();
        for (name, text) in &fresh {
            std::fs::write(committed().join(name), text).unwrap();
        }
    }
    let there = files(&committed());
    assert!(!fresh.is_empty());
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&there), names(&fresh), "`make types` writes them anew");
    for (name, text) in &fresh {
        assert_eq!(&there[name], text, "{name} is not as in Rust; `make types` writes it anew");
    }
}
