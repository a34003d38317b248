//! Parley's window: a thin shell over the engine.
//!
//! It opens a profile, shows the screen, and passes calls and events between the two (`commands`, `events`). What a system has
//! around an app stands in files by its name: tray, menu, notifications, links, keychain, updates.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod args;
mod commands;
mod events;
mod failure;
mod graphics;
mod keychain;
mod links;
mod menu;
mod notifications;
mod preferences;
mod profile;
mod programs;
mod screen;
mod shell;
mod tray;
#[cfg(test)]
mod types;
mod updates;
mod views;
mod window;
mod words;

use anyhow::Context as _;
use clap::Parser as _;
use tauri::Manager as _;

use crate::args::Args;
use crate::profile::Place;
use crate::shell::Shell;

/// As in `tauri.conf.json`; each profile other than the default one adds its name.
const IDENTIFIER: &str = "chat.parley.desktop";

fn main() -> anyhow::Result<()> {
    graphics::choose();
    let filter = tracing_subscriber::EnvFilter::try_from_env("PARLEY_LOG");
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")))
        .with_writer(std::io::stderr)
        .init();
    let args = Args::parse();
    let place = Place::new(args.profile.as_deref().unwrap_or(profile::DEFAULT))?;

    let mut context = tauri::generate_context!();
    // Whatever the system keeps by the app's name is kept for each profile: the one instance, the window's place, the start at login.
    context.config_mut().identifier = place.identifier(IDENTIFIER);

    let mut builder = tauri::Builder::default()
        .manage(links::Early::default())
        .plugin(tauri_plugin_single_instance::init(|app, given, _| links::second_start(app, &given)))
        .plugin(tauri_plugin_deep_link::init())
        .plugin(tauri_plugin_clipboard_manager::init())
        .plugin(window::remembered())
        .plugin(window::at_login(&place))
        .invoke_handler(commands::all())
        .on_menu_event(|app, event| menu::chosen(app, event.id().as_ref()))
        .on_window_event(window::event);
    if updates::configured(context.config()) {
        builder = builder.plugin(tauri_plugin_updater::Builder::new().build());
    }
    builder
        .setup(move |app| {
            let hidden = args.hidden;
            let shell = Shell::new(app.handle().clone(), place, args);
            app.manage(shell.clone());
            menu::put(&shell);
            shell.begin();
            links::listen(app.handle());
            window::open(app.handle(), &shell, hidden)?;
            tray::look_out(&shell, hidden);
            updates::look(app.handle());
            Ok(())
        })
        .build(context)
        .context("the window could not be made")?
        .run(window::run);
    Ok(())
}
