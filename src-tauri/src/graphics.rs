//! A window that is not blank, on any machine.
//!
//! WebKitGTK hands pictures to the screen by DMABUF, which shows nothing on many Linux machines (virtual ones, some drivers). Without
//! it everything is shown everywhere. Whoever has set the variable, to whatever, is left alone.

/// The variable by which WebKitGTK is told.
#[cfg(target_os = "linux")]
const VARIABLE: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";

/// Starts this program again with DMABUF turned off, unless it was said whether to use it. A process cannot change its own environment
/// safely once there may be threads, and before `main` nothing of ours runs.
#[cfg(target_os = "linux")]
pub(crate) fn choose() {
    use std::os::unix::process::CommandExt as _;

    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| program.clone().into_os_string());
    let error = std::process::Command::new(program).arg0(name).args(arguments).env(VARIABLE, "1").exec();
    // `exec` comes back only if it failed. The window is tried all the same: on most machines it is not blank.
    eprintln!("parley-desktop: could not turn DMABUF off ({error})");
}

/// Elsewhere there is nothing to choose.
#[cfg(not(target_os = "linux"))]
pub(crate) fn choose() {}
