use desktop_app::views::{Route, RouteView};

use super::*;

fn chat(kind: ChatKind, name: &str) -> ChatView {
    ChatView {
        id: id_of(name),
        kind,
        sealed: true,
        name: name.to_owned(),
        description: String::new(),
        retention: None,
        status: ChatStatus::Active,
        role: None,
        peer: None,
        presence: None,
        member_count: 2,
        unread: 0,
        mentions: 0,
        muted_until: None,
        pinned: false,
        archived: false,
        blocked: false,
        draft: String::new(),
        last: None,
        last_at: 0,
        route: RouteView { route: Route::Wait, round_trip: None, since: 0, linked: 0, devices: 0 },
    }
}

/// An id made of a name's first bytes, so that tests can say parts of it.
fn id_of(name: &str) -> ChatId {
    let mut bytes = [0xee_u8; 16];
    for (to, from) in bytes.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    ChatId::from(bytes)
}

fn names(found: &Found<'_>) -> Vec<String> {
    match found {
        Found::None => Vec::new(),
        Found::One(chat) => vec![chat.name.clone()],
        Found::Many(many) => many.iter().map(|chat| chat.name.clone()).collect(),
    }
}

#[test]
fn a_chat_is_found_by_name_in_any_case_and_by_parts_of_its_id() {
    let chats = [chat(ChatKind::Direct, "bob"), chat(ChatKind::Group, "Tea & cake")];
    for what in ["bob", "BOB", "@bob", " bob ", "626f", &id_of("bob").to_string()] {
        assert_eq!(names(&find(&chats, what)), ["bob"], "{what}");
    }
    assert_eq!(names(&find(&chats, "tea & CAKE")), ["Tea & cake"]);
    for what in ["bo", "", "@", "@Tea & cake", "626", &ChatId::new().to_string()] {
        assert_eq!(find(&chats, what), Found::None, "{what}");
    }
}

#[test]
fn two_of_one_name_are_ambiguous_and_an_at_sign_means_the_person() {
    let chats = [chat(ChatKind::Direct, "Tea"), chat(ChatKind::Group, "tea")];
    assert_eq!(names(&find(&chats, "tea")).len(), 2);
    assert_eq!(names(&find(&chats, "@tea")), ["Tea"]);
    assert_eq!(names(&find(&chats, "eeee")).len(), 2, "both ids end so");
    let sentence = ambiguous("tea", &chats.iter().collect::<Vec<_>>()).to_string();
    assert!(chats.iter().all(|chat| sentence.contains(&chat.id.to_string())), "{sentence}");
}

#[test]
fn a_chat_one_has_left_counts_only_if_nothing_else_fits() {
    let mut chats = [chat(ChatKind::Group, "tea"), chat(ChatKind::Group, "Tea")];
    chats[0].status = ChatStatus::Left;
    assert_eq!(names(&find(&chats, "TEA")), ["Tea"]);
    chats[1].status = ChatStatus::Deleted;
    assert_eq!(names(&find(&chats, "TEA")).len(), 2);
}
