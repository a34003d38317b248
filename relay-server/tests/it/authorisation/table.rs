//! The table: every operation, in every kind of chat in which it differs, and what it answers to each actor.

/// Which chat a row is tried in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Group,
    SealedGroup,
    PrivateChannel,
    PublicChannel,
    Direct,
    SealedDirect,
}
use Kind::{Direct, Group, PrivateChannel, PublicChannel, SealedDirect, SealedGroup};

impl Kind {
    pub(super) fn is_direct(self) -> bool {
        matches!(self, Direct | SealedDirect)
    }

    pub(super) fn is_sealed(self) -> bool {
        matches!(self, SealedGroup | SealedDirect)
    }

    /// As HTTP calls it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Group | SealedGroup => "group",
            PrivateChannel => "private_channel",
            PublicChannel => "public_channel",
            Direct | SealedDirect => "single",
        }
    }
}

/// Whose answers stand in a row, in this order. In a direct chat the first three are each one of the two.
pub(super) const ACTORS: [&str; 6] = ["owner", "admin", "member", "removed", "stranger", "other owner"];

/// An operation: its method (`WS`: a frame; `READ`: what a session is sent, `HELLO`: what one is sent that begins with a
/// cursor), where to or which frame, its body, in which chats, and what it answers to each. `{…}` are filled in for each
/// cell.
pub(super) type Row = (&'static str, &'static str, &'static str, &'static [Kind], [&'static str; 6]);

/// What has nothing to do with a chat.
const ANY: &[Kind] = &[Group];
/// Chats which only their members may know of.
const HIDDEN: &[Kind] = &[Group, SealedGroup, PrivateChannel];
const PUBLIC: &[Kind] = &[PublicChannel];
const DIRECTS: &[Kind] = &[Direct, SealedDirect];
const NOT_DIRECT: &[Kind] = &[Group, SealedGroup, PrivateChannel, PublicChannel];
const OPEN: &[Kind] = &[Group, PrivateChannel, PublicChannel, Direct];
const SEALED: &[Kind] = &[SealedGroup, SealedDirect];
const CHANNELS: &[Kind] = &[PrivateChannel, PublicChannel];
const NO_CHANNELS: &[Kind] = &[Group, SealedGroup, Direct, SealedDirect];
const ALL_KINDS: &[Kind] = &[Group, SealedGroup, PrivateChannel, PublicChannel, Direct, SealedDirect];

const ALL: [&str; 6] = ["ok"; 6];
const NOBODY: [&str; 6] = ["nothing"; 6];
const OWNER: [&str; 6] = ["ok", "forbidden", "forbidden", "not_found", "not_found", "not_found"];
const ADMINS: [&str; 6] = ["ok", "ok", "forbidden", "not_found", "not_found", "not_found"];
const MEMBERS: [&str; 6] = ["ok", "ok", "ok", "not_found", "not_found", "not_found"];
const SENDERS: [&str; 6] = ["ok", "ok", "ok", "not_member", "not_member", "not_member"];
const CHANNEL_OWNER: [&str; 6] = ["ok", "forbidden", "forbidden", "not_member", "not_member", "not_member"];
const CHANNEL_ADMINS: [&str; 6] = ["ok", "ok", "forbidden", "not_member", "not_member", "not_member"];
const LEAVERS: [&str; 6] = ["forbidden", "ok", "ok", "not_found", "not_found", "not_found"];
const CHANNEL_LEAVERS: [&str; 6] = ["forbidden", "ok", "ok", "not_member", "not_member", "not_member"];
/// What is not made for this kind of chat, for those who may know of it.
const NOT_MADE: [&str; 6] = ["forbidden", "forbidden", "forbidden", "not_found", "not_found", "not_found"];
const NOT_MADE_IN_CHANNEL: [&str; 6] =
    ["forbidden", "forbidden", "forbidden", "not_member", "not_member", "not_member"];
const NOT_OPEN: [&str; 6] = ["bad_request", "bad_request", "bad_request", "not_found", "not_found", "not_found"];
const WRONG_FORM: [&str; 6] = ["bad_request", "bad_request", "bad_request", "not_member", "not_member", "not_member"];
/// Somebody else's message.
const NOT_THEIRS: [&str; 6] = ["forbidden", "forbidden", "forbidden", "not_member", "not_member", "not_member"];
const HEARERS: [&str; 6] = ["heard", "heard", "heard", "unheard", "unheard", "unheard"];
const OWNER_RESTORES: [&str; 6] = ["ok", "nothing", "nothing", "nothing", "nothing", "nothing"];
const ADMINS_RESTORE: [&str; 6] = ["ok", "ok", "nothing", "nothing", "nothing", "nothing"];
const MEMBERS_RESTORE: [&str; 6] = ["ok", "ok", "ok", "nothing", "nothing", "nothing"];
/// Devices of the owner.
const OWNERS: [&str; 6] = ["ok", "not_found", "not_found", "not_found", "not_found", "not_found"];

/// What needs no token, and is the same with a bad one.
pub(super) const OPEN_TO_ALL: &str = "/api/relay";

const TEXT: &str = r#"{"payload":{"open":{"kind":"text","text":"hello"}}}"#;
const EDIT: &str = r#"{"payload":{"open":{"kind":"edit","target":{message},"text":"mine"}}}"#;
const DELETE: &str = r#"{"payload":{"open":{"kind":"delete","target":{message}}}}"#;
const REACT: &str = r#"{"payload":{"open":{"kind":"react","target":{message},"emoji":"x","on":true}}}"#;

pub(super) const TABLE: &[Row] = &[
    // The relay itself.
    ("GET", OPEN_TO_ALL, "", ANY, ALL),
    // One's own account.
    ("GET", "/api/account", "", ANY, ALL),
    ("PATCH", "/api/account", r#"{"show_presence":"everyone"}"#, ANY, ALL),
    ("POST", "/api/signout", "", ANY, ALL),
    ("GET", "/api/devices", "", ANY, ALL),
    ("POST", "/api/devices/replace", "", ANY, ALL),
    ("PATCH", "/api/devices/{owners_device}", r#"{"name":"mine"}"#, ANY, OWNERS),
    ("DELETE", "/api/devices/{owners_spare}", "", ANY, OWNERS),
    ("POST", "/api/password", r#"{"current":"a wrong one","new":"a new password"}"#, ANY, ["wrong_credentials"; 6]),
    ("DELETE", "/api/account", r#"{"password":"a wrong one"}"#, ANY, ["wrong_credentials"; 6]),
    // People.
    ("GET", "/api/users?q=own", "", ANY, ALL),
    ("GET", "/api/users/{extra}", "", ANY, ALL),
    ("GET", "/api/blocks", "", ANY, ALL),
    ("PUT", "/api/blocks/{newcomer}", "", ANY, ALL),
    ("DELETE", "/api/blocks/{newcomer}", "", ANY, ALL),
    // Chats.
    ("POST", "/api/chats", r#"{"type":"group","title":"Mine"}"#, ANY, ALL),
    ("GET", "/api/chats", "", ANY, ALL),
    ("GET", "/api/chats/public?q=x", "", ANY, ALL),
    ("GET", "/api/chats/{chat}", "", HIDDEN, MEMBERS),
    ("GET", "/api/chats/{chat}", "", PUBLIC, ALL),
    ("GET", "/api/chats/{chat}", "", DIRECTS, MEMBERS),
    ("PATCH", "/api/chats/{chat}", r#"{"title":"Other"}"#, HIDDEN, ADMINS),
    ("PATCH", "/api/chats/{chat}", r#"{"title":"Other"}"#, PUBLIC, CHANNEL_ADMINS),
    ("PATCH", "/api/chats/{chat}", r#"{"title":"Other"}"#, DIRECTS, NOT_MADE),
    ("PATCH", "/api/chats/{chat}", r#"{"retention":86400}"#, HIDDEN, ADMINS),
    ("PATCH", "/api/chats/{chat}", r#"{"retention":86400}"#, PUBLIC, CHANNEL_ADMINS),
    ("PATCH", "/api/chats/{chat}", r#"{"retention":86400}"#, DIRECTS, MEMBERS),
    ("DELETE", "/api/chats/{chat}", "", HIDDEN, OWNER),
    ("DELETE", "/api/chats/{chat}", "", PUBLIC, CHANNEL_OWNER),
    ("DELETE", "/api/chats/{chat}", "", DIRECTS, NOT_MADE),
    ("POST", "/api/chats/{chat}/join", "", HIDDEN, MEMBERS),
    ("POST", "/api/chats/{chat}/join", "", PUBLIC, ALL),
    ("POST", "/api/chats/{chat}/join", "", DIRECTS, MEMBERS),
    ("POST", "/api/chats/{chat}/leave", "", HIDDEN, LEAVERS),
    ("POST", "/api/chats/{chat}/leave", "", PUBLIC, CHANNEL_LEAVERS),
    ("POST", "/api/chats/{chat}/leave", "", DIRECTS, NOT_MADE),
    // Members.
    ("GET", "/api/chats/{chat}/members", "", ALL_KINDS, MEMBERS),
    ("POST", "/api/chats/{chat}/members", r#"{"member":"newcomer"}"#, HIDDEN, ADMINS),
    ("POST", "/api/chats/{chat}/members", r#"{"member":"newcomer"}"#, PUBLIC, CHANNEL_ADMINS),
    ("POST", "/api/chats/{chat}/members", r#"{"member":"newcomer"}"#, DIRECTS, NOT_MADE),
    ("PATCH", "/api/chats/{chat}/members/{extra}", r#"{"role":"admin"}"#, HIDDEN, OWNER),
    ("PATCH", "/api/chats/{chat}/members/{extra}", r#"{"role":"admin"}"#, PUBLIC, CHANNEL_OWNER),
    ("PATCH", "/api/chats/{chat}/members/{extra}", r#"{"role":"member"}"#, DIRECTS, NOT_MADE),
    ("PATCH", "/api/chats/{chat}/members/{extra}", r#"{"role":"owner"}"#, HIDDEN, OWNER),
    ("PATCH", "/api/chats/{chat}/members/{extra}", r#"{"role":"owner"}"#, PUBLIC, CHANNEL_OWNER),
    ("DELETE", "/api/chats/{chat}/members/{extra}", "", HIDDEN, ADMINS),
    ("DELETE", "/api/chats/{chat}/members/{extra}", "", PUBLIC, CHANNEL_ADMINS),
    ("DELETE", "/api/chats/{chat}/members/{extra}", "", DIRECTS, NOT_MADE),
    ("DELETE", "/api/chats/{chat}/members/{owner}", "", HIDDEN, NOT_MADE),
    ("DELETE", "/api/chats/{chat}/members/{owner}", "", PUBLIC, NOT_MADE_IN_CHANNEL),
    ("DELETE", "/api/chats/{chat}/members/{extra_admin}", "", HIDDEN, OWNER),
    ("DELETE", "/api/chats/{chat}/members/{extra_admin}", "", PUBLIC, CHANNEL_OWNER),
    // Messages.
    ("GET", "/api/chats/{chat}/messages", "", &[Group, PrivateChannel, Direct], MEMBERS),
    ("GET", "/api/chats/{chat}/messages", "", PUBLIC, ALL),
    ("GET", "/api/chats/{chat}/messages", "", SEALED, NOT_OPEN),
    ("POST", "/api/chats/{chat}/messages", TEXT, OPEN, SENDERS),
    ("POST", "/api/chats/{chat}/messages", TEXT, SEALED, WRONG_FORM),
    ("POST", "/api/chats/{chat}/messages", EDIT, OPEN, NOT_THEIRS),
    ("POST", "/api/chats/{chat}/messages", DELETE, OPEN, NOT_THEIRS),
    ("POST", "/api/chats/{chat}/messages", REACT, OPEN, SENDERS),
    // Invites.
    ("POST", "/api/chats/{chat}/invites", "", HIDDEN, ADMINS),
    ("POST", "/api/chats/{chat}/invites", "", PUBLIC, CHANNEL_ADMINS),
    ("POST", "/api/chats/{chat}/invites", "", DIRECTS, NOT_MADE),
    ("GET", "/api/chats/{chat}/invites", "", HIDDEN, ADMINS),
    ("GET", "/api/chats/{chat}/invites", "", PUBLIC, CHANNEL_ADMINS),
    ("GET", "/api/chats/{chat}/invites", "", DIRECTS, MEMBERS),
    ("DELETE", "/api/chats/{chat}/invites/{code}", "", HIDDEN, ADMINS),
    ("DELETE", "/api/chats/{chat}/invites/{code}", "", PUBLIC, CHANNEL_ADMINS),
    ("GET", "/api/invites/{code}", "", NOT_DIRECT, ALL),
    ("POST", "/api/invites/{code}/join", "", NOT_DIRECT, ALL),
    // After a restore: what is not the caller's to change is left out, and the answer says so.
    ("RESTORE", "", r#"{"kind":"renamed","title":"Old"}"#, NOT_DIRECT, ADMINS_RESTORE),
    ("RESTORE", "", r#"{"kind":"described","description":"Old"}"#, HIDDEN, ADMINS_RESTORE),
    ("RESTORE", "", r#"{"kind":"retention_changed","retention":60}"#, NOT_DIRECT, ADMINS_RESTORE),
    (
        "RESTORE",
        "",
        r#"{"kind":"member_added","member":{"account":"{newcomer}","username":"newcomer","role":"admin"}}"#,
        NOT_DIRECT,
        ADMINS_RESTORE,
    ),
    ("RESTORE", "", r#"{"kind":"member_removed","account":"{extra}"}"#, NOT_DIRECT, ADMINS_RESTORE),
    ("RESTORE", "", r#"{"kind":"member_removed","account":"{extra}"}"#, DIRECTS, NOBODY),
    ("RESTORE", "", r#"{"kind":"role_changed","account":"{extra}","role":"admin"}"#, NOT_DIRECT, OWNER_RESTORES),
    ("RESTORE", "", r#"{"kind":"role_changed","account":"{actor}","role":"owner"}"#, HIDDEN, NOBODY),
    ("RESTORE", "", r#"{"kind":"owner_changed","account":"{extra}"}"#, HIDDEN, OWNER_RESTORES),
    ("RESTORE", "", r#"{"kind":"device_added","account":"{extra}","device":"{extra_device}"}"#, OPEN, NOBODY),
    ("RESTORE", "", r#"{"kind":"device_removed","account":"{extra}","device":"{extra_device}"}"#, OPEN, NOBODY),
    // It only names a membership: the device is there before and after.
    (
        "RESTORE",
        "",
        r#"{"kind":"device_added","account":"{extra}","device":"{extra_device}"}"#,
        SEALED,
        MEMBERS_RESTORE,
    ),
    (
        "RESTORE",
        "",
        r#"{"kind":"device_removed","account":"{extra}","device":"{extra_device}"}"#,
        SEALED,
        MEMBERS_RESTORE,
    ),
    (
        "RESTORE",
        "",
        r#"{"kind":"created","chat_kind":"group","sealed":false,"title":"Mine","description":"",
            "members":[{"account":"{actor}","username":"x","role":"owner"}]}"#,
        ALL_KINDS,
        NOBODY,
    ),
    // Sessions.
    (
        "WS",
        r#"{"type":"append","chat":"{chat}","id":"{event}","payload":{"open":{"kind":"text","text":"hello"}}}"#,
        "",
        OPEN,
        SENDERS,
    ),
    ("WS", r#"{"type":"append","chat":"{chat}","id":"{event}","payload":{"sealed":"aGk="}}"#, "", SEALED, SENDERS),
    (
        "WS",
        r#"{"type":"append","chat":"{chat}","id":"{event}","payload":{"open":{"kind":"delete","target":{message}}}}"#,
        "",
        OPEN,
        NOT_THEIRS,
    ),
    ("WS", r#"{"type":"mark","chat":"{chat}","scope":"own","mark":"{\"seq\":1}"}"#, "", ALL_KINDS, SENDERS),
    ("WS", r#"{"type":"mark","chat":"{chat}","scope":"chat","mark":"{\"seq\":1}"}"#, "", NO_CHANNELS, SENDERS),
    ("WS", r#"{"type":"mark","chat":"{chat}","scope":"chat","mark":"{\"seq\":1}"}"#, "", CHANNELS, WRONG_FORM),
    ("WS", r#"{"type":"signal","chat":"{chat}","to":"{peer}","body":"sealed"}"#, "", ALL_KINDS, SENDERS),
    ("WS", r#"{"type":"typing","chat":"{chat}","on":true}"#, "", ALL_KINDS, HEARERS),
    ("WS", r#"{"type":"ack","logs":[{"log":"{chat}","seq":1000000}]}"#, "", ALL_KINDS, ALL),
    ("WS", r#"{"type":"resume","chat":"{chat}"}"#, "", ALL_KINDS, ALL),
    ("WS", r#"{"type":"presence","state":"online"}"#, "", ANY, ALL),
    ("WS", r#"{"type":"subscribe","req":999,"patterns":["tea.>"]}"#, "", ANY, ALL),
    ("WS", r#"{"type":"publish","req":999,"topic":"tea.green","data":"x"}"#, "", ANY, ALL),
    ("WS", r#"{"type":"unsubscribe","req":999,"patterns":["tea.>"]}"#, "", ANY, ALL),
    ("WS", r#"{"type":"subscribers","req":999,"topic":"tea.green"}"#, "", ANY, ALL),
    ("READ", "", "", ALL_KINDS, HEARERS),
    ("HELLO", "", "", ALL_KINDS, HEARERS),
];
