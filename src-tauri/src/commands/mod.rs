//! What the screen can ask for: the `Backend` of `ui/src/backend/backend.ts`, call by call.
//!
//! Each is a line over the engine. Nothing is decided here, and nothing of Tauri's own can be called by the screen.

mod account;
mod chats;
mod messages;
mod people;
mod topics;
mod window;

use tauri::{State, ipc::Invoke};

use crate::shell::Shell;

/// The shell, as commands get it.
type App<'a> = State<'a, Shell>;

/// All of them, by name.
pub(crate) fn all() -> impl Fn(Invoke) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        window::start,
        window::subscribe,
        window::next_events,
        window::set_preferences,
        window::profiles,
        window::open_profile,
        window::reopen,
        window::open_external,
        window::copy,
        window::paste,
        window::licences,
        window::set_visible_chat,
        window::quit,
        account::me,
        account::connection,
        account::check_relay,
        account::check_username,
        account::sign_up,
        account::sign_in,
        account::sign_out,
        account::in_keychain,
        account::change_password,
        account::delete_account,
        account::account,
        account::show_presence,
        account::devices,
        account::rename_device,
        account::revoke_device,
        account::settings,
        account::set_settings,
        account::set_activity,
        account::retry_now,
        people::find_users,
        people::blocked,
        people::set_blocked,
        chats::chats,
        chats::chat,
        chats::new_direct,
        chats::new_group,
        chats::new_channel,
        chats::find_public,
        chats::join,
        chats::show_invite,
        chats::join_by_invite,
        chats::create_invite,
        chats::invites,
        chats::revoke_invite,
        chats::leave,
        chats::delete_chat,
        chats::describe,
        chats::set_retention,
        chats::members,
        chats::add_member,
        chats::remove_member,
        chats::set_role,
        chats::mute,
        chats::pin,
        chats::archive,
        chats::set_draft,
        messages::send,
        messages::edit,
        messages::delete,
        messages::hide,
        messages::react,
        messages::retry,
        messages::history,
        messages::message,
        messages::last_own,
        messages::deliveries,
        messages::search,
        messages::mark_read,
        messages::typing,
        topics::subscriptions,
        topics::subscribe_topics,
        topics::unsubscribe_topics,
        topics::publish,
    ]
}
