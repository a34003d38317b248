//! A window that is not blank, on any machine, and that keeps no more than it needs.
//!
//! WebKitGTK hands pictures to the screen by DMABUF, which shows nothing on many Linux machines (virtual ones, some drivers). Without
//! it everything is shown everywhere.
//!
//! Its collector throws away a part at a time, and keeps what was in use once for long: chats that were left stand there until it
//! looks at everything, at 90 MB and more. What a chat needs is 14 MB, and to look at all of that takes no longer than at a part. So
//! it always does, each time 20 MB have come.
//!
//! Whoever has set one of these variables, to whatever, is left alone; and what is set here is for this program, not for those it starts.

/// The variables by which WebKitGTK is told, and what.
#[cfg(target_os = "linux")]
const VARIABLES: [(&str, &str); 3] =
    [("WEBKIT_DISABLE_DMABUF_RENDERER", "1"), ("JSC_useGenerationalGC", "0"), ("JSC_gcMaxHeapSize", "20971520")];

/// Names those that were set here.
#[cfg(target_os = "linux")]
const SET: &str = "PARLEY_WEBKIT_SET";

/// Starts this program again with these set, unless all of them are. A process cannot change its own environment safely once there may
/// be threads, and before `main` nothing of ours runs.
#[cfg(target_os = "linux")]
pub(crate) fn choose() {
    use std::os::unix::process::CommandExt as _;

    let missing: Vec<_> = VARIABLES.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()).collect();
    if missing.is_empty() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| program.clone().into_os_string());
    let set: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
    let mut again = std::process::Command::new(program);
    let error = again.arg0(name).args(arguments).envs(missing).env(SET, set.join(" ")).exec();
    // `exec` comes back only if it failed. The window is tried all the same: on most machines it is not blank.
    eprintln!("parley-desktop: could not start again with what WebKitGTK is to be told ({error})");
}

/// Takes away from another program's environment what was set here: a browser may be WebKitGTK's, too.
#[cfg(target_os = "linux")]
pub(crate) fn forget(command: &mut std::process::Command) {
    let set = std::env::var(SET).unwrap_or_default();
    for name in VARIABLES.iter().map(|(name, _)| *name).filter(|name| set.split(' ').any(|one| one == *name)) {
        command.env_remove(name);
    }
    command.env_remove(SET);
}

/// Nothing was set.
#[cfg(not(target_os = "linux"))]
pub(crate) fn forget(_: &mut std::process::Command) {}

/// Elsewhere there is nothing to choose.
#[cfg(not(target_os = "linux"))]
pub(crate) fn choose() {}
