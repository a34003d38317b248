//! How a line of a conversation looks: messages with their receipts, changes of the chat, gaps, routes.

use desktop_app::views::{ChatView, Delivery, DeviceDelivery, MessageKind, MessageView, Route};
use parley_protocol::frames::PresenceState;
use parley_protocol::{ChatKind, MessageKey};

use crate::clean;
use crate::paint::Paint;
use crate::when;
use crate::wrap::{cells, cut, wrap};

/// How many cells a receipt takes.
pub(crate) const RECEIPT: usize = 3;

/// How far an own message came, in [`RECEIPT`] cells: `◷` waiting, `✓` sent, `✓✓` delivered, `✓✓●` read, `!` failed.
pub(crate) fn receipt(delivery: &Delivery, paint: Paint) -> String {
    match delivery {
        Delivery::Waiting => paint.warn("◷  "),
        Delivery::Sent => paint.dim("✓  "),
        Delivery::Delivered => paint.dim("✓✓ "),
        Delivery::Read => paint.accent("✓✓●"),
        Delivery::Failed { .. } => paint.bad("!  "),
        Delivery::Received => "   ".to_owned(),
    }
}

/// How far a message came, as a word; the same as in JSON.
pub(crate) fn delivery_word(delivery: &Delivery) -> &'static str {
    match delivery {
        Delivery::Waiting => "waiting",
        Delivery::Sent => "sent",
        Delivery::Delivered => "delivered",
        Delivery::Read => "read",
        Delivery::Failed { .. } => "failed",
        Delivery::Received => "received",
    }
}

/// How a conversation travels.
pub(crate) fn route_word(route: Route) -> &'static str {
    match route {
        Route::Lan => "direct (LAN)",
        Route::Direct => "direct",
        Route::Turn => "direct (TURN)",
        Route::Relay => "relay",
        Route::Wait => "waiting",
    }
}

/// The route in its colour, with the round trip.
pub(crate) fn route(route: Route, round_trip: Option<u32>, paint: Paint) -> String {
    let trip = round_trip.map(|micros| format!(", {}", when::round_trip(micros))).unwrap_or_default();
    let words = format!("{}{trip}", route_word(route));
    match route {
        Route::Lan | Route::Direct | Route::Turn => paint.good(&words),
        Route::Relay => paint.accent(&words),
        Route::Wait => paint.warn(&words),
    }
}

/// The mark of a route, one cell: `●` direct, `◐` through the relay, `○` waiting.
pub(crate) fn route_mark(route: Route, paint: Paint) -> String {
    match route {
        Route::Lan | Route::Direct | Route::Turn => paint.good("●"),
        Route::Relay => paint.accent("◐"),
        Route::Wait => paint.warn("○"),
    }
}

/// The last characters of a message's id, which name it within a chat.
pub(crate) fn reference(key: MessageKey) -> String {
    let id = key.id.to_string();
    id.get(id.len().saturating_sub(6)..).unwrap_or_default().to_owned()
}

/// A kind of chat, in words.
pub(crate) fn kind_word(kind: ChatKind) -> &'static str {
    match kind {
        ChatKind::Direct => "direct",
        ChatKind::Group => "group",
        ChatKind::PrivateChannel => "private channel",
        ChatKind::PublicChannel => "public channel",
    }
}

/// Presence, in a word.
pub(crate) fn presence_word(state: PresenceState) -> &'static str {
    match state {
        PresenceState::Online => "online",
        PresenceState::Away => "away",
        PresenceState::Offline => "offline",
    }
}

/// A name in its colour; somebody whose name is not known yet is `somebody`.
pub(crate) fn name(view: &MessageView, paint: Paint) -> String {
    let name = if view.username.is_empty() { "somebody".into() } else { clean::line(&view.username) };
    paint.name(view.account, &name)
}

/// A line of a conversation. `reference` is how a person names it; `width` the terminal's.
pub(crate) fn line(view: &MessageView, reference: &str, paint: Paint, width: Option<usize>) -> String {
    match &view.kind {
        MessageKind::Text => message(view, reference, paint, width),
        MessageKind::Change { what, subject } => {
            let sentence = change(&view.username, what, subject);
            paint.dim(&format!("{:RECEIPT$} — {sentence} · {}", "", when::clock(view.sent_at)))
        }
        MessageKind::Gap { count, why } => {
            let missing = match count {
                Some(1) => "one message is missing here".to_owned(),
                Some(count) => format!("{count} messages are missing here"),
                None => "messages are missing here".to_owned(),
            };
            paint.warn(&format!("{:RECEIPT$} ⚠ {missing}: {}", "", gap_reason(why)))
        }
    }
}

/// Why something is missing.
fn gap_reason(why: &str) -> String {
    match why {
        "retention" => "the relay kept them no longer".to_owned(),
        "lost" => "they did not come in time, by any route".to_owned(),
        "old_copy" => "this profile is an older copy of one that went on elsewhere".to_owned(),
        other => clean::line(other).into_owned(),
    }
}

fn message(view: &MessageView, reference: &str, paint: Paint, width: Option<usize>) -> String {
    let head = format!(
        "{} {} {} {}: ",
        receipt(&view.delivery, paint),
        paint.dim(reference),
        paint.dim(&when::clock(view.sent_at)),
        name(view, paint)
    );
    let indent = RECEIPT + 1 + cells(reference) + 7;
    let mut rows = Vec::new();
    if let Some(quote) = &view.reply_to {
        let words = match (quote.username.is_empty(), quote.text.is_empty()) {
            (_, false) => quote.text.as_str(),
            (false, true) => "a deleted message",
            (true, true) => "a message that is not here",
        };
        let who = if quote.username.is_empty() { String::new() } else { format!("{}: ", clean::line(&quote.username)) };
        let room = width.unwrap_or(80).saturating_sub(indent + 2 + cells(&who)).clamp(10, 60);
        rows.push(paint.dim(&format!("{:indent$}┌ {who}{}", "", cut(&clean::line(words), room))));
    }
    let edited = if view.edited_at.is_some() && !view.deleted { " (edited)" } else { "" };
    let words = if view.deleted {
        paint.dim("deleted")
    } else {
        let text = clean::text(&view.text);
        format!("{}{}", wrap(&text, cells(&head), indent, width), paint.dim(edited))
    };
    rows.push(format!("{head}{words}"));
    if !view.reactions.is_empty() {
        rows.push(format!("{:indent$}{}", "", reactions(view, paint)));
    }
    if let Delivery::Failed { reason } = &view.delivery {
        rows.push(format!("{:indent$}{}", "", paint.bad(&clean::line(reason))));
    }
    rows.join("\n")
}

/// The reactions on a message, each with how many gave it; own ones stand out.
pub(crate) fn reactions(view: &MessageView, paint: Paint) -> String {
    let shown = view.reactions.iter().map(|reaction| {
        let words = format!("{} {}", clean::line(&reaction.emoji), reaction.accounts.len());
        if reaction.own { paint.bold(&words) } else { words }
    });
    shown.collect::<Vec<_>>().join("  ")
}

/// How far a message came, in a line for it, named as the caller wishes, and one for each device.
pub(crate) fn info(name: &str, message: &MessageView, devices: &[DeviceDelivery]) -> Vec<String> {
    let from = if message.own { "from you".to_owned() } else { format!("from {}", clean::line(&message.username)) };
    let (at, word) = (when::full(message.sent_at), delivery_word(&message.delivery));
    let mut rows = vec![format!("{name} {from}, {at}: {word}, {}", route_word(message.route))];
    rows.extend(devices.iter().map(|device| {
        let state = match (device.delivered, device.read) {
            (_, true) => "read",
            (true, false) => "delivered",
            (false, false) => "not yet",
        };
        let id = device.device.to_string();
        let id = id.get(id.len().saturating_sub(6)..).unwrap_or_default();
        format!("{}, device …{id}: {state}", clean::line(&device.username))
    }));
    rows
}

/// A change of the chat, as a sentence.
pub(crate) fn change(actor: &str, what: &str, subject: &str) -> String {
    let by_self = actor == subject;
    let actor = if actor.is_empty() { "somebody".into() } else { clean::line(actor) };
    let shown = if subject.is_empty() { "somebody".into() } else { clean::line(subject) };
    match what {
        "created" if subject.is_empty() => format!("{actor} opened the chat"),
        "created" => format!("{actor} made “{shown}”"),
        "member_added" if by_self => format!("{shown} joined"),
        "member_added" => format!("{actor} added {shown}"),
        "member_removed" if by_self => format!("{shown} left"),
        "member_removed" => format!("{actor} removed {shown}"),
        "role_changed" => match shown.rsplit_once(' ') {
            Some((who, "admin")) => format!("{actor} made {who} an admin"),
            Some((who, role)) => format!("{actor} made {who} a {role}"),
            None => format!("{actor} changed the role of {shown}"),
        },
        "owner_changed" => format!("{actor} handed the chat over to {shown}"),
        "renamed" => format!("{actor} named the chat “{shown}”"),
        "described" if subject.is_empty() => format!("{actor} removed the description"),
        "described" => format!("{actor} described the chat: {shown}"),
        "retention_changed" => match subject.parse() {
            Ok(seconds) => format!("{actor} keeps messages for {} now", when::span(seconds)),
            Err(_) => format!("{actor} keeps messages for ever now"),
        },
        _ => format!("{actor} changed the chat"),
    }
}

/// A line of a conversation in a few words, for the list of chats.
pub(crate) fn gist(view: &MessageView) -> String {
    match &view.kind {
        MessageKind::Text if view.deleted => "deleted".to_owned(),
        MessageKind::Text => {
            let who = if view.own { "you" } else { &view.username };
            format!("{}: {}", clean::line(who), clean::line(&view.text))
        }
        MessageKind::Change { what, subject } => change(&view.username, what, subject),
        MessageKind::Gap { .. } => "messages are missing here".to_owned(),
    }
}

/// A chat's name as it is shown.
pub(crate) fn chat_name(chat: &ChatView) -> String {
    if chat.name.is_empty() { "(no name yet)".to_owned() } else { clean::line(&chat.name).into_owned() }
}

/// Whether an answer to a question says yes.
pub(crate) fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
#[path = "lines_tests.rs"]
pub(crate) mod tests;
