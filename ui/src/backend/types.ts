// What the engine shows, as it crosses into the screen. Times are milliseconds since the Unix epoch, ids are UUIDs.

export type AccountId = string;
export type DeviceId = string;
export type ChatId = string;
export type MessageId = string;
export type Millis = number;

export type ChatKind = "direct" | "group" | "private_channel" | "public_channel";
export type Role = "member" | "admin" | "owner";
export type Route = "lan" | "direct" | "turn" | "relay" | "wait";
export type ChatStatus = "active" | "left" | "deleted";
export type PresenceState = "online" | "away" | "offline";
export type DirectLinks = "everybody" | "verified" | "never";

/** Who is signed in to this profile. */
export interface Me {
  account: AccountId;
  username: string;
  device: DeviceId;
  /** As `http://…` or `https://…`. */
  relay: string;
}

/** How the engine stands with its relay. */
export type Connection =
  | { state: "signed_out"; reason: string | null }
  | { state: "connecting" }
  /** `behind` entries are still to come; 0 when caught up. */
  | { state: "online"; behind: number }
  | { state: "offline"; reason: string; retry_at: Millis }
  | { state: "incompatible"; reason: string };

export interface RouteView {
  route: Route;
  /** Microseconds; null while unknown. */
  round_trip: number | null;
  since: Millis;
  /** Devices of the conversation that have an open link, other than this one. */
  linked: number;
  /** Devices of the conversation other than this one. */
  devices: number;
}

export interface PresenceView {
  state: PresenceState;
  last_seen: Millis | null;
}

export interface MessageKey {
  device: DeviceId;
  id: MessageId;
}

export interface ChatView {
  id: ChatId;
  kind: ChatKind;
  sealed: boolean;
  name: string;
  description: string;
  status: ChatStatus;
  role: Role | null;
  peer: AccountId | null;
  presence: PresenceView | null;
  member_count: number;
  unread: number;
  mentions: number;
  /** Silent until then; null if it is not muted. */
  muted_until: Millis | null;
  pinned: boolean;
  archived: boolean;
  blocked: boolean;
  draft: string;
  last: MessageView | null;
  last_at: Millis;
  route: RouteView;
}

export type Delivery =
  | { state: "waiting" }
  | { state: "sent" }
  | { state: "delivered" }
  | { state: "read" }
  | { state: "failed"; reason: string }
  | { state: "received" };

/** `what` of a change line. */
export type ChangeKind =
  | "created"
  | "member_added"
  | "member_removed"
  | "role_changed"
  | "owner_changed"
  | "renamed"
  | "described";

export type MessageKind =
  | { kind: "text" }
  | { kind: "change"; what: ChangeKind; subject: string }
  | { kind: "gap"; count: number | null; why: string };

/** Opaque: a place in a conversation's order. Pass it back in a `Page`. */
export type Position = string;

export interface Quote extends MessageKey {
  /** Empty if this device does not have the message. */
  username: string;
  text: string;
}

export interface ReactionView {
  emoji: string;
  accounts: AccountId[];
  own: boolean;
}

/** A line of a conversation. */
export type MessageView = MessageKey &
  MessageKind & {
    chat: ChatId;
    position: Position;
    account: AccountId;
    username: string;
    own: boolean;
    /** Empty once deleted. */
    text: string;
    reply_to: Quote | null;
    mentions: AccountId[];
    sent_at: Millis;
    received_at: Millis;
    edited_at: Millis | null;
    deleted: boolean;
    reactions: ReactionView[];
    delivery: Delivery;
    /** By which route it came, or first went. */
    route: Route;
  };

/** Which part of a conversation. Lines come oldest first. */
export type Page =
  | { page: "newest" }
  /** The nearest ones before a place. */
  | { page: "before"; position: Position }
  /** The nearest ones after a place. */
  | { page: "after"; position: Position }
  /** Those around a message, it included. */
  | ({ page: "around" } & MessageKey)
  /** Those from the first one at or after a time on, with some before. */
  | { page: "at"; time: Millis }
  /** Those from the first unread one on, with some before. */
  | { page: "unread" };

/** How far one device of a conversation has a message. */
export interface DeviceDelivery {
  account: AccountId;
  username: string;
  device: DeviceId;
  delivered: boolean;
  read: boolean;
}

export interface Hit {
  message: MessageView;
  chat_name: string;
}

export interface MemberView {
  account: AccountId;
  username: string;
  role: Role;
  /** How many devices take part, in direct chats and groups. */
  devices: number;
  presence: PresenceView;
  /** How messages travel to them now; null in channels and for oneself. */
  route: Route | null;
}

export interface Outgoing {
  text: string;
  reply_to: MessageKey | null;
  mentions: AccountId[];
}

/** What the person chose, kept by the engine in the profile. */
export interface Settings {
  direct_links: DirectLinks;
  read_marks: boolean;
  typing: boolean;
}

/** What a relay says of itself to anybody. */
export interface RelayInfo {
  /** Its address, in full. */
  relay: string;
  /** As the operator named it; its host if not. */
  name: string;
  version: string;
  registration: "open" | "invite" | "closed";
  /** Seconds for which it keeps what is undelivered in direct chats and groups. */
  retention: number;
}

export interface User {
  id: AccountId;
  username: string;
  presence: PresenceState;
  last_seen?: Millis;
}

export interface Account extends User {
  email: string;
  show_presence: boolean;
}

export interface Device {
  id: DeviceId;
  name: string;
  created_at: Millis;
  last_seen: Millis;
  online: boolean;
  signed_in: boolean;
  current: boolean;
}

/** A public channel found on the relay. */
export interface FoundChat {
  id: ChatId;
  type: "single" | "group" | "private_channel" | "public_channel";
  title: string;
  description: string;
  member_count: number;
  role?: Role;
}

export interface Invite {
  code: string;
  chat: ChatId;
  title: string;
  expires_at: Millis;
  uses_left?: number;
}

/** What happens, as it happens. Events carry ids; whoever shows more asks for a view. */
export type Event =
  | ({ event: "connection" } & Connection)
  /** A message came from somebody else or another device of one's own. */
  | ({ event: "message"; chat: ChatId; notify: boolean } & MessageKey)
  /** Edited, deleted, a reaction, sent, delivered, read, failed. */
  | ({ event: "message_changed"; chat: ChatId } & MessageKey)
  /** The states of own messages in this chat may have changed. */
  | { event: "marks"; chat: ChatId }
  /** The chat is new, or its title, members, unread count, draft, lines or status changed. */
  | { event: "chat"; chat: ChatId }
  | ({ event: "route"; chat: ChatId } & RouteView)
  | { event: "presence"; account: AccountId }
  | { event: "typing"; chat: ChatId; account: AccountId; on: boolean }
  | { event: "topic"; topic: string; from: { account: AccountId; device: DeviceId }; data: string }
  | { event: "topic_lost"; count: number }
  | { event: "notice"; chat: ChatId | null; code: string; message: string }
  /** Events were missed: ask for every view again. */
  | { event: "lagged" }
  /** From the shell: a notification, the tray or a second start asks for a chat. */
  | { event: "open_chat"; chat: ChatId; key: MessageKey | null }
  /** From the shell: a `parley://` link was opened. */
  | { event: "open_link"; link: string }
  /** From the shell: a menu item was chosen, by the name of its action. */
  | { event: "action"; action: string }
  /** From the shell: the engine has stopped and nothing works until it is opened again. */
  | { event: "stopped"; message: string };

/** What the person chose for this window, kept by the shell for the profile. */
export interface Preferences {
  theme: "system" | "light" | "dark";
  /** A language tag, or null to follow the system. */
  language: string | null;
  /** 0.5 to 3. */
  zoom: number;
  /** Whether Enter sends and Shift-Enter breaks the line, or the reverse with Ctrl-Enter. */
  enter_sends: boolean;
  notifications: boolean;
  /** Whether notifications show who wrote and what. */
  notification_text: "name_and_text" | "name" | "nothing";
  close_to_tray: boolean;
  autostart: boolean;
}

/** A profile on this machine. */
export interface ProfileView {
  name: string;
  /** Who is signed in there, if that is known. */
  username: string | null;
  current: boolean;
}

/** What the screen needs to begin. */
export type Start =
  | {
      state: "ready";
      me: Me | null;
      connection: Connection;
      profile: string;
      preferences: Preferences;
      about: About;
      /** A `parley://` link this start was asked to open. */
      link: string | null;
    }
  /** The profile cannot be opened. */
  | { state: "broken"; code: ErrorCode; message: string; profile: string; preferences: Preferences; about: About };

export interface About {
  version: string;
  platform: "linux" | "macos" | "windows" | "browser";
  /** The system's languages, first choice first. */
  languages: string[];
  /** Where the profile lies on disk. */
  folder: string;
  /** Whether tokens stand in the system's keychain; false says they stand in the profile's folder. */
  keychain: boolean;
  /** Whether there is a tray to close to. */
  tray: boolean;
}

/** Codes on which the screen branches. The relay may send others. */
export type ErrorCode =
  | "unreachable"
  | "signed_out"
  | "signed_in"
  | "profile_in_use"
  | "profile_newer"
  | "storage"
  | "not_found"
  | "invalid"
  | "closed"
  | "wrong_credentials"
  | "name_taken"
  | "registration_closed"
  | "rate_limited"
  | "version_mismatch"
  | (string & {});

/** How every call fails. */
export interface Failure {
  code: ErrorCode;
  /** For a person: what happened, and what to do. */
  message: string;
  /** Seconds after which trying again makes sense. */
  retry_after?: number;
}
