// What one may do in a chat, as the relay judges it: admins add, remove members and invite; the owner gives roles, removes
// admins, hands over and deletes.

import type { ChatView, MemberView } from "../backend/types";

/** Add people, make invites, rename, describe. */
export function mayManage(chat: ChatView): boolean {
  return chat.kind !== "direct" && chat.status === "active" && (chat.role === "admin" || chat.role === "owner");
}

export function mayRemove(chat: ChatView, member: MemberView): boolean {
  if (!mayManage(chat) || member.role === "owner") return false;
  return chat.role === "owner" || member.role === "member";
}

/** Roles, handing over, deleting for everyone. */
export function owns(chat: ChatView): boolean {
  return chat.kind !== "direct" && chat.status === "active" && chat.role === "owner";
}

/** The owner hands it over or deletes it first, unless nobody else is in it. */
export function mayLeave(chat: ChatView): boolean {
  return chat.kind !== "direct" && chat.status === "active" && (chat.role !== "owner" || chat.member_count <= 1);
}

/** For how long messages are kept. */
export function mayKeep(chat: ChatView): boolean {
  return chat.kind === "direct" ? chat.status === "active" && !chat.blocked : mayManage(chat);
}
