// What the engine shows, as it crosses into the screen. The types are written from Rust's (`make types`); this gives them to the
// screen under one roof, with the few names that only the screen needs. Times are milliseconds since the Unix epoch, ids are UUIDs.

import type { Account } from "./generated/Account";

export type { About } from "./generated/About";
export type { Account } from "./generated/Account";
export type { AccountId } from "./generated/AccountId";
export type { Activity } from "./generated/Activity";
export type { ChatId } from "./generated/ChatId";
export type { ChatKind } from "./generated/ChatKind";
export type { ChatStatus } from "./generated/ChatStatus";
export type { ChatView } from "./generated/ChatView";
export type { Connection } from "./generated/Connection";
export type { Delivery } from "./generated/Delivery";
export type { DeviceDelivery } from "./generated/DeviceDelivery";
export type { DeviceId } from "./generated/DeviceId";
export type { DeviceView } from "./generated/DeviceView";
export type { DirectLinks } from "./generated/DirectLinks";
export type { ErrorCode } from "./generated/ErrorCode";
export type { Event } from "./generated/Event";
export type { Failure } from "./generated/Failure";
export type { FoundChat } from "./generated/FoundChat";
export type { Hit } from "./generated/Hit";
export type { Invite } from "./generated/Invite";
export type { Me } from "./generated/Me";
export type { MemberView } from "./generated/MemberView";
export type { MessageId } from "./generated/MessageId";
export type { MessageKey } from "./generated/MessageKey";
export type { MessageView } from "./generated/MessageView";
export type { Outgoing } from "./generated/Outgoing";
export type { Page } from "./generated/Page";
export type { Position } from "./generated/Position";
export type { Preferences } from "./generated/Preferences";
export type { PresenceState } from "./generated/PresenceState";
export type { PresenceView } from "./generated/PresenceView";
export type { ProfileView } from "./generated/ProfileView";
export type { Quote } from "./generated/Quote";
export type { ReactionView } from "./generated/ReactionView";
export type { Registration } from "./generated/Registration";
export type { RelayInfo } from "./generated/RelayInfo";
export type { Role } from "./generated/Role";
export type { Route } from "./generated/Route";
export type { RouteView } from "./generated/RouteView";
export type { Settings } from "./generated/Settings";
export type { ShowPresence } from "./generated/ShowPresence";
export type { Start } from "./generated/Start";

export type Millis = number;

/** Somebody on the relay: what of an account others see. */
export type User = Omit<Account, "email" | "show_presence">;
