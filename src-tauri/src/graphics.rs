//! A window that is not blank, on any machine, and that keeps no more than it needs.
//!
//! WebKitGTK hands pictures to the screen by DMABUF, which shows nothing on many Linux machines (virtual ones, some drivers). Without
//! it everything is shown everywhere. Then no GL driver draws for this process either, and yet two would load one, 20 MB and more: GTK
//! as it looks for visuals, and WebKitGTK to ask which device that driver would draw with. Both are told not to.
//!
//! WebKitGTK's collector throws away a part at a time, and keeps what was in use once for long: chats that were left stand there until it
//! looks at everything, at 90 MB and more. What a chat needs is 14 MB, and to look at all of that takes no longer than at a part. So
//! it always does, each time 20 MB have come.
//!
//! The C library gives threads that allocate at the same time a heap each, and what is freed stays in it. Two are enough for the few
//! that do anything here, and 3 MB less.
//!
//! Whoever has set one of these variables, to whatever, is left alone; and what is set here is for this program, not for those it starts.

/// The variables by which WebKitGTK, GTK and the C library are told, and what.
#[cfg(target_os = "linux")]
const VARIABLES: [(&str, &str); 6] = [
    (DMABUF, "1"),
    ("JSC_useGenerationalGC", "0"),
    ("JSC_gcMaxHeapSize", "20971520"),
    ("WEBKIT_WEB_RENDER_DEVICE_FILE", "/dev/dri/renderD128"),
    ("GDK_GL", "disable"),
    ("MALLOC_ARENA_MAX", "2"),
];

/// `0` leaves DMABUF on.
#[cfg(target_os = "linux")]
const DMABUF: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";

/// Those that have a meaning only while nothing is handed over by DMABUF.
#[cfg(target_os = "linux")]
const WITHOUT_DMABUF: [&str; 2] = ["WEBKIT_WEB_RENDER_DEVICE_FILE", "GDK_GL"];

/// Names those that were set here.
#[cfg(target_os = "linux")]
const SET: &str = "PARLEY_WEBKIT_SET";

/// Which of them are to be set, beside those that are.
#[cfg(target_os = "linux")]
fn missing(is: impl Fn(&str) -> Option<std::ffi::OsString>) -> Vec<(&'static str, &'static str)> {
    let dmabuf = is(DMABUF).is_some_and(|off| off == "0");
    let mut wanted = VARIABLES.to_vec();
    wanted.retain(|(name, _)| is(name).is_none() && !(dmabuf && WITHOUT_DMABUF.contains(name)));
    wanted
}

/// Starts this program again with these set, unless all of them are. A process cannot change its own environment safely once there may
/// be threads, and before `main` nothing of ours runs.
#[cfg(target_os = "linux")]
pub(crate) fn choose() {
    use std::os::unix::process::CommandExt as _;

    let missing = missing(|name| std::env::var_os(name));
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn beside(set: &[(&str, &str)]) -> Vec<&'static str> {
        let is = |name: &str| set.iter().find(|(one, _)| *one == name).map(|(_, value)| value.into());
        missing(is).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn what_somebody_has_set_is_left_alone() {
        assert_eq!(beside(&[]).len(), VARIABLES.len());
        assert!(beside(&VARIABLES).is_empty());
        let others = beside(&[("GDK_GL", "always")]);
        assert_eq!((others.len(), others.contains(&"GDK_GL")), (VARIABLES.len() - 1, false));
    }

    #[test]
    fn a_driver_is_kept_from_loading_only_where_nothing_is_drawn_by_it() {
        assert_eq!(beside(&[(DMABUF, "0")]), ["JSC_useGenerationalGC", "JSC_gcMaxHeapSize", "MALLOC_ARENA_MAX"]);
        assert_eq!(beside(&[(DMABUF, "1")]).len(), VARIABLES.len() - 1);
    }
}
