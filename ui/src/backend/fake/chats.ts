// The part of the backend that concerns chats, their members and invites.

import type { Backend } from "../backend";
import type { ChatKind, FoundChat, Role } from "../types";
import { clock } from "../../state/clock.svelte";
import { id } from "./ids";
import { Log } from "./log";
import { type Chat, refuse, type World } from "./world";

type Part = Pick<
  Backend,
  | "chats"
  | "chat"
  | "newDirect"
  | "newGroup"
  | "newChannel"
  | "findPublic"
  | "join"
  | "showInvite"
  | "joinByInvite"
  | "createInvite"
  | "invites"
  | "revokeInvite"
  | "leave"
  | "deleteChat"
  | "describe"
  | "setRetention"
  | "members"
  | "addMember"
  | "removeMember"
  | "setRole"
  | "mute"
  | "pin"
  | "archive"
  | "setDraft"
>;

export function chats(world: World): Part {
  const changed = (chat: string) => world.tell({ event: "chat", chat });

  function make(kind: ChatKind, name: string, description: string, members: Chat["members"]): Chat {
    const chat = emptyChat(id(`${kind} ${name} ${world.chats.size} ${clock.now()}`), kind, name);
    chat.description = description;
    chat.members = members;
    world.chats.set(chat.id, chat);
    if (kind !== "direct") note(chat, "created", name);
    changed(chat.id);
    return chat;
  }

  function note(
    chat: Chat,
    what:
      "created" | "member_added" | "member_removed" | "role_changed" | "renamed" | "described" | "retention_changed",
    subject: string,
  ) {
    world.write(chat, { kind: "change", what, subject, delivery: { state: "received" } } as never);
    if (chat.unreadFrom === chat.log.length - 1) chat.unreadFrom += 1;
    changed(chat.id);
  }

  function enter(chat: Chat): string {
    world.listed = world.listed.filter((other) => other.id !== chat.id);
    if (!chat.members.some((member) => member.account === world.account)) {
      chat.members.push({ account: world.account, role: "member" });
      if (chat.memberCount !== null) chat.memberCount += 1;
    }
    chat.status = "active";
    world.chats.set(chat.id, chat);
    changed(chat.id);
    return chat.id;
  }

  function invited(code: string) {
    for (const chat of [...world.chats.values(), ...world.listed]) {
      const invite = chat.invites.find((candidate) => candidate.code === code);
      if (!invite) continue;
      if (invite.expires_at < clock.now()) refuse("not_found", "This invite has expired. Ask for a new one.");
      return { invite, chat };
    }
    return refuse("not_found", "This invite is not valid. Ask for a new one.");
  }

  return {
    async chats() {
      if (world.delay === Infinity) return new Promise(() => {});
      const views = [...world.chats.values()].map((chat) => world.view(chat));
      return views.sort((a, b) => Number(b.pinned) - Number(a.pinned) || b.last_at - a.last_at);
    },

    async chat(chat) {
      return world.view(world.chat(chat));
    },

    async newDirect(member) {
      const person = world.people.get(member) ?? world.named(member);
      const known = [...world.chats.values()].find((chat) => world.peer(chat)?.id === person.id);
      if (known) return known.id;
      world.requireRelay();
      const members: Chat["members"] = [world.account, person.id].map((account) => ({ account, role: "member" }));
      return make("direct", person.username, "", members).id;
    },

    async newGroup(title, members) {
      world.requireRelay();
      const others = members.map((member) => (world.people.get(member) ?? world.named(member)).id);
      const all = others.map((account) => ({ account, role: "member" as Role }));
      return make("group", named(title), "", [{ account: world.account, role: "owner" }, ...all]).id;
    },

    async newChannel(title, description, isPublic) {
      world.requireRelay();
      const kind = isPublic ? "public_channel" : "private_channel";
      return make(kind, named(title), description, [{ account: world.account, role: "owner" }]).id;
    },

    async findPublic(query) {
      world.requireRelay();
      const wanted = query.trim().toLocaleLowerCase();
      const mine = [...world.chats.values()].filter((chat) => chat.kind === "public_channel");
      return [...world.listed, ...mine]
        .filter((chat) => chat.name.toLocaleLowerCase().includes(wanted))
        .map((chat): FoundChat => {
          const role = world.view(chat).role;
          return {
            id: chat.id,
            type: "public_channel",
            title: chat.name,
            description: chat.description,
            member_count: chat.memberCount ?? chat.members.length,
            ...(role && { role }),
          };
        });
    },

    async join(chat) {
      world.requireRelay();
      enter(world.listed.find((other) => other.id === chat) ?? world.chat(chat));
    },

    async showInvite(code) {
      world.requireRelay();
      return invited(code).invite;
    },

    async joinByInvite(code) {
      world.requireRelay();
      const { invite, chat } = invited(code);
      if (invite.uses_left !== undefined) invite.uses_left -= 1;
      return enter(chat);
    },

    async createInvite(chatId, expiresIn, uses) {
      world.requireRelay();
      const chat = world.chat(chatId);
      const code = id(`${chat.id} invite ${chat.invites.length} ${clock.now()}`).replace(/-/g, "").slice(0, 22);
      const expires_at = clock.now() + (expiresIn ?? 365 * 86_400) * 1000;
      const invite = { code, chat: chat.id, title: chat.name, expires_at, ...(uses !== null && { uses_left: uses }) };
      chat.invites.push(invite);
      return invite;
    },

    async invites(chat) {
      world.requireRelay();
      return world.chat(chat).invites.filter((invite) => invite.expires_at > clock.now() && invite.uses_left !== 0);
    },

    async revokeInvite(chatId, code) {
      world.requireRelay();
      const chat = world.chat(chatId);
      chat.invites = chat.invites.filter((invite) => invite.code !== code);
    },

    async leave(chatId) {
      world.requireRelay();
      const chat = world.chat(chatId);
      chat.status = "left";
      chat.members = chat.members.filter((member) => member.account !== world.account);
      changed(chatId);
    },

    async deleteChat(chatId) {
      world.requireRelay();
      const chat = world.chat(chatId);
      if (chat.kind === "direct" || world.view(chat).role !== "owner") {
        refuse("invalid", "Only the owner can delete this chat.");
      }
      world.chats.delete(chatId);
      changed(chatId);
    },

    async describe(chatId, title, description) {
      world.requireRelay();
      const chat = world.chat(chatId);
      if (title !== null && title !== chat.name) {
        chat.name = named(title);
        note(chat, "renamed", chat.name);
      }
      if (description !== null && description !== chat.description) {
        chat.description = description;
        note(chat, "described", description);
      }
    },

    async setRetention(chatId, seconds) {
      world.requireRelay();
      const chat = world.chat(chatId);
      if (chat.kind !== "direct" && world.view(chat).role === "member") {
        refuse("forbidden", "Only its owner and admins can change how long messages are kept.");
      }
      if (seconds === chat.retention) return;
      world.keep(chat, seconds);
      note(chat, "retention_changed", seconds === null ? "" : String(seconds));
      world.expire(chat);
    },

    async members(chatId) {
      const chat = world.chat(chatId);
      const direct = !chat.kind.endsWith("channel");
      return chat.members.map(({ account, role }) => {
        const person = world.people.get(account);
        const relay = world.connection.state === "online" && person?.route !== "wait" ? "relay" : "wait";
        const linked = person && person.route !== "relay" && person.route !== "wait";
        return {
          account,
          username: world.username(account),
          role,
          devices: direct ? 1 : 0,
          presence: person?.presence ?? { state: "online", last_seen: null },
          route: direct && person ? (linked ? person.route : relay) : null,
          round_trip: direct && linked ? (person.roundTrip ?? null) : null,
        };
      });
    },

    async addMember(chatId, member) {
      world.requireRelay();
      const chat = world.chat(chatId);
      const person = world.people.get(member) ?? world.named(member);
      if (chat.members.some((other) => other.account === person.id)) {
        refuse("invalid", `${person.username} is a member already.`);
      }
      chat.members.push({ account: person.id, role: "member" });
      note(chat, "member_added", person.username);
    },

    async removeMember(chatId, account) {
      world.requireRelay();
      const chat = world.chat(chatId);
      chat.members = chat.members.filter((member) => member.account !== account);
      note(chat, "member_removed", world.username(account));
    },

    async setRole(chatId, account, role) {
      world.requireRelay();
      const chat = world.chat(chatId);
      chat.members = chat.members.map((member) => {
        if (member.account === account) return { account, role };
        return role === "owner" && member.role === "owner" ? { ...member, role: "admin" as Role } : member;
      });
      note(chat, "role_changed", world.username(account));
    },

    async mute(chat, until) {
      world.chat(chat).mutedUntil = until === "forever" ? Number.MAX_SAFE_INTEGER : until;
      changed(chat);
    },

    async pin(chat, pinned) {
      world.chat(chat).pinned = pinned;
      changed(chat);
    },

    async archive(chat, archived) {
      world.chat(chat).archived = archived;
      changed(chat);
    },

    async setDraft(chat, draft) {
      world.chat(chat).draft = draft;
      changed(chat);
    },
  };
}

export function emptyChat(chatId: string, kind: ChatKind, name: string): Chat {
  return {
    id: chatId,
    kind,
    name,
    description: "",
    status: "active",
    members: [],
    memberCount: null,
    log: new Log(),
    unreadFrom: 0,
    mutedUntil: null,
    pinned: false,
    archived: false,
    retention: null,
    retentionSince: 0,
    draft: "",
    createdAt: clock.now(),
    invites: [],
  };
}

function named(title: string): string {
  const trimmed = title.trim();
  if (!trimmed || trimmed.length > 128) refuse("invalid", "A name has 1 to 128 characters.");
  return trimmed;
}
